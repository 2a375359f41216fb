#pragma once
// The objects of api/openapi.yaml as JSON. Internal to `http`.

#include "http/json.hpp"
#include "store/history.hpp"
#include "store/recommendations.hpp"
#include "store/targets.hpp"

namespace pganalytics::http {

[[nodiscard]] Json to_json(const store::Recommendation& recommendation);
/// For lists: identity and the figures one sorts by.
[[nodiscard]] Json to_json(const store::StatementSummary& summary);
/// The same and every counter; null where the server's version has none.
[[nodiscard]] Json to_detailed_json(const store::StatementSummary& summary);
[[nodiscard]] Json to_json(const store::Target& target);
[[nodiscard]] Json to_json(const store::StatementPlace& place);

}  // namespace pganalytics::http
