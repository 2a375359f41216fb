#pragma once
// A catalog as JSON and back, for catalog_snapshots. What is absent stays absent. Unknown fields are passed over,
// missing ones keep their defaults, so that snapshots of other versions of this program can be read.

#include <nlohmann/json_fwd.hpp>

#include "base/result.hpp"
#include "catalog/catalog.hpp"

namespace pganalytics::store {

[[nodiscard]] nlohmann::json catalog_to_json(const catalog::Database& database);
/// fix_input where it is no snapshot.
[[nodiscard]] base::Result<catalog::Database> catalog_from_json(const nlohmann::json& json);

}  // namespace pganalytics::store
