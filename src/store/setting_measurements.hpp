#pragma once
// What settings did when they were tried on statements (workflow/verify_settings.hpp): the newest run of each statement
// and setting. Errors as store/repository.hpp. Thread safety: as Repository.

#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"
#include "store/repository.hpp"

namespace pganalytics::store {

struct SettingMeasurement {
    base::QueryHash query_hash{};
    std::string setting;  ///< as the server knows it: work_mem
    std::string current_value, tried_value;
    std::int64_t plan_shape = 0;  ///< of the plan without the setting
    double temp_blocks = 0;       ///< written a call, as the workload showed then
    bool spill_removed = false;
    bool helped = false;
    double gain_percent = 0;         ///< of the time; negative where it took more
    std::vector<std::string> facts;  ///< one sentence each
    base::Timestamp measured_at{};
};

class SettingMeasurements {
  public:
    explicit SettingMeasurements(Repository& repository) : repository_(&repository) {}

    /// In place of what was measured of the same statement and setting before.
    [[nodiscard]] base::Status save(base::TargetId target, std::string_view database_name,
                                    const SettingMeasurement& measurement);
    [[nodiscard]] base::Result<std::vector<SettingMeasurement>> list(base::TargetId target,
                                                                     std::string_view database_name);

  private:
    Repository* repository_;
};

}  // namespace pganalytics::store
