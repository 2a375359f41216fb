#pragma once
// What detection finds in a simulated history against what is planted there. The history is rolled up in memory as the
// repository does it (raw intervals for two days, ten minutes before that), so that twenty seeds take seconds; the
// integration test holds the way through a real repository to the same truth. Pure functions, thread-safe.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "patterns/detect.hpp"
#include "simulation/history.hpp"

namespace pganalytics::simulation {

/// A batch job counts as found when it starts within this of the planted minute.
inline constexpr double start_tolerance_minutes = 5;
inline constexpr double period_tolerance = 0.02;

struct HistoryScore {
    std::size_t planted = 0;   ///< required patterns
    std::size_t found = 0;     ///< of them
    std::size_t invented = 0;  ///< patterns of any type that nothing planted explains
    std::vector<std::string> missed_words;
    std::vector<std::string> invented_words;
    std::vector<double> start_errors;      ///< minutes, of each batch job found
    std::vector<double> peak_confidences;  ///< of each required hourly peak found
    std::size_t incidents = 0;
    std::size_t incidents_found = 0;  ///< an outlier lies over it

    HistoryScore& operator+=(const HistoryScore& other);
    /// 1 where nothing was planted and nothing was invented.
    [[nodiscard]] double f1() const;
    [[nodiscard]] nlohmann::json to_json() const;
};

[[nodiscard]] HistoryScore score_detection(const HistoryTruth& truth, const patterns::Detection& found);

/// Runs the history to its end.
[[nodiscard]] patterns::DatabaseHistory roll_up(HistorySimulator& history);

}  // namespace pganalytics::simulation
