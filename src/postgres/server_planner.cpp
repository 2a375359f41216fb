#include "postgres/server_planner.hpp"

#include "base/text.hpp"
#include "postgres/plannable_text.hpp"
#include "postgres/server_error.hpp"
#include "postgres/type_search.hpp"

namespace pganalytics::postgres {
namespace {

using base::Error;
using base::ErrorCode;

constexpr std::string_view prepared_name = "pganalytics_plan";

/// A text that the server prepares, and how it came about.
struct Plannable {
    std::string text;
    std::vector<std::uint32_t> types;
    std::vector<std::string> repairs;
    int parameters = 0;
    bool dml_as_select = false;
};

/// Whether a text that fails so may still be mended: the rest (no such table, no privilege, time-outs) is final.
bool may_be_mended(const ServerError& error) {
    for (const std::string_view state : {"42601", "42803", "42P10", "42P13", "42P02"}) {
        if (error.sqlstate == state) return true;
    }
    return is_about_types(error);
}

}  // namespace

struct ServerPlanner::Impl {
    Connection& connection;
    ServerPlannerOptions options;
    std::unordered_map<std::string, Plannable> known;
    std::optional<std::string> hypopg_schema;

    // One plan() call; cleaned up by `end`.
    bool begun = false;
    bool prepared = false;
    bool hypothetical = false;
    bool hint_is_ours = false;          ///< a failure was given its hint where it happened
    std::optional<Error> last_failure;  ///< of try_prepare

    Impl(Connection& c, ServerPlannerOptions o) : connection(c), options(o) {}

