#include "base/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pganalytics::base {

double quantile(std::vector<double> values, double probability) {
    if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
    const double position = std::clamp(probability, 0.0, 1.0) * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::ptrdiff_t>(std::floor(position));
    const auto at = values.begin() + below;
    std::nth_element(values.begin(), at, values.end());
    const double low = *at;
    if (at + 1 == values.end()) return low;
    const double high = *std::min_element(at + 1, values.end());
    return low + (position - static_cast<double>(below)) * (high - low);
}

double median(std::vector<double> values) {
    return quantile(std::move(values), 0.5);
}

}  // namespace pganalytics::base
