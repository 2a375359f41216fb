#pragma once
// The one list of rewrite rules.

#include <memory>
#include <vector>

#include "rewrite/rule.hpp"

namespace pganalytics::rewrite {

/// In the order in which they run; each with the reason for its place, in registry.cpp.
[[nodiscard]] std::vector<std::unique_ptr<Rule>> registered_rules();

}  // namespace pganalytics::rewrite
