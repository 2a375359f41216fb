#include "patterns/periodicity.hpp"

#include <algorithm>
#include <cmath>

#include "patterns/period_search.hpp"
#include "patterns/spike_period.hpp"

namespace pganalytics::patterns {
namespace {

constexpr std::size_t minimum_known = 24;

}  // namespace

bool PeriodSearch::autocorrelation_agrees(std::span<const double> alone, double period, double& at_period) const {
    const auto correlation = [&](double lag) {
        const auto whole = static_cast<std::size_t>(std::lround(lag));
        double products = 0;
        double squares = 0;
        std::size_t pairs = 0;
        for (std::size_t t = 0; t + whole < alone.size(); ++t) {
            if (!known_[t] || !known_[t + whole]) continue;
            products += alone[t] * alone[t + whole];
            squares += (alone[t] * alone[t] + alone[t + whole] * alone[t + whole]) / 2;
            ++pairs;
        }
        return pairs > 0 && squares > 0 ? products / squares : 0.0;
    };
    at_period = correlation(period);
    const double bound = 1.645 / std::sqrt(static_cast<double>(known_count_));
    return at_period > bound && at_period > correlation(period / 2);
}

bool PeriodSearch::blocks_agree(std::span<const double> alone, std::span<const double> wave) const {
    const std::size_t blocks = 4;
    std::size_t holding = 0;
    for (std::size_t block = 0; block < blocks; ++block) {
        double products = 0;
        double squares = 0;
        for (std::size_t t = block * alone.size() / blocks; t < (block + 1) * alone.size() / blocks; ++t) {
            if (!known_[t]) continue;
            products += alone[t] * wave[t];
            squares += wave[t] * wave[t];
        }
        if (products > 0.3 * squares) ++holding;
    }
    return holding + 1 >= blocks;
}

std::optional<Period> PeriodSearch::describe(std::size_t group) const {
    const std::vector<double>& wave = fit_.waves[group];
    const std::vector<double> alone = without_others(group);
    Period period;
    period.samples = 1 / model_.groups[group].frequency;
    if (!autocorrelation_agrees(alone, period.samples, period.autocorrelation)) return std::nullopt;
    if (!blocks_agree(alone, wave)) return std::nullopt;
    period.p_value = std::exp(log_p_[group]);

    double explained = 0;
    const double detrended = detrended_square();
    for (std::size_t t = 0; t < values_.size(); ++t) explained += known_[t] ? wave[t] * wave[t] : 0.0;
    period.strength = detrended > 0 ? std::min(1.0, explained / detrended) : 0;

    const auto length = static_cast<std::size_t>(std::max(1.0, std::round(period.samples)));
    period.wave.assign(wave.begin(), wave.begin() + static_cast<std::ptrdiff_t>(std::min(length, wave.size())));
    const auto [low, high] = std::minmax_element(wave.begin(), wave.end());
    period.amplitude = (*high - *low) / 2;

    std::size_t cycles = 0;
    std::size_t following = 0;
    for (double begin = 0; begin + period.samples <= static_cast<double>(wave.size()) + 0.5; begin += period.samples) {
        double products = 0;
        double squares = 0;
        const auto end = std::min(wave.size(), static_cast<std::size_t>(begin + period.samples + 0.5));
        for (auto t = static_cast<std::size_t>(begin + 0.5); t < end; ++t) {
            if (!known_[t]) continue;
            products += alone[t] * wave[t];
            squares += wave[t] * wave[t];
        }
        if (squares <= 0) continue;
        ++cycles;
        if (products > 0.25 * squares) ++following;
    }
    period.recurrence = cycles > 0 ? static_cast<double>(following) / static_cast<double>(cycles) : 0;
    return period;
}

Decomposition PeriodSearch::run(std::span<const double> original) {
    Decomposition result;
    total_.assign(values_.size(), median(known_values(original)));
    update_residual();
    fit_.trend = total_;
    const bool can_vary = known_count_ >= minimum_known && known_count_ * 2 >= values_.size() && scale_ > 0;
    if (can_vary) {
        search();
        drop_insignificant();
        const std::vector<bool> keep = reported();
        for (std::size_t g = 0; g < model_.groups.size(); ++g) {
            if (!keep[g] || log_p_[g] > std::log(options_.significance)) continue;
            if (std::optional<Period> period = describe(g)) result.periods.push_back(std::move(*period));
        }
    }
    result.trend = fit_.trend;
    result.seasonal.assign(values_.size(), 0.0);
    for (const std::vector<double>& wave : fit_.waves) {
        for (std::size_t t = 0; t < values_.size(); ++t) result.seasonal[t] += wave[t];
    }
    result.remainder.assign(original.begin(), original.end());
    for (std::size_t t = 0; t < values_.size(); ++t) result.remainder[t] -= result.trend[t] + result.seasonal[t];
    result.noise_scale = scale_;
    for (const TrendTerm& term : model_.trend) {
        if (term.kind == TrendTerm::Kind::step) result.steps.push_back(term.at);
    }
    std::sort(result.steps.begin(), result.steps.end());
    return result;
}

Decomposition decompose(std::span<const double> values, const PeriodOptions& options) {
    Decomposition result = PeriodSearch(values, options).run(values);
    add_spike_periods(values, options, result);
    std::stable_sort(result.periods.begin(), result.periods.end(),
                     [](const Period& a, const Period& b) { return a.strength > b.strength; });
    if (result.periods.size() > options.maximum_periods) result.periods.resize(options.maximum_periods);
    return result;
}

}  // namespace pganalytics::patterns
