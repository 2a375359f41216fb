#pragma once
// The level of a database that a model was not trained on, from the mean times that the server has counted itself
// (pg_stat_statements): another machine or version is faster or slower as a whole before anything else. Thread-safe.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pganalytics::prediction {

/// One statement with its literals left out.
struct CountedStatement {
    double mean_ms = 0;            ///< as counted; above 0
    double predicted_mean_ms = 0;  ///< mean of what the model says of the same runs; above 0
};

/// What to add to log predictions: the median of log(counted / predicted), held towards 0 where there are few.
[[nodiscard]] double level_shift(std::span<const CountedStatement> statements);

/// One run of a statement, for scoring and calibrating levels honestly.
struct LevelledRun {
    std::string group;      ///< server or database
    std::string statement;  ///< its template
    double log_ms = 0, predicted_log_ms = 0;
};
/// For each run the shift that the other half of its group's statements gives; 0 where the group has fewer than
/// `fewest_statements`. Halves are drawn by `seed`.
[[nodiscard]] std::vector<double> shifts_of_other_half(std::span<const LevelledRun> runs, std::uint32_t seed);
inline constexpr std::size_t fewest_statements_for_level = 4;

}  // namespace pganalytics::prediction