    base::Status begin(const plan::WhatIf& what_if);
    void end();
    std::optional<ServerError> try_prepare(const std::string& text, const std::vector<std::uint32_t>& types);
    base::Status back_to_savepoint();
    base::Result<Plannable> climb(std::string_view statement);
    base::Result<plan::PlannedStatement> explain(const Plannable& plannable, const plan::WhatIf& what_if);
    base::Status suppose(const std::vector<std::string>& statements, std::vector<plan::HypotheticalIndex>& made);
    base::Status find_hypopg();
    base::Result<plan::PlannedStatement> run(std::string_view statement, const plan::WhatIf& what_if);
    Error with_grant(Error error) const;
    void remember(std::string_view statement, const Plannable& plannable);
};

base::Status ServerPlanner::Impl::begin(const plan::WhatIf& what_if) {
    begun = prepared = hypothetical = hint_is_ours = false;
    std::string settings =
        "SELECT pg_catalog.set_config('statement_timeout', '" + std::to_string(options.statement_timeout.count()) +
        "', true), pg_catalog.set_config('lock_timeout', '" + std::to_string(options.lock_timeout.count()) + "', true)";
    Parameters values;
    for (const auto& [name, value] : what_if.settings) {
        settings += ", pg_catalog.set_config($" + std::to_string(values.size() + 1) + ", $" +
                    std::to_string(values.size() + 2) + ", true)";
        values.emplace_back(name);
        values.emplace_back(value);
    }
    settings += ", pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', true)";
    const std::vector<std::pair<std::string, Parameters>> statements{
        {"BEGIN READ ONLY", {}}, {settings, values}, {"SAVEPOINT pganalytics", {}}};
    begun = true;
    const auto done = connection.pipeline(statements);
    if (!done) return done.error();
    return {};
}

base::Status ServerPlanner::Impl::back_to_savepoint() {
    PGANALYTICS_ASSIGN(const auto done, connection.query("ROLLBACK TO SAVEPOINT pganalytics"));
    return {};
}

void ServerPlanner::Impl::end() {
    if (!begun || !connection.healthy()) return;
    begun = false;
    // Prepared statements and hypothetical indexes outlive the transaction: each is undone even where it has failed.
    const bool failed = !back_to_savepoint();
    std::vector<std::pair<std::string, Parameters>> statements;
    if (prepared && !failed) statements.emplace_back("DEALLOCATE " + std::string(prepared_name), Parameters{});
    if (hypothetical && !failed) {
        statements.emplace_back("SELECT " + identifier(*hypopg_schema).text() + ".hypopg_reset()", Parameters{});
    }
    statements.emplace_back("ROLLBACK", Parameters{});
    if (!connection.pipeline(statements) && connection.healthy()) static_cast<void>(connection.query("ROLLBACK"));
}

std::optional<ServerError> ServerPlanner::Impl::try_prepare(const std::string& text,
                                                            const std::vector<std::uint32_t>& types) {
    if (prepared) {
        static_cast<void>(connection.query("DEALLOCATE " + std::string(prepared_name)));
        prepared = false;
    }
    const auto done = connection.prepare(prepared_name, text, types);
    if (done) {
        prepared = true;
        return std::nullopt;
    }
    last_failure = done.error();
    const auto said = connection.last_server_error();
    if (connection.healthy()) static_cast<void>(back_to_savepoint());
    return said;
}

base::Result<Plannable> ServerPlanner::Impl::climb(std::string_view statement) {
    Plannable plannable{std::string(statement), {}, {}, parameter_count(statement), false};
    const auto first = try_prepare(plannable.text, {});
    // A utility statement is prepared without complaint and only EXPLAIN would refuse it: the parser knows.
    auto tidy = deparsed(statement);
    const bool only_wraps = tidy && tidy->repairs.front().starts_with("the query");
    if (!first && !only_wraps) {
        if (!tidy && tidy.error().field == not_plannable) return tidy.error();
        return plannable;
    }
    if (first && !may_be_mended(*first)) return *last_failure;

    auto said = first;
    auto error = last_failure;
    const auto climb_to = [&](const EditedText& edited) {
        plannable.text = edited.text;
        plannable.parameters = parameter_count(edited.text);
        plannable.repairs.insert(plannable.repairs.end(), edited.repairs.begin(), edited.repairs.end());
        said = try_prepare(plannable.text, {});
        if (said) error = last_failure;
        return !said;
    };
    if (tidy) {
        if (climb_to(*tidy)) return plannable;
        if (auto mended = repaired(plannable.text, connection.server_version()); mended && !mended->repairs.empty()) {
            if (climb_to(*mended)) return plannable;
        }
    }
    const auto types = search_types(
        plannable.text, plannable.parameters, *said,
        [&](const std::vector<std::uint32_t>& t) { return try_prepare(plannable.text, t); }, options.max_type_tries);
    if (types) {
        plannable.types = *types;
        for (std::size_t i = 0; i < types->size(); ++i) {
            if ((*types)[i] == 0) continue;
            plannable.repairs.push_back("$" + std::to_string(i + 1) + " is taken as " +
                                        std::string(type_name((*types)[i])));
        }
        return plannable;
    }
    if (!connection.healthy()) return *last_failure;
    return *error;
}

base::Status ServerPlanner::Impl::find_hypopg() {
    if (hypopg_schema) return {};
    PGANALYTICS_ASSIGN(const auto rows,
                       connection.query("SELECT n.nspname, pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
                                        " FROM pg_catalog.pg_extension e"
                                        " JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace"
                                        " WHERE e.extname = 'hypopg'"));
    if (!rows.empty()) {
        const auto schema = rows.text(0, 0);
        if (!rows.boolean(0, 1)) {
            return Error{
                ErrorCode::grant_access, "The role may not use HypoPG, which is in schema " + schema,
                "GRANT USAGE ON SCHEMA " + identifier(schema).text() + " TO " + identifier(connection.user()).text(),
                ""};
        }
        hypopg_schema = schema;
        return {};
    }
    PGANALYTICS_ASSIGN(const auto available, connection.query("SELECT 1 FROM pg_catalog.pg_available_extensions"
                                                              " WHERE name = 'hypopg'"));
    return Error{ErrorCode::install_extension,
                 "Hypothetical indexes need the extension HypoPG, which is not in database " + connection.database(),
                 available.empty() ? "Install the server's package for it (on Debian postgresql-" +
                                         std::to_string(connection.server_version() / 10000) +
                                         "-hypopg), then CREATE EXTENSION hypopg"
                                   : "CREATE EXTENSION hypopg",
                 ""};
}

base::Status ServerPlanner::Impl::suppose(const std::vector<std::string>& statements,
                                          std::vector<plan::HypotheticalIndex>& made) {
    if (statements.empty()) return {};
    PGANALYTICS_RETURN_IF_ERROR(find_hypopg());
    const auto schema = identifier(*hypopg_schema).text();
    hypothetical = true;
    for (const auto& statement : statements) {
        const auto created =
            connection.query("SELECT i.indexname, " + schema + ".hypopg_relation_size(i.indexrelid) FROM " + schema +
                                 ".hypopg_create_index($1) i",
                             {statement});
        if (!created) {
            auto error = created.error();
            if (error.code == ErrorCode::unsupported) {
                error.message = "HypoPG cannot suppose this index: " + error.message;
                error.hint = "It knows btree, hash and brin indexes, partial and covering ones and expressions";
            }
            return error;
        }
        if (created->empty()) return Error{ErrorCode::fix_input, "This is no CREATE INDEX statement", "", ""};
        made.push_back({statement, created->text(0, 0), base::Bytes{created->integer(0, 1).value_or(0)}});
    }
    return {};
}

Error ServerPlanner::Impl::with_grant(Error error) const {
    if (error.code != ErrorCode::grant_access || hint_is_ours) return error;
    const auto role = identifier(connection.user()).text();
    error.hint = connection.server_version() >= 140000
                     ? "GRANT pg_read_all_data TO " + role
                     : "GRANT USAGE ON SCHEMA … TO " + role + "; GRANT SELECT ON ALL TABLES IN SCHEMA … TO " + role;
    return error;
}

void ServerPlanner::Impl::remember(std::string_view statement, const Plannable& plannable) {
    if (known.size() >= options.cached_texts) known.clear();
    known.emplace(statement, plannable);
}

base::Result<plan::PlannedStatement> ServerPlanner::Impl::explain(const Plannable& plannable,
                                                                  const plan::WhatIf& what_if) {
    std::string execute = "EXPLAIN (FORMAT JSON, VERBOSE, SETTINGS) EXECUTE " + std::string(prepared_name);
    for (int i = 0; i < plannable.parameters; ++i) execute += i == 0 ? "(NULL" : ", NULL";
    if (plannable.parameters > 0) execute += ")";
    std::vector<std::pair<std::string, Parameters>> statements;
    // NULL for the partition key would prune every partition, and the cost would be that of an empty result.
    const bool no_pruning = plannable.parameters > 0 && !what_if.settings.contains("enable_partition_pruning");
    if (no_pruning) statements.emplace_back("SET LOCAL enable_partition_pruning = off", Parameters{});
    statements.emplace_back(execute, Parameters{});
    auto results = connection.pipeline(statements);
    if (!results) return std::move(results).error();
    const auto& rows = results->back();
    if (rows.empty()) return Error{ErrorCode::internal, "EXPLAIN gave no answer", "", ""};
    auto json = rows.text(0, 0);
    for (std::size_t i = 1; i < rows.size(); ++i) json += "\n" + rows.text(i, 0);

    plan::PlannedStatement planned;
    PGANALYTICS_ASSIGN(planned.plan, plan::parse_explain_json(json));
    planned.plan.settings.erase("plan_cache_mode");
    if (no_pruning) planned.plan.settings.erase("enable_partition_pruning");
    planned.explain_json = std::move(json);
    planned.source = plannable.parameters > 0 ? plan::PlanSource::generic : plan::PlanSource::literals;
    planned.planned_text = plannable.text;
    planned.repairs = plannable.repairs;
    planned.dml_as_select = plannable.dml_as_select;
    return planned;
}

base::Result<plan::PlannedStatement> ServerPlanner::Impl::run(std::string_view statement, const plan::WhatIf& what_if) {
    PGANALYTICS_RETURN_IF_ERROR(begin(what_if));
    Plannable plannable;
    const auto remembered = known.find(std::string(statement));
    if (remembered != known.end() && !try_prepare(remembered->second.text, remembered->second.types)) {
        plannable = remembered->second;
    } else {
        PGANALYTICS_ASSIGN(plannable, climb(statement));
    }
    std::vector<plan::HypotheticalIndex> supposed;
    PGANALYTICS_RETURN_IF_ERROR(suppose(what_if.hypothetical_indexes, supposed));

    auto planned = explain(plannable, what_if);
    if (!planned && planned.error().code == ErrorCode::grant_access && !plannable.dml_as_select) {
        const auto select = as_select(plannable.text);
        if (!connection.healthy()) return planned;
        if (!select) {
            auto error = planned.error();
            error.hint = "Planning this statement takes the privilege to write, since it has no equivalent SELECT: " +
                         select.error().message;
            hint_is_ours = true;
            return error;
        }
        PGANALYTICS_RETURN_IF_ERROR(back_to_savepoint());
        PGANALYTICS_ASSIGN(auto as_query, climb(select->text));
        as_query.dml_as_select = true;
        as_query.repairs.insert(as_query.repairs.begin(), select->repairs.begin(), select->repairs.end());
        as_query.repairs.insert(as_query.repairs.begin(), plannable.repairs.begin(), plannable.repairs.end());
        plannable = std::move(as_query);
        planned = explain(plannable, what_if);
    }
    if (!planned) return planned;
    planned->hypothetical = std::move(supposed);
    remember(statement, plannable);
    return planned;
}

ServerPlanner::ServerPlanner(Connection& connection, ServerPlannerOptions options)
    : impl_(std::make_unique<Impl>(connection, options)) {}
ServerPlanner::~ServerPlanner() = default;

base::Result<plan::PlannedStatement> ServerPlanner::plan(std::string_view statement, const plan::WhatIf& what_if) {
    if (impl_->connection.healthy() && impl_->connection.in_transaction()) {
        return Error{ErrorCode::internal, "The planner was given a connection inside a transaction", "", ""};
    }
    auto planned = impl_->run(statement, what_if);
    impl_->end();
    if (!planned) return impl_->with_grant(std::move(planned).error());
    return planned;
}

base::Status ServerPlanner::can_hypothesize() {
    return impl_->find_hypopg();
}

}  // namespace pganalytics::postgres
