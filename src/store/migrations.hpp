#pragma once
// Numbered SQL files (src/store/migrations), built into the program. Forward only: a file that was applied is never
// changed, which its checksum holds us to; what must change comes as a new file.

#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "postgres/connection.hpp"
#include "postgres/our_sql.hpp"
#include "store/repository.hpp"

namespace pganalytics::store {

struct Migration {
    int version = 0;
    std::string_view name;  ///< of the file
    postgres::SqlLiteral script;

    /// SHA-256 of the script, in hex.
    [[nodiscard]] std::string checksum() const;
};

/// In ascending order, versions 1, 2, 3, …
[[nodiscard]] std::span<const Migration> program_migrations();

/// Brings schema pganalytics to the last of `migrations`. Errors as Repository::migrate.
[[nodiscard]] base::Result<MigrationReport> run_migrations(postgres::Connection& connection,
                                                           std::span<const Migration> migrations);

}  // namespace pganalytics::store
