#include "store/migrations.hpp"

#include <algorithm>

#include "base/hash.hpp"

namespace pganalytics::store {
namespace {

using base::Error;
using base::ErrorCode;
using postgres::Transaction;

/// Any number that nothing else on the server is likely to lock.
constexpr postgres::SqlLiteral take_lock = "select pg_advisory_lock(7164905581264271)";

base::Status make_ledger(postgres::Connection& connection) {
    PGANALYTICS_ASSIGN(const auto found,
                       connection.query("select to_regclass('pganalytics.schema_migrations') is not null"));
    if (found.boolean(0, 0)) return {};
    PGANALYTICS_ASSIGN(auto transaction, Transaction::begin(connection, Transaction::Mode::read_write));
    PGANALYTICS_RETURN_IF_ERROR(connection.execute_script(R"sql(
        create schema if not exists pganalytics;
        create table pganalytics.schema_migrations (
            version integer primary key,
            name text not null,
            checksum text not null,
            applied_at timestamptz not null default now()
        );
        comment on table pganalytics.schema_migrations is 'Migrations that were applied to this schema.';
        comment on column pganalytics.schema_migrations.version is 'Number of the migration.';
        comment on column pganalytics.schema_migrations.name is 'Its file.';
        comment on column pganalytics.schema_migrations.checksum is 'SHA-256 of the file as it was applied.';
        comment on column pganalytics.schema_migrations.applied_at is 'When.';
    )sql"));
    return transaction.commit();
}

Error changed(const Migration& migration) {
    return {.code = ErrorCode::conflict,
            .message = "Migration " + std::string(migration.name) +
                       " was applied to this repository in another form than this program has it.",
            .hint =
                "Use the pganalytics release that made the repository, or a later one; migrations are never edited, "
                "new ones are added.",
            .field = {}};
}

Error too_new(std::int64_t version, int known) {
    return {.code = ErrorCode::unsupported,
            .message = "The repository's schema has version " + std::to_string(version) +
                       ", this program knows versions up to " + std::to_string(known) + ".",
            .hint = "Use a newer pganalytics; schemas are not taken back.",
            .field = {}};
}

/// Version of the schema, once what was applied agrees with what we have.
base::Result<int> applied_version(postgres::Connection& connection, std::span<const Migration> migrations) {
    PGANALYTICS_ASSIGN(
        const auto rows,
        connection.query("select version, checksum from pganalytics.schema_migrations order by version"));
    int version = 0;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto number = rows.integer(row, 0).value_or(0);
        const auto known = std::ranges::find_if(migrations, [&](const auto& m) { return m.version == number; });
        if (known == migrations.end()) return too_new(number, migrations.back().version);
        if (known->checksum() != rows.text(row, 1)) return changed(*known);
        version = static_cast<int>(number);
    }
    return version;
}

base::Status apply(postgres::Connection& connection, const Migration& migration) {
    PGANALYTICS_ASSIGN(auto transaction, Transaction::begin(connection, Transaction::Mode::read_write));
    PGANALYTICS_RETURN_IF_ERROR(connection.execute_script(
        postgres::OurSql("set local search_path = pganalytics, pg_temp;").then(postgres::OurSql(migration.script))));
    PGANALYTICS_ASSIGN(
        const auto noted,
        connection.query("insert into pganalytics.schema_migrations (version, name, checksum) values ($1, $2, $3)",
                         {std::to_string(migration.version), std::string(migration.name), migration.checksum()}));
    return transaction.commit();
}

/// Not a migration: roles belong to the server and may have been dropped or allowed since.
base::Result<std::vector<std::string>> apply_grants(postgres::Connection& connection) {
    PGANALYTICS_ASSIGN(auto transaction, Transaction::begin(connection, Transaction::Mode::read_write));
    // ensure_partitions() holds it while it attaches one: a grant on the parent would write the same row of pg_class.
    PGANALYTICS_RETURN_IF_ERROR(
        connection.execute_script("select pg_advisory_xact_lock(hashtext('pganalytics.partitions'))"));
    PGANALYTICS_ASSIGN(const auto missing, connection.query("select * from pganalytics.apply_grants()"));
    PGANALYTICS_RETURN_IF_ERROR(transaction.commit());
    std::vector<std::string> notices;
    for (std::size_t row = 0; row < missing.size(); ++row) notices.push_back(missing.text(row, 0));
    return notices;
}

}  // namespace

std::string Migration::checksum() const {
    return base::sha256_hex(script.view());
}

base::Result<MigrationReport> run_migrations(postgres::Connection& connection, std::span<const Migration> migrations) {
    // Of the session: held over all the transactions, given up with the connection whatever happens.
    PGANALYTICS_RETURN_IF_ERROR(connection.execute_script(take_lock));
    PGANALYTICS_RETURN_IF_ERROR(make_ledger(connection));
    MigrationReport report;
    PGANALYTICS_ASSIGN(report.version_before, applied_version(connection, migrations));
    for (const auto& migration : migrations) {
        if (migration.version <= report.version_before) continue;
        if (auto applied = apply(connection, migration); !applied) {
            auto error = std::move(applied).error();
            error.message = "Migration " + std::string(migration.name) + " failed: " + error.message;
            return error;
        }
        report.applied.emplace_back(migration.name);
    }
    report.version_after = migrations.back().version;
    PGANALYTICS_ASSIGN(report.notices, apply_grants(connection));
    PGANALYTICS_RETURN_IF_ERROR(connection.execute_script("select pg_advisory_unlock(7164905581264271)"));
    return report;
}

}  // namespace pganalytics::store
