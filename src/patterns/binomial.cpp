#include "patterns/binomial.hpp"

#include <algorithm>
#include <cmath>

namespace pganalytics::patterns {

double log_binomial_tail(std::size_t hits, std::size_t trials, double rate) {
    if (hits == 0) return 0;
    const double log_rate = std::log(std::clamp(rate, 1e-12, 1 - 1e-12));
    const double log_rest = std::log1p(-std::clamp(rate, 1e-12, 1 - 1e-12));
    const auto n = static_cast<double>(trials);
    double log_sum = -INFINITY;
    for (std::size_t k = hits; k <= trials; ++k) {
        const auto x = static_cast<double>(k);
        const double term =
            std::lgamma(n + 1) - std::lgamma(x + 1) - std::lgamma(n - x + 1) + x * log_rate + (n - x) * log_rest;
        if (term < log_sum - 40) break;
        const double high = std::max(log_sum, term);
        log_sum = high + std::log(std::exp(log_sum - high) + std::exp(term - high));
    }
    return std::min(0.0, log_sum);
}

}  // namespace pganalytics::patterns
