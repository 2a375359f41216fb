#include "patterns/robust.hpp"

#include <algorithm>
#include <cmath>

#include "base/statistics.hpp"

namespace pganalytics::patterns {

double median(std::vector<double> values) {
    return values.empty() ? 0 : base::median(std::move(values));
}

double quantile(std::vector<double> values, double share) {
    return values.empty() ? 0 : base::quantile(std::move(values), share);
}

std::vector<double> known_values(std::span<const double> values) {
    std::vector<double> known;
    known.reserve(values.size());
    std::copy_if(values.begin(), values.end(), std::back_inserter(known), [](double v) { return !std::isnan(v); });
    return known;
}

double scale_of_residuals(std::span<const double> residuals) {
    std::vector<double> sizes;
    sizes.reserve(residuals.size());
    double total = 0;
    for (const double residual : residuals) {
        if (std::isnan(residual)) continue;
        sizes.push_back(std::abs(residual));
        total += sizes.back();
    }
    if (sizes.empty()) return 0;
    const double mean = total / static_cast<double>(sizes.size());
    // The median is sought among what lies below the tail: one selection helps the other.
    const auto at_tail = sizes.begin() + static_cast<std::ptrdiff_t>(0.88 * static_cast<double>(sizes.size() - 1));
    const auto at_middle = sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() / 2);
    std::nth_element(sizes.begin(), at_tail, sizes.end());
    const double tail = *at_tail;
    if (at_middle < at_tail) std::nth_element(sizes.begin(), at_middle, at_tail);
    const double middle = *at_middle;
    // What an eighth of all samples does is no outlier, but another state: busy hours beside idle ones.
    const double widest = tail / 4;
    // A median that is only rounding noise of a constant part says as little as 0 does.
    return middle > 1e-9 * mean ? std::max(1.4826 * middle, widest) : std::max(1.2533 * mean, widest);
}

double hampel_psi(double residual, double scale) {
    constexpr double plain = 2.5;
    constexpr double suspect = 5;
    constexpr double gross = 7.5;
    const double size = std::abs(residual) / scale;
    if (!(size > plain)) return residual;
    if (size >= gross) return 0;
    const double kept = size <= suspect ? plain : plain * (gross - size) / (gross - suspect);
    return std::copysign(kept * scale, residual);
}

std::vector<double> interpolated(std::span<const double> values) {
    std::vector<double> filled(values.begin(), values.end());
    std::size_t last = filled.size();
    for (std::size_t at = 0; at < filled.size(); ++at) {
        if (std::isnan(filled[at])) continue;
        const std::size_t first_gap = last == filled.size() ? 0 : last + 1;
        for (std::size_t gap = first_gap; gap < at; ++gap) {
            filled[gap] = last == filled.size()
                              ? filled[at]
                              : filled[last] + (filled[at] - filled[last]) * static_cast<double>(gap - last) /
                                                   static_cast<double>(at - last);
        }
        last = at;
    }
    if (last == filled.size()) {
        std::fill(filled.begin(), filled.end(), 0.0);
    } else {
        std::fill(filled.begin() + static_cast<std::ptrdiff_t>(last) + 1, filled.end(), filled[last]);
    }
    return filled;
}

}  // namespace pganalytics::patterns
