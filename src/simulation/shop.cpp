#include "simulation/shop.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/text.hpp"
#include "catalog/catalog.hpp"
#include "simulation/shop_files.hpp"
#include "simulation/shop_names.hpp"
#include "sql/parse.hpp"

namespace pganalytics::simulation {

namespace {

constexpr std::chrono::minutes longest_step{10};
constexpr std::string_view step_mark = "-- step: ";

struct Step {
    std::string name;
    std::vector<std::string> statements;
};

std::string quoted(std::string_view name) {
    return catalog::quote_identifier(name);
}

base::Status run(postgres::Connection& connection, const std::string& statement) {
    const auto rows = connection.query(statement);
    if (!rows) return rows.error();
    return {};
}

base::Status run_all(postgres::Connection& connection, const std::vector<std::string>& statements) {
    for (const auto& statement : statements) PGANALYTICS_RETURN_IF_ERROR(run(connection, statement));
    return {};
}

/// A rendered file cut at its step marks.
void add_steps(std::string_view rendered, std::vector<Step>& steps) {
    auto at = rendered.find(step_mark);
    while (at != std::string_view::npos) {
        const auto end_of_line = rendered.find('\n', at);
        const auto next = rendered.find(step_mark, end_of_line);
        Step step;
        step.name = rendered.substr(at + step_mark.size(), end_of_line - at - step_mark.size());
        for (auto& part : sql::split_script(rendered.substr(end_of_line, next - end_of_line))) {
            step.statements.push_back(std::move(part.text));
        }
        steps.push_back(std::move(step));
        at = next;
    }
}

base::Result<std::vector<Step>> plan_steps(const ShopNames& names) {
    PGANALYTICS_ASSIGN(const auto schema, names.render(shop_files::schema()));
    PGANALYTICS_ASSIGN(const auto data, names.render(shop_files::data()));
    PGANALYTICS_ASSIGN(const auto indexes, names.render(shop_files::indexes()));
    std::vector<Step> steps(1);
    steps[0].name = "tables";
    for (auto& part : sql::split_script(schema)) steps[0].statements.push_back(std::move(part.text));
    add_steps(data, steps);
    add_steps(indexes, steps);
    Step statistics{"statistics", {}};
    // Visibility maps as a shop has them after its first nights: index-only scans depend on them.
    for (const auto& table : names.tables())
        statistics.statements.push_back("vacuum analyze public." + quoted(table.name));
    steps.push_back(std::move(statistics));
    return steps;
}

struct Manifest {
    std::string version, seed, scale, state, truth;
    std::vector<std::string> tables;
};

base::Result<std::optional<Manifest>> read_manifest(postgres::Connection& connection) {
    PGANALYTICS_ASSIGN(const auto exists,
                       connection.query("select to_regclass('pganalytics_sample.manifest') is not null"));
    if (!exists.boolean(0, 0)) return std::optional<Manifest>{};
    PGANALYTICS_ASSIGN(const auto rows,
                       connection.query("select version, seed, scale, state, truth, array_to_string(tables, ' ') "
                                        "from pganalytics_sample.manifest"));
    if (rows.empty()) return std::optional<Manifest>{};
    return std::optional<Manifest>{Manifest{rows.text(0, 0), rows.text(0, 1), rows.text(0, 2), rows.text(0, 3),
                                            rows.text(0, 4), base::split(rows.text(0, 5), ' ')}};
}

base::Status write_manifest(postgres::Connection& connection, const ShopTruth& truth) {
    PGANALYTICS_RETURN_IF_ERROR(run_all(
        connection,
        {"create schema if not exists pganalytics_sample",
         "comment on schema pganalytics_sample is 'The sample shop of pganalytics: what was made, so that it can be "
         "removed'",
         "create table if not exists pganalytics_sample.manifest (only_row boolean primary key default true check "
         "(only_row), "
         "version text not null, seed text not null, scale text not null, state text not null, truth text not null, "
         "tables text[] not null)",
         "delete from pganalytics_sample.manifest"}));
    std::vector<std::string> tables;
    for (const auto& table : truth.tables) tables.push_back(table.name);
    PGANALYTICS_ASSIGN(
        const auto written,
        connection.query("insert into pganalytics_sample.manifest (version, seed, scale, state, truth, tables) "
                         "values ($1, $2, $3, 'loading', $4, string_to_array($5, ' '))",
                         {truth.version, std::to_string(truth.seed), fmt::format("{:.4f}", truth.scale),
                          truth.to_text(), base::join(tables, " ")}));
    return {};
}

base::Status refuse_foreign_tables(postgres::Connection& connection, const ShopNames& names) {
    for (const auto& table : names.tables()) {
        PGANALYTICS_ASSIGN(const auto rows,
                           connection.query("select to_regclass($1) is not null", {"public." + quoted(table.name)}));
        if (!rows.boolean(0, 0)) continue;
        return base::Error{
            base::ErrorCode::conflict,
            fmt::format("{} already has a table {} that is not the sample's", connection.redacted(), table.name),
            "Make the sample in an empty database, or choose another seed.", ""};
    }
    return {};
}

/// One busy machine should show the same plans as another: no parallel workers, no JIT in this database.
base::Status set_database(postgres::Connection& connection, bool shop) {
    const auto database = quoted(connection.database());
    for (const auto* setting : {"max_parallel_workers_per_gather", "jit"}) {
        const auto change = shop ? fmt::format("set {} = 0", setting) : fmt::format("reset {}", setting);
        PGANALYTICS_RETURN_IF_ERROR(run(connection, fmt::format("alter database {} {}", database, change)));
    }
    return {};
}

base::Status prepare_session(postgres::Connection& connection) {
    connection.set_round_trip_timeout(longest_step);
    return run_all(connection,
                   {"set default_transaction_read_only = off", "set statement_timeout = 0", "set lock_timeout = '30s'",
                    "set search_path = public", "set synchronous_commit = off", "set maintenance_work_mem = '128MB'",
                    "set max_parallel_workers_per_gather = 0", "set client_min_messages = warning"});
}

/// The loading is no part of the shop's life: counters that kept it would show millions of rows written between a few
/// reads. Where the role may not reset them they stay as they are.
void forget_loading(postgres::Connection& connection) {
    if (connection.server_version() >= 150000) {
        static_cast<void>(connection.query("select pg_stat_force_next_flush()"));
    } else {
        // Before 15 counters travel to a collector process, every half second.
        static_cast<void>(connection.query("select pg_sleep(1)"));
    }
    static_cast<void>(connection.query("select pg_stat_reset()"));
}

base::Status drop_tables(postgres::Connection& connection, const Manifest& manifest) {
    for (const auto& table : manifest.tables) {
        PGANALYTICS_RETURN_IF_ERROR(
            run(connection, fmt::format("drop table if exists public.{} cascade", quoted(table))));
    }
    return {};
}

}  // namespace

base::Result<CreatedShop> create_shop(postgres::Connection& connection, const ShopOptions& options) {
    PGANALYTICS_ASSIGN(const auto names, ShopNames::make(options.seed, options.scale));
    PGANALYTICS_ASSIGN(auto truth, shop_truth(options.seed, options.scale));
    PGANALYTICS_ASSIGN(const auto manifest, read_manifest(connection));
    if (manifest && manifest->state == "ready" && manifest->version == truth.version &&
        manifest->seed == std::to_string(options.seed) && manifest->scale == fmt::format("{:.4f}", options.scale)) {
        PGANALYTICS_ASSIGN(truth, ShopTruth::from_text(manifest->truth));
        return CreatedShop{std::move(truth), true};
    }

    PGANALYTICS_RETURN_IF_ERROR(prepare_session(connection));
    if (manifest) PGANALYTICS_RETURN_IF_ERROR(drop_tables(connection, *manifest));
    PGANALYTICS_RETURN_IF_ERROR(refuse_foreign_tables(connection, names));
    PGANALYTICS_RETURN_IF_ERROR(write_manifest(connection, truth));
    PGANALYTICS_RETURN_IF_ERROR(set_database(connection, true));
    PGANALYTICS_ASSIGN(const auto steps, plan_steps(names));
    for (std::size_t i = 0; i < steps.size(); ++i) {
        if (options.progress) options.progress(steps[i].name, static_cast<int>(i), static_cast<int>(steps.size()));
        if (i + 1 == steps.size()) forget_loading(connection);
        PGANALYTICS_RETURN_IF_ERROR(run_all(connection, steps[i].statements));
    }
    PGANALYTICS_RETURN_IF_ERROR(run(connection, "update pganalytics_sample.manifest set state = 'ready'"));
    if (options.progress) options.progress("done", static_cast<int>(steps.size()), static_cast<int>(steps.size()));
    return CreatedShop{std::move(truth), false};
}

base::Result<ShopTruth> find_shop(postgres::Connection& connection) {
    PGANALYTICS_ASSIGN(const auto manifest, read_manifest(connection));
    if (!manifest) {
        return base::Error{base::ErrorCode::not_found, fmt::format("{} holds no sample shop", connection.redacted()),
                           "Make one with `pganalytics sample`.", ""};
    }
    if (manifest->state != "ready") {
        return base::Error{base::ErrorCode::conflict,
                           fmt::format("The sample shop of {} is half made", connection.redacted()),
                           "Make it again with `pganalytics sample`.", ""};
    }
    return ShopTruth::from_text(manifest->truth);
}

base::Status save_truth(postgres::Connection& connection, const ShopTruth& truth) {
    const auto rows = connection.query("update pganalytics_sample.manifest set truth = $1", {truth.to_text()});
    if (!rows) return rows.error();
    return {};
}

base::Status drop_shop(postgres::Connection& connection) {
    PGANALYTICS_ASSIGN(const auto manifest, read_manifest(connection));
    if (!manifest) return {};
    PGANALYTICS_RETURN_IF_ERROR(prepare_session(connection));
    PGANALYTICS_RETURN_IF_ERROR(drop_tables(connection, *manifest));
    PGANALYTICS_RETURN_IF_ERROR(set_database(connection, false));
    return run(connection, "drop schema pganalytics_sample cascade");
}

}  // namespace pganalytics::simulation
