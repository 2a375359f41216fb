#pragma once
// Whether a user's statement may be run to be timed: only where nothing but reading can come of it. READ ONLY keeps it
// from writing tables; a volatile function could still do anything else (reach another server, write a file, end
// sessions), so each function, operator, aggregate and type that the text or a view under it names is looked up in the
// target's catalog. Where it cannot be told, the answer is no.

#include <string_view>

#include "base/result.hpp"
#include "catalog/catalog.hpp"
#include "postgres/connection.hpp"

namespace pganalytics::workflow {

/// Errors: unsupported, with the reason; the connection's.
[[nodiscard]] base::Status check_only_reads(postgres::Connection& connection, const catalog::Database& database,
                                            std::string_view statement);

}  // namespace pganalytics::workflow
