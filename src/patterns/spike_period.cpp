#include "patterns/spike_period.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "patterns/binomial.hpp"
#include "patterns/robust.hpp"

namespace pganalytics::patterns {
namespace {

constexpr double spike_bound = 5;  // robust standard deviations
constexpr double minimum_recurrence = 0.6;
constexpr double minimum_explained = 0.5;
constexpr std::size_t minimum_spikes = 4;

struct Fold {
    std::size_t period = 0;
    double log_p = 0;
    std::vector<std::size_t> places;  // of the cycle
    double recurrence = 0;
};

class Folding {
  public:
    /// `known`: periods that the series has anyway.
    Folding(std::vector<std::size_t> spikes, std::size_t size, const std::vector<Period>& known)
        : spikes_(std::move(spikes)), size_(size) {
        for (const Period& period : known) {
            const double whole = std::round(period.samples);
            const double drift = std::abs(period.samples - whole) * static_cast<double>(size) / whole;
            if (whole >= 2 && drift < 1) known_.push_back(static_cast<std::size_t>(whole));
        }
    }

    [[nodiscard]] std::optional<Fold> best(std::size_t shortest, std::size_t longest) {
        std::optional<Fold> best;
        for (std::size_t period = shortest; period <= longest; ++period) {
            std::optional<Fold> fold = at(period);
            if (fold && (!best || fold->log_p < best->log_p)) best = std::move(fold);
        }
        return best;
    }

  private:
    [[nodiscard]] std::optional<Fold> at(std::size_t period) {
        hits_.assign(period, 0);
        for (const std::size_t spike : spikes_) ++hits_[spike % period];
        const std::size_t busiest = *std::max_element(hits_.begin(), hits_.end());
        const std::size_t cycles = (size_ + period - 1) / period;
        if (static_cast<double>(busiest) < minimum_recurrence * static_cast<double>(size_ / period))
            return std::nullopt;
        Fold fold;
        fold.period = period;
        std::size_t explained = 0;
        for (std::size_t place = 0; place < period; ++place) {
            if (static_cast<double>(hits_[place]) < minimum_recurrence * static_cast<double>(size_ / period)) continue;
            fold.places.push_back(place);
            explained += hits_[place];
        }
        if (static_cast<double>(explained) < minimum_explained * static_cast<double>(spikes_.size()))
            return std::nullopt;
        const double rate = chance_rate(period, busiest);
        fold.recurrence =
            std::min(1.0, static_cast<double>(busiest) / static_cast<double>(std::max<std::size_t>(1, size_ / period)));
        fold.log_p = log_binomial_tail(busiest, cycles, rate) + std::log(static_cast<double>(period));
        return fold;
    }

    // Share of places that have a spike by chance. Where a day is known, what its peak exceeds now and then comes at
    // one hour of it: every second or third day would stand out against all hours, but not against that hour of other
    // days.
    [[nodiscard]] double chance_rate(std::size_t period, std::size_t busiest) const {
        double rate = static_cast<double>(spikes_.size()) / static_cast<double>(size_);
        const auto place = static_cast<std::size_t>(std::find(hits_.begin(), hits_.end(), busiest) - hits_.begin());
        for (const std::size_t known : known_) {
            if (known >= period || period % known != 0) continue;
            const auto at_phase = static_cast<std::size_t>(std::count_if(
                spikes_.begin(), spikes_.end(), [&](std::size_t t) { return t % known == place % known; }));
            const double elsewhere = static_cast<double>(size_) / static_cast<double>(known) -
                                     static_cast<double>(size_) / static_cast<double>(period);
            rate = std::max(rate, static_cast<double>(at_phase - busiest) / std::max(1.0, elsewhere));
        }
        return std::min(rate, 1.0);
    }

    std::vector<std::size_t> spikes_;
    std::size_t size_;
    std::vector<std::size_t> known_;
    std::vector<std::size_t> hits_;
};

std::vector<std::size_t> spikes_of(const Decomposition& model) {
    std::vector<std::size_t> spikes;
    for (std::size_t t = 0; t < model.remainder.size(); ++t) {
        if (model.remainder[t] > spike_bound * model.noise_scale) spikes.push_back(t);
    }
    return spikes;
}

bool is_known(const std::vector<Period>& periods, double samples) {
    return std::any_of(periods.begin(), periods.end(), [&](const Period& known) {
        return std::abs(known.samples - samples) <= std::max(0.6, 0.02 * samples);
    });
}

// Waves that are only what winsorising left of the spikes.
void drop_harmonics_of(double samples, double amplitude, std::vector<Period>& periods) {
    std::erase_if(periods, [&](const Period& wave) {
        const double order = samples / wave.samples;
        return order > 1.5 && std::abs(order - std::round(order)) < 0.02 * order && wave.amplitude < amplitude;
    });
}

}  // namespace

void add_spike_periods(std::span<const double> values, const PeriodOptions& options, Decomposition& result) {
    if (result.noise_scale <= 0) return;
    const std::vector<std::size_t> spikes = spikes_of(result);
    const std::size_t size = values.size();
    if (spikes.size() < minimum_spikes || spikes.size() * 4 > size) return;
    const auto longest = static_cast<std::size_t>(static_cast<double>(size) / std::max(4.0, options.minimum_cycles));
    const auto shortest = static_cast<std::size_t>(std::max(2.0, std::ceil(options.minimum_samples)));
    if (longest < shortest) return;
    const std::optional<Fold> fold = Folding(spikes, size, result.periods).best(shortest, longest);
    if (!fold) return;
    const double log_p = fold->log_p + std::log(static_cast<double>(longest));
    if (log_p > std::log(options.significance)) return;

    Period period;
    period.samples = static_cast<double>(fold->period);
    period.is_spikes = true;
    period.p_value = std::exp(log_p);
    period.recurrence = fold->recurrence;
    period.wave.assign(fold->period, 0.0);
    for (const std::size_t place : fold->places) {
        std::vector<double> seen;
        for (std::size_t t = place; t < size; t += fold->period) {
            if (!std::isnan(result.remainder[t])) seen.push_back(result.remainder[t]);
        }
        period.wave[place] = median(std::move(seen));
    }
    period.amplitude = *std::max_element(period.wave.begin(), period.wave.end()) / 2;

    double explained = 0;
    double all = 0;
    for (std::size_t t = 0; t < size; ++t) {
        if (std::isnan(result.remainder[t])) continue;
        const double rest = result.remainder[t] + result.seasonal[t];
        const double spike = period.wave[t % fold->period];
        all += rest * rest;
        explained += rest * rest - (rest - spike) * (rest - spike);
        result.seasonal[t] += spike;
        result.remainder[t] -= spike;
    }
    period.strength = all > 0 ? std::clamp(explained / all, 0.0, 1.0) : 0;
    period.autocorrelation = period.strength;
    drop_harmonics_of(period.samples, period.amplitude, result.periods);
    if (!is_known(result.periods, period.samples)) result.periods.push_back(std::move(period));
}

}  // namespace pganalytics::patterns
