#pragma once
// A statement with its parameters' values put in, so that it is planned for those and not for any.
// Pure functions, thread-safe.

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace pganalytics::workflow {

/// SQL literals of {"1": 42, "$2": "open", "customer_id": [1, 2]}. fix_input, field `parameters`, for objects inside
/// and for names that are neither a number nor an identifier.
[[nodiscard]] base::Result<std::map<std::string, std::string>> parameter_literals(const nlohmann::json& parameters);

struct BoundStatement {
    std::string text;
    std::vector<std::string> used, unused;  ///< names as given
    int left_open = 0;                      ///< parameters without a value
};
/// `literals` by the parameter's number, with or without "$", or by the column it is compared with. A text that the
/// scanner refuses stays as it is, and every value is unused.
[[nodiscard]] BoundStatement bind_parameters(std::string_view text, const std::map<std::string, std::string>& literals);

}  // namespace pganalytics::workflow
