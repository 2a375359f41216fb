#pragma once
// Is one group of readings higher than another, by how much, and could it be chance? Two ways: groups of runs by least
// squares beside what else may explain the difference, with a rank test that must agree (Mann and Whitney 1947); and
// differences within runs by a t test, with a sign test that must agree. Logarithms in, a ratio out.
// Pure functions, thread-safe, never fail.

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace pganalytics::patterns {

/// A difference of pace. `ratio` 1.4 is 40 % slower.
struct Slowdown {
    double ratio = 1;
    double lower = 1;  ///< of the 90 % interval
    double upper = 1;
    double p_value = 1;        ///< one-sided; the worse of the two tests
    std::size_t together = 0;  ///< readings in which both ran
    std::size_t apart = 0;     ///< readings without the other
};

struct PaceReading {
    double value = 0;  ///< logarithm
    bool together = false;
    std::vector<double> covariates;  ///< as many in every reading
};

/// nullopt where a group has fewer than 4 readings or the covariates leave nothing to compare.
[[nodiscard]] std::optional<Slowdown> compare_groups(std::span<const PaceReading> readings);

/// nullopt where there are fewer than 5 differences.
[[nodiscard]] std::optional<Slowdown> compare_pairs(std::span<const double> differences);

/// P(T > t) of Student's distribution.
[[nodiscard]] double student_tail(double t, double degrees);

}  // namespace pganalytics::patterns
