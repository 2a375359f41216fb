#include "store/targets.hpp"

#include "base/secret.hpp"
#include "store/records.hpp"

namespace pganalytics::store {
namespace {

using base::Error;
using base::ErrorCode;

constexpr Columns columns(
    column("target_id", &Target::id), column("name", &Target::name), column("conninfo_shown", &Target::conninfo_shown),
    column("system_identifier", &Target::system_identifier), column("server_version", &Target::server_version),
    column("array_to_json(database_filter)", &Target::database_filter), column("time_zone", &Target::time_zone),
    column("enabled", &Target::enabled), column("apply_allowed", &Target::apply_allowed),
    column("total_memory_bytes", &Target::total_memory), column("state", &Target::state),
    column("state_detail", &Target::state_detail), column("last_collected_at", &Target::last_collected_at),
    column("created_at", &Target::created_at));

/// What a sealed connection string is bound to: it does not open in another target's row.
std::string context_of(base::TargetId id) {
    return "target " + sql_text(id);
}

Error no_such_target(std::string_view which) {
    return {.code = ErrorCode::not_found,
            .message = "There is no target " + std::string(which) + ".",
            .hint = "List them with: pganalytics targets",
            .field = "target"};
}

base::Status store_conninfo(postgres::Connection& connection, const SealingKey& key, base::TargetId id,
                            const base::Secret& conninfo) {
    PGANALYTICS_ASSIGN(const auto sealed, key.seal(conninfo, context_of(id)));
    auto stored = connection.query(
        "insert into pganalytics.target_secrets (target_id, sealed_conninfo) values ($1, $2) "
        "on conflict (target_id) do update set sealed_conninfo = excluded.sealed_conninfo",
        {sql_text(id), sealed});
    if (!stored) return std::move(stored).error();
    return {};
}

postgres::Parameters parameters_of(const NewTarget& target) {
    return {storable(target.name), base::redact_conninfo(target.conninfo.reveal()), sql_array(target.database_filter),
            sql_text(target.apply_allowed)};
}

base::Status run(Repository& repository, std::string_view statement, const postgres::Parameters& parameters,
                 std::string_view missing) {
    return repository.with_connection([&](postgres::Connection& connection) -> base::Status {
        PGANALYTICS_ASSIGN(const auto done, connection.query(statement, parameters));
        if (done.affected() == 0 && !missing.empty()) return no_such_target(missing);
        return {};
    });
}

}  // namespace

base::Result<Target> TargetStore::add(const NewTarget& target) {
    return repository_->with_transaction([&](postgres::Connection& connection) -> base::Result<Target> {
        PGANALYTICS_ASSIGN(const auto rows,
                           connection.query("insert into pganalytics.targets (name, conninfo_shown, database_filter, "
                                            "apply_allowed) values ($1, $2, $3::text[], $4) "
                                            "on conflict (name) do nothing returning " +
                                                columns.list(),
                                            parameters_of(target)));
        if (rows.empty()) {
            return Error{.code = ErrorCode::conflict,
                         .message = "There is a target named '" + target.name + "' already.",
                         .hint = "Choose another name, or remove that one first.",
                         .field = "name"};
        }
        auto added = columns.read(rows, 0);
        PGANALYTICS_RETURN_IF_ERROR(store_conninfo(connection, key_, added.id, target.conninfo));
        return added;
    });
}

base::Result<Target> TargetStore::add_or_replace(const NewTarget& target) {
    return repository_->with_transaction([&](postgres::Connection& connection) -> base::Result<Target> {
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query("insert into pganalytics.targets (name, conninfo_shown, database_filter, apply_allowed) "
                             "values ($1, $2, $3::text[], $4) "
                             "on conflict (name) do update set conninfo_shown = excluded.conninfo_shown, "
                             "database_filter = excluded.database_filter, apply_allowed = excluded.apply_allowed, "
                             "enabled = true, removed_at = null "
                             "returning " +
                                 columns.list(),
                             parameters_of(target)));
        auto added = columns.read(rows, 0);
        PGANALYTICS_RETURN_IF_ERROR(store_conninfo(connection, key_, added.id, target.conninfo));
        return added;
    });
}

base::Result<std::vector<Target>> TargetStore::list() {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<std::vector<Target>> {
        PGANALYTICS_ASSIGN(const auto rows,
                           connection.query("select " + columns.list() +
                                            " from pganalytics.targets where removed_at is null order by name"));
        return columns.read_all(rows);
    });
}

base::Result<Target> TargetStore::find(base::TargetId id) {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<Target> {
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query("select " + columns.list() +
                                 " from pganalytics.targets where target_id = $1::bigint and removed_at is null",
                             {sql_text(id)}));
        if (rows.empty()) return no_such_target(sql_text(id));
        return columns.read(rows, 0);
    });
}

base::Result<Target> TargetStore::find_by_name(std::string_view name) {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<Target> {
        PGANALYTICS_ASSIGN(const auto rows,
                           connection.query("select " + columns.list() +
                                                " from pganalytics.targets where name = $1 and removed_at is null",
                                            {storable(name)}));
        if (rows.empty()) return no_such_target("named '" + std::string(name) + "'");
        return columns.read(rows, 0);
    });
}

