#include "patterns/period_search.hpp"

#include <numeric>

#include "patterns/spectrum.hpp"

namespace pganalytics::patterns {

// Median of the whitened periodogram around a frequency against what red noise of this fit promises; at least 1. Noise
// that no AR(1) describes (a random walk seen through noise) is red there beyond the fit.
double PeriodSearch::local_background(double frequency, const RedNoise& noise, const std::vector<double>& power) const {
    const std::size_t last = power.size() - 1;
    const double padded = 2.0 * static_cast<double>(last);
    const auto centre = static_cast<std::ptrdiff_t>(std::lround(frequency * padded));
    std::vector<double> ratios;
    for (std::ptrdiff_t distance = 0; distance <= static_cast<std::ptrdiff_t>(last) && ratios.size() < 16; ++distance) {
        for (const std::ptrdiff_t k : {centre - distance, centre + distance}) {
            if (k < 1 || k > static_cast<std::ptrdiff_t>(last) || (distance == 0 && k != centre)) continue;
            const double at = static_cast<double>(k) / padded;
            if (is_near_line(at, 0.75)) continue;
            ratios.push_back(power[static_cast<std::size_t>(k)] / static_cast<double>(values_.size()) /
                             noise.density(at));
        }
    }
    if (ratios.size() < 6) return 1;
    return std::max(1.0, median(std::move(ratios)) / std::log(2.0));
}

double PeriodSearch::free_samples() const {
    std::size_t parameters = 2 + model_.trend.size();
    for (const HarmonicGroup& each : model_.groups) parameters += 2 * each.harmonics.size();
    return std::max(0.0, static_cast<double>(known_count_) - static_cast<double>(parameters));
}

// Twice the log-likelihood that the model loses without one group, the noise fitted anew.
double PeriodSearch::likelihood_ratio(std::size_t group, const RedNoise& full) const {
    const HarmonicGroup& tested = model_.groups[group];
    bool has_neighbour = false;
    for (std::size_t g = 0; g < model_.groups.size(); ++g) {
        has_neighbour |= g != group && std::abs(model_.groups[g].frequency - tested.frequency) < 2.5 * bin();
    }
    std::vector<double> without(values_.size());
    if (has_neighbour && !is_long()) {
        // Two near lines may cancel each other: what one of them adds shows only when the other is fitted alone.
        HarmonicModel smaller = model_;
        smaller.groups.erase(smaller.groups.begin() + static_cast<std::ptrdiff_t>(group));
        const std::vector<double> target = winsorised();
        const std::vector<double> fitted = smaller.fit(target).total();
        for (std::size_t t = 0; t < without.size(); ++t) without[t] = known_[t] ? target[t] - fitted[t] : 0.0;
    } else {
        without = without_others(group);
    }
    if (full.innovation <= 0) return 0;
    return free_samples() * std::log(fit_red_noise(without).innovation / full.innovation);
}

// Log of the number of groups of this many harmonics that were searched.
double PeriodSearch::log_searched(std::size_t pairs) const {
    const auto chosen = static_cast<double>(pairs);
    const double among = std::max<double>(maximum_harmonic, 2 * chosen);
    const double combinations = std::lgamma(among + 1) - std::lgamma(chosen + 1) - std::lgamma(among - chosen + 1);
    return std::log(static_cast<double>(values_.size())) + (pairs > 1 ? combinations : 0.0);
}

double PeriodSearch::penalty(const HarmonicGroup& group) const {
    const std::size_t pairs = group.harmonics.size();
    const double wanted = std::log(options_.significance) - log_searched(pairs);
    double low = 0;
    double high = 1000;
    while (high - low > 0.01) {
        const double middle = (low + high) / 2;
        (log_chi_square_tail(middle, pairs) > wanted ? low : high) = middle;
    }
    return high;
}

double PeriodSearch::criterion(const RedNoise& noise) const {
    double value = free_samples() * std::log(noise.innovation);
    for (const HarmonicGroup& group : model_.groups) value += penalty(group);
    const double trend_penalty =
        3 * std::log(static_cast<double>(values_.size())) - 2 * std::log(options_.significance);
    return value + trend_penalty * static_cast<double>(model_.trend.size());
}

std::vector<double> PeriodSearch::margins(const RedNoise& full) const {
    std::vector<double> result;
    for (std::size_t g = 0; g < model_.groups.size(); ++g) {
        result.push_back(likelihood_ratio(g, full) - penalty(model_.groups[g]));
    }
    return result;
}

// From all groups to none, the least first; the set with the best penalised likelihood stays in the model. The groups
// taken out are added back to the residual as they stand; what is left is fitted anew at the end only.
double PeriodSearch::choose_along_path() {
    refit(1);
    const RedNoise noise = fit_red_noise(residual_);
    if (noise.innovation <= 0) return -INFINITY;
    const std::vector<double> margin = margins(noise);
    std::vector<std::size_t> order(model_.groups.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return margin[a] > margin[b]; });
    HarmonicModel sorted = model_;
    HarmonicFit fits{fit_.trend, {}};
    for (std::size_t i = 0; i < order.size(); ++i) {
        sorted.groups[i] = model_.groups[order[i]];
        fits.waves.push_back(std::move(fit_.waves[order[i]]));
    }
    model_ = std::move(sorted);
    fit_ = std::move(fits);

