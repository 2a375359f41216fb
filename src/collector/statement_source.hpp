#pragma once
// How pg_stat_statements is to be read on one server: where the extension is, which version, which columns its function
// really has. Keyed on the extension's version, not the server's: a server that was upgraded without ALTER EXTENSION
// keeps the old columns. Columns are found by name, so that a version newer than we know is read as far as it is known
// and its further columns are named, not guessed.

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "postgres/connection.hpp"
#include "workload/counter_fields.hpp"

namespace pganalytics::collector {

struct StatementSource {
    std::string schema;  ///< of the extension, unquoted
    std::string version_text;
    workload::ExtensionVersion version;
    std::string default_version;               ///< what the server's files offer; later than `version` means outdated
    std::vector<std::string> columns;          ///< of the function pg_stat_statements(showtext), in order
    std::vector<std::string> unknown_columns;  ///< of those, the ones this program does not know
    bool has_info = false;                     ///< pg_stat_statements_info exists (1.9)

    [[nodiscard]] bool has_column(std::string_view name) const;
    /// What this installation calls the counter; nullopt where it lacks it.
    [[nodiscard]] std::optional<std::string_view> column_of(const workload::CounterField& field) const;
    friend bool operator==(const StatementSource&, const StatementSource&) = default;
};

/// Errors: install_extension where the extension is not in the connection's database, with the statement that mends it.
[[nodiscard]] base::Result<StatementSource> discover_statement_source(postgres::Connection& connection);

/// The counters of every entry, without texts: `SELECT … FROM schema.pg_stat_statements(false)`.
[[nodiscard]] std::string counters_sql(const StatementSource& source);
/// stats_reset and dealloc; "" where the version has no such view.
[[nodiscard]] std::string info_sql(const StatementSource& source);
/// Texts of the entries whose queryid is in $1 (bigint[]), each at most $2 characters, in all at most $3 bytes.
[[nodiscard]] std::string texts_sql(const StatementSource& source);

}  // namespace pganalytics::collector