base::Result<base::Secret> TargetStore::conninfo(base::TargetId id) {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<base::Secret> {
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query("select sealed_conninfo from pganalytics.target_secrets where target_id = $1::bigint",
                             {sql_text(id)}));
        if (rows.empty()) return no_such_target(sql_text(id));
        return key_.open(rows.text(0, 0), context_of(id));
    });
}

base::Result<Target> TargetStore::set_conninfo(base::TargetId id, const base::Secret& conninfo) {
    return repository_->with_transaction([&](postgres::Connection& connection) -> base::Result<Target> {
        PGANALYTICS_ASSIGN(const auto rows,
                           connection.query("update pganalytics.targets set conninfo_shown = $2, state = 'new', "
                                            "state_detail = '' where target_id = $1 and removed_at is null returning " +
                                                columns.list(),
                                            {sql_text(id), base::redact_conninfo(conninfo.reveal())}));
        if (rows.empty()) return no_such_target(sql_text(id));
        PGANALYTICS_RETURN_IF_ERROR(store_conninfo(connection, key_, id, conninfo));
        return columns.read(rows, 0);
    });
}

base::Status TargetStore::set_total_memory(base::TargetId id, std::optional<base::Bytes> total_memory) {
    return run(*repository_,
               "update pganalytics.targets set total_memory_bytes = $2 where target_id = $1 and removed_at is null",
               {sql_text(id), total_memory ? postgres::Parameter(std::to_string(total_memory->value)) : std::nullopt},
               sql_text(id));
}

base::Status TargetStore::remove(base::TargetId id, bool keep_history) {
    return repository_->with_transaction([&](postgres::Connection& connection) -> base::Status {
        const postgres::Parameters which{sql_text(id)};
        if (keep_history) {
            PGANALYTICS_ASSIGN(const auto secret,
                               connection.query("delete from pganalytics.target_secrets where target_id = $1", which));
            // Another target may take the name.
            PGANALYTICS_ASSIGN(const auto hidden,
                               connection.query("update pganalytics.targets set removed_at = now(), enabled = false, "
                                                "name = name || ' (removed ' || now() || ')' "
                                                "where target_id = $1 and removed_at is null",
                                                which));
            if (hidden.affected() == 0) return no_such_target(sql_text(id));
            return {};
        }
        for (const char* table : {"metrics_raw", "metrics_10_minutes", "metrics_hours"}) {
            PGANALYTICS_ASSIGN(
                const auto cleared,
                connection.query(std::string("delete from pganalytics.") + table + " where target_id = $1", which));
        }
        PGANALYTICS_ASSIGN(const auto removed,
                           connection.query("delete from pganalytics.targets where target_id = $1", which));
        if (removed.affected() == 0) return no_such_target(sql_text(id));
        return {};
    });
}

base::Status TargetStore::record_facts(base::TargetId id, const TargetFacts& facts) {
    return run(*repository_,
               "update pganalytics.targets set system_identifier = $2, server_version = $3, time_zone = $4 where "
               "target_id = $1",
               {sql_text(id), facts.system_identifier, std::to_string(facts.server_version), facts.time_zone},
               sql_text(id));
}

base::Status TargetStore::record_state(base::TargetId id, std::string_view state, std::string_view detail) {
    return run(*repository_, "update pganalytics.targets set state = $2, state_detail = $3 where target_id = $1",
               {sql_text(id), std::string(state), storable(base::redact_text(detail))}, sql_text(id));
}

base::Result<std::vector<Target>> TargetStore::claim(std::string_view worker, std::size_t max_new,
                                                     std::chrono::milliseconds lease) {
    return repository_->with_transaction([&](postgres::Connection& connection) -> base::Result<std::vector<Target>> {
        PGANALYTICS_ASSIGN(
            const auto renewed,
            connection.query("update pganalytics.targets set claimed_until = now() + $2::interval "
                             "where claimed_by = $1 and claimed_until >= now() and enabled and removed_at is null",
                             {std::string(worker), sql_text(lease)}));
        PGANALYTICS_ASSIGN(
            const auto taken,
            connection.query(
                "update pganalytics.targets set claimed_by = $1, claimed_until = now() + $2::interval where target_id "
                "in ("
                "select target_id from pganalytics.targets where enabled and removed_at is null "
                "and (claimed_until is null or claimed_until < now()) "
                "order by last_collected_at nulls first, target_id limit $3::bigint for update skip locked)",
                {std::string(worker), sql_text(lease), std::to_string(max_new)}));
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query("select " + columns.list() +
                                 " from pganalytics.targets where claimed_by = $1 and claimed_until >= now() "
                                 "and enabled and removed_at is null order by target_id",
                             {std::string(worker)}));
        return columns.read_all(rows);
    });
}

base::Status TargetStore::release(std::string_view worker) {
    return run(*repository_,
               "update pganalytics.targets set claimed_by = null, claimed_until = null where claimed_by = $1",
               {std::string(worker)}, "");
}

}  // namespace pganalytics::store
