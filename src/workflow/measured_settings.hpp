#pragma once
// What was measured of a setting stays known: an analysis that comes to the same advice again gives it as it was
// measured, and turns down what was seen not to help, as long as the situation is the one that was measured: the same
// plan, the same present value, about as much written to temporary files, and about the same value advised.
//
// Pure functions but for recall_measured with a repository, whose errors are the repository's. Thread-safe.

#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "store/repository.hpp"
#include "store/setting_measurements.hpp"
#include "workflow/analysis.hpp"

namespace pganalytics::workflow {

/// work_mem and sort_mem are both this setting to the server.
inline constexpr std::string_view measured_setting = "work_mem";

/// Advice whose parameter is a setting of the server.
[[nodiscard]] bool is_setting_advice(const RankedAdvice& ranked);

/// What was measured in place of what was estimated, and the rank that follows from it.
void take_over_measured(double gain_percent, std::string checked, RankedAdvice& ranked);

/// Why `measurement` says nothing of `change` any more, as the end of a sentence; "" where it still holds.
[[nodiscard]] std::string what_changed_since(const store::SettingMeasurement& measurement,
                                             const ParameterChange& change);

/// Settles what was not measured in this analysis itself by what was measured before.
void recall_measured(const std::vector<store::SettingMeasurement>& measurements, Analysis& analysis);
[[nodiscard]] base::Status recall_measured(store::Repository& repository, base::TargetId target, Analysis& analysis);

}  // namespace pganalytics::workflow
