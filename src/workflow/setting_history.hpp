#pragma once
// Changes of settings set against the times of the statements they can touch, from what the collector recorded:
// evidence ("moved at the same moment", "did not move"), never a cause. The comparison is
// parameters/setting_effect.hpp. A change is judged up to its neighbours of the same name, at most two weeks to each
// side.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "parameters/setting_effect.hpp"
#include "store/history.hpp"
#include "store/repository.hpp"
#include "workflow/analysis.hpp"

namespace pganalytics::workflow {

inline constexpr std::chrono::days setting_history_window{30};

struct TouchedStatement {
    base::QueryHash query_hash{};
    std::string text;
    parameters::SettingEffect effect;
};

struct SettingChangeEffects {
    store::SettingChange change;
    parameters::Reach reach = parameters::Reach::nothing;
    std::vector<TouchedStatement> statements;  ///< heaviest first, as many as were asked for
    std::size_t touched = 0;                   ///< how many it can touch in all
};

struct SettingHistoryRequest {
    base::TargetId target{};
    std::string database_name;
    store::Window window;
    std::optional<base::QueryHash> query_hash;  ///< only its times
    std::size_t statements_per_change = 10;
};

/// Oldest change first; server-wide ones and the database's own. Errors as store/history.hpp.
[[nodiscard]] base::Result<std::vector<SettingChangeEffects>> setting_history(store::Repository& repository,
                                                                              const SettingHistoryRequest& request);

/// Adds to advice on memory what its statement's time did when work_mem or hash_mem_multiplier was changed.
[[nodiscard]] base::Status add_setting_history(store::Repository& repository, base::TargetId target,
                                               const store::Window& window, Analysis& analysis);

/// "work_mem was changed from 4MB to 16MB at 2026-11-20T14:00:00Z"
[[nodiscard]] std::string to_words(const store::SettingChange& change);

}  // namespace pganalytics::workflow
