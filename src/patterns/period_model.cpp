#include "patterns/period_search.hpp"

#include <array>
#include <numeric>

namespace pganalytics::patterns {

void PeriodSearch::update_residual() {
    residual_.resize(values_.size());
    std::vector<double> plain;
    plain.reserve(values_.size());
    for (std::size_t t = 0; t < values_.size(); ++t) {
        residual_[t] = values_[t] - total_[t];
        if (known_[t]) plain.push_back(residual_[t]);
    }
    scale_ = scale_of_residuals(plain);
    double bound = scale_;
    if (scale_ > 0 && (has_states_ || gross_are_states())) {
        has_states_ = true;
        for (double& each : plain) each = std::abs(each);
        bound = std::max(scale_, quantile(std::move(plain), 0.97) / 2.5);
    }
    for (std::size_t t = 0; t < values_.size(); ++t) {
        residual_[t] = known_[t] && scale_ > 0 ? hampel_psi(residual_[t], bound) : 0.0;
    }
}

// Gross residuals that come in runs and in every part of the series are another state of it (weekends, nights), which a
// period may yet explain; scattered ones are outliers, and those in one part are an incident.
bool PeriodSearch::gross_are_states() const {
    std::array<std::size_t, 4> in_part{};
    std::size_t gross = 0;
    std::size_t joined = 0;
    bool before = false;
    for (std::size_t t = 0; t < values_.size(); ++t) {
        const bool is_gross = known_[t] && std::abs(residual_[t]) > 4 * scale_;
        if (is_gross) {
            ++gross;
            ++in_part[t * in_part.size() / values_.size()];
            if (before) ++joined;
        }
        before = is_gross;
    }
    const auto m = static_cast<double>(gross);
    const auto n = static_cast<double>(values_.size());
    if (m < 0.02 * n || static_cast<double>(joined) < m * m / n + 0.3 * m) return false;
    const auto parts = std::count_if(in_part.begin(), in_part.end(),
                                     [&](std::size_t count) { return static_cast<double>(count) > m / 12; });
    return parts >= 3;
}

std::vector<double> PeriodSearch::winsorised() const {
    std::vector<double> target = total_;
    for (std::size_t t = 0; t < target.size(); ++t) target[t] += residual_[t];
    return target;
}

void PeriodSearch::refit(std::size_t rounds) {
    for (std::size_t round = 0; round < rounds; ++round) {
        if (is_long()) {
            model_.backfit(winsorised(), fit_);
        } else {
            fit_ = model_.fit(winsorised());
        }
        total_ = fit_.total();
        update_residual();
    }
}

// A group is new or changed: in a long series it is fitted alone, in a short one all are together.
void PeriodSearch::fit_changed(std::size_t group) {
    const std::vector<double> target = winsorised();
    if (!is_long()) {
        model_.refine(target);
        refit(1);
        return;
    }
    fit_.waves.resize(model_.groups.size());
    fit_.waves[group].resize(values_.size(), 0.0);
    model_.refine_group(target, fit_, group);
    model_.backfit(target, fit_, group);
    total_ = fit_.total();
    update_residual();
}

void PeriodSearch::remove_group(std::size_t group) {
    model_.groups.erase(model_.groups.begin() + static_cast<std::ptrdiff_t>(group));
    fit_.waves.erase(fit_.waves.begin() + static_cast<std::ptrdiff_t>(group));
}

// Lines nearer than a spectrum can tell apart cancel each other with amplitudes without bound, and either then looks
// needed. Of two such lines an overtone goes before a fundamental, and the weaker fundamental before the stronger.
bool PeriodSearch::untangle() {
    constexpr double resolved = 0.5;
    bool is_changed = false;
    const std::vector<double> amplitudes = line_amplitudes();
    std::vector<bool> is_double(model_.groups.size(), false);
    for (std::size_t g = 0; g < model_.groups.size(); ++g) {
        for (std::size_t other = 0; other < model_.groups.size(); ++other) {
            if (other == g || is_double[other]) continue;
            const HarmonicGroup& stays = model_.groups[other];
            std::vector<int>& harmonics = model_.groups[g].harmonics;
            const auto is_taken = [&](int harmonic) {
                return std::any_of(stays.harmonics.begin(), stays.harmonics.end(), [&](int of_other) {
                    const double apart = std::abs(stays.frequency * of_other - model_.groups[g].frequency * harmonic);
                    const bool gives_way =
                        harmonic != of_other ? harmonic > of_other : amplitudes[g] < amplitudes[other];
                    return gives_way && apart < resolved * bin();
                });
            };
            const bool loses_first = is_taken(harmonics.front());
            is_changed |= std::erase_if(harmonics, is_taken) > 0;
            is_double[g] = is_double[g] || loses_first || harmonics.empty();
        }
    }
    for (std::size_t g = model_.groups.size(); g-- > 0;) {
        if (is_double[g]) remove_group(g);
    }
    return is_changed;
}

bool PeriodSearch::is_near_line(double frequency, double bins) const {
    for (const HarmonicGroup& group : model_.groups) {
        for (const int harmonic : group.harmonics) {
            if (std::abs(group.frequency * harmonic - frequency) < bins * bin()) return true;
        }
    }
    return false;
}

// On a multiple of a period that is there already and short enough for that to be no chance.
bool PeriodSearch::is_overtone_line(double frequency) const {
    return std::any_of(model_.groups.begin(), model_.groups.end(), [&](const HarmonicGroup& group) {
        const double order = std::round(frequency / group.frequency);
        return group.frequency > 10 * bin() && order > 1.5 &&
               std::abs(order * group.frequency - frequency) < 0.3 * bin();
    });
}

std::size_t PeriodSearch::lines() const {
    std::size_t count = 0;
    for (const HarmonicGroup& group : model_.groups) count += group.harmonics.size();
    return count;
}

double PeriodSearch::detrended_square() const {
    double sum = 0;
    for (std::size_t t = 0; t < values_.size(); ++t) {
        const double rest = total_[t] - fit_.trend[t] + residual_[t];
        sum += rest * rest;
    }
    return sum;
}

// Of a sinusoid of the same power.
std::vector<double> PeriodSearch::line_amplitudes() const {
    std::vector<double> amplitudes;
    for (const std::vector<double>& wave : fit_.waves) {
        amplitudes.push_back(std::sqrt(2 * std::inner_product(wave.begin(), wave.end(), wave.begin(), 0.0) * bin()));
    }
    return amplitudes;
}

std::vector<double> PeriodSearch::without_others(std::size_t group) const {
    std::vector<double> alone(values_.size());
    for (std::size_t t = 0; t < alone.size(); ++t) alone[t] = known_[t] ? residual_[t] + fit_.waves[group][t] : 0.0;
    return alone;
}

void PeriodSearch::refine_all() {
    const int rounds = is_long() ? 2 : 8;
    for (int round = 0; round < rounds && !model_.groups.empty(); ++round) {
        const std::vector<double> target = winsorised();
        double moved = 1;
        if (is_long()) {
            for (std::size_t g = 0; g < model_.groups.size(); ++g) model_.refine_group(target, fit_, g);
        } else {
            moved = model_.refine(target);
        }
        const bool is_changed = untangle();
        refit(1);
        if (moved < 0.005 && !is_changed) break;
    }
}

}  // namespace pganalytics::patterns
