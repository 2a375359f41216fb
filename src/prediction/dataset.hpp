#pragma once
// What models learn from and are scored on: one row a statement, plan and interval. `group` is what must not be split
// between learning and scoring (a template, a schema).

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "prediction/features.hpp"

namespace pganalytics::prediction {

struct Sample {
    std::string id;
    std::string group;
    std::string template_id;  ///< its statement with literals left out; the id where not told
    FeatureVector features;
    double runtime_ms = 0;  ///< above 0
    double weight = 1;      ///< calls it stands for, tempered
    base::Timestamp at{};   ///< when it ran; the epoch where unknown
};

using Dataset = std::vector<Sample>;

/// Lines {"id","group","plan":{EXPLAIN JSON},"runtime_ms"} and, optional, "weight", "at" (RFC 3339) and "observation"
/// (an object with the names of Observation's fields, which may also stand in the line itself), "cache" (cold or warm)
/// and "template". Anything that only execution can know is dropped from the plan
/// before features are made. `group_field` names the field to group by, which every line must have; absent it is
/// "group", and where no line has one each id is a group of its own. fix_input names the line.
[[nodiscard]] base::Result<Dataset> read_samples(std::string_view json_lines,
                                                 std::optional<std::string_view> group_field = {});

}  // namespace pganalytics::prediction
