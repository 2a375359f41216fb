#include "parameters/compare_runs.hpp"

#include <fmt/format.h>

#include <optional>

#include "base/statistics.hpp"
#include "base/units.hpp"

namespace pganalytics::parameters {

namespace {

using base::median;

std::optional<double> median_time(const std::vector<plan::Plan>& runs) {
    std::vector<double> times;
    for (const auto& run : runs) {
        if (!run.execution_time_ms) return std::nullopt;
        times.push_back(*run.execution_time_ms);
    }
    if (times.empty()) return std::nullopt;
    return median(std::move(times));
}

double median_temp_blocks(const std::vector<plan::Plan>& runs) {
    std::vector<double> blocks;
    for (const auto& run : runs) {
        blocks.push_back(run.root.buffers ? static_cast<double>(run.root.buffers->temp_written) : 0);
    }
    return median(std::move(blocks));
}

/// A median may differ by chance; two of three pairs do so less easily. Pairs need as many runs on both sides.
bool mostly_faster(const std::vector<plan::Plan>& before, const std::vector<plan::Plan>& after) {
    if (before.size() != after.size()) return true;
    std::size_t faster = 0;
    for (std::size_t i = 0; i < before.size(); ++i) {
        faster += after[i].execution_time_ms < before[i].execution_time_ms ? 1 : 0;
    }
    return 3 * faster >= 2 * before.size();
}

}  // namespace

base::Result<RunComparison> compare_runs(const std::vector<plan::Plan>& before, const std::vector<plan::Plan>& after,
                                         double least_gain_percent) {
    const auto time_before = median_time(before);
    const auto time_after = median_time(after);
    if (!time_before || !time_after) {
        return base::Error{base::ErrorCode::fix_input, "A plan was not run, so there is no time to compare",
                           "Give plans of EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON).", ""};
    }
    const auto& first = before.front().root.actuals;
    const auto& second = after.front().root.actuals;
    if (first && second && first->rows != second->rows) {
        return base::Error{base::ErrorCode::unprocessable,
                           fmt::format("The runs returned {:.0f} and {:.0f} rows, so they did not do the same work",
                                       first->rows, second->rows),
                           "Run both on the same data, one after the other.", ""};
    }
    RunComparison compared;
    compared.before_ms = *time_before;
    compared.after_ms = *time_after;
    compared.gain_percent = *time_before > 0 ? 100 * (1 - *time_after / *time_before) : 0;
    compared.temp_blocks_before = median_temp_blocks(before);
    compared.temp_blocks_after = median_temp_blocks(after);
    compared.spill_removed = compared.temp_blocks_before > 0 && compared.temp_blocks_after == 0;
    compared.same_shape = plan::shape_hash(before.front()) == plan::shape_hash(after.front());
    compared.helped = compared.gain_percent >= least_gain_percent && mostly_faster(before, after);
    compared.facts.push_back(fmt::format("{} before, {} after, {:+.1f} % (medians of {} and {} runs)",
                                         base::to_words(base::Milliseconds{compared.before_ms}),
                                         base::to_words(base::Milliseconds{compared.after_ms}), -compared.gain_percent,
                                         before.size(), after.size()));
    compared.facts.push_back(fmt::format("{:.0f} temporary blocks written before, {:.0f} after",
                                         compared.temp_blocks_before, compared.temp_blocks_after));
    if (!compared.same_shape) compared.facts.push_back("The plan changed");
    return compared;
}

}  // namespace pganalytics::parameters
