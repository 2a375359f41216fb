#pragma once
// Rung 4 of the planning ladder: types for parameters that a normalised statement leaves open or ambiguous. Internal to
// this module. The server is asked through `try_types`; the search itself knows no server.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "postgres/connection.hpp"

namespace pganalytics::postgres {

/// PREPAREs with these types (0 leaves one open); nothing where it worked, else what the server said.
using TryTypes = std::function<std::optional<ServerError>(const std::vector<std::uint32_t>& types)>;

/// Whether other types for the parameters could mend this error.
[[nodiscard]] bool is_about_types(const ServerError& error);

/// The types that work, or nothing once `max_tries` are spent. `first` is the error without any types.
[[nodiscard]] std::optional<std::vector<std::uint32_t>> search_types(std::string_view text, int parameters,
                                                                     const ServerError& first,
                                                                     const TryTypes& try_types, int max_tries);

/// "integer", "text", … for the oids that the search uses.
[[nodiscard]] std::string_view type_name(std::uint32_t oid);

}  // namespace pganalytics::postgres