    const std::vector<HarmonicGroup> all = model_.groups;
    std::size_t best_count = all.size();
    double best = criterion(noise);
    std::vector<double> rest = residual_;
    for (std::size_t count = all.size(); count-- > 0;) {
        for (std::size_t t = 0; t < rest.size(); ++t) rest[t] += known_[t] ? fit_.waves[count][t] : 0.0;
        model_.groups.resize(count);
        // Far too clear to go one by one: only none at all is still to be weighed.
        if (count > 0 && margin[order[count]] > 20 * penalty(all[count])) continue;
        const RedNoise left = fit_red_noise(rest);
        if (left.innovation <= 0) break;
        const double value = criterion(left);
        if (value < best) {
            best = value;
            best_count = count;
        }
    }
    model_.groups.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(best_count));
    fit_.waves.resize(best_count);
    return best;
}

// Sets are weighed against none, not groups one by one: in red noise each bend and each group looks needed beside the
// holes that the others tear into the low frequencies, and only all of them against none show that they are noise.
void PeriodSearch::drop_insignificant() {
    const HarmonicModel all = model_;
    const HarmonicFit all_fit = fit_;
    const double with_trend = choose_along_path();
    if (!all.trend.empty()) {
        HarmonicModel chosen = model_;
        HarmonicFit chosen_fit = fit_;
        model_ = all;
        fit_ = all_fit;
        model_.trend.clear();
        total_ = fit_.total();
        update_residual();
        if (choose_along_path() > with_trend) {
            model_ = std::move(chosen);
            fit_ = std::move(chosen_fit);
        }
    }
    total_ = fit_.total();
    update_residual();
    refit(is_long() ? 1 : 2);
    refine_all();
    RedNoise full = fit_red_noise(residual_);
    while (!model_.groups.empty()) {
        const std::vector<double> margin = margins(full);
        const auto worst = std::min_element(margin.begin(), margin.end());
        if (*worst >= 0) break;
        remove_group(static_cast<std::size_t>(worst - margin.begin()));
        refit(1);
        full = fit_red_noise(residual_);
    }
    if (model_.groups.empty()) return;
    const std::vector<double> power = power_spectrum(residual_, values_.size() + values_.size() % 2);
    log_p_.clear();
    for (std::size_t g = 0; g < model_.groups.size(); ++g) {
        const std::size_t pairs = model_.groups[g].harmonics.size();
        const double ratio = likelihood_ratio(g, full) / local_background(model_.groups[g].frequency, full, power);
        log_p_.push_back(std::min(0.0, log_chi_square_tail(ratio, pairs) + log_searched(pairs)));
    }
}

}  // namespace pganalytics::patterns
