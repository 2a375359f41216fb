#include "patterns/period_search.hpp"

#include <numbers>

namespace pganalytics::patterns {
namespace {

constexpr double furthest_sideband = 8;  // bins from its carrier

}  // namespace

bool PeriodSearch::is_overtone(std::size_t of, std::size_t candidate, const std::vector<double>& amplitudes) const {
    const double base = model_.groups[of].frequency;
    const double frequency = model_.groups[candidate].frequency;
    const double order = std::round(frequency / base);
    const double off = std::abs(frequency - order * base) / bin();
    const double ratio = amplitudes[candidate] / std::max(1e-300, amplitudes[of]);
    // Harmonics of sharp edges beyond half the sampling rate come back folded.
    for (int h = 3; h <= 40 && ratio < 0.4; ++h) {
        const double folded = std::abs(base * h - std::round(base * h));
        if (base * h > 0.5 && ratio * h < 2 && std::abs(folded - frequency) < (0.3 + 0.02 * h) * bin()) return true;
    }
    if (model_.groups[of].carrier_order > 0 && static_cast<int>(order) == model_.groups[of].carrier_order) return false;
    if (order < 1.5) {
        // A wave whose strength changes has sidebands: weaker, next to it; of one that is switched on halfway they fall
        // with the distance as 2 / π k.
        const double apart = std::abs(frequency - base) / bin();
        const bool is_same = std::abs(frequency / base - 1) < 0.02;
        const bool is_switching = apart < furthest_sideband && ratio < std::min(0.35, 2 / (std::numbers::pi * apart));
        return ratio <= 1 && (apart < 0.4 || is_switching || (apart < 2 && is_same));
    }
    const auto near = [&](double wanted) {
        double found = 0;
        for (std::size_t g = 0; g < model_.groups.size(); ++g) {
            for (const int harmonic : model_.groups[g].harmonics) {
                const double at = model_.groups[g].frequency * harmonic;
                if (std::abs(at - wanted) > 0.6 * bin()) continue;
                found = std::max(found, std::sqrt(2 * sinusoid_gain(fit_.waves[g], at) * bin()));
            }
        }
        return found;
    };
    if (ratio < 0.5 && off < 1) {
        if (order < 5.5) return true;
        const double neighbours = std::max(
            {near((order - 2) * base), near((order - 1) * base), near((order + 1) * base), near((order + 2) * base)});
        return amplitudes[candidate] <= 2 * neighbours || ratio < 0.1;
    }
    if (off > 0.25 || ratio > 1.25) return false;
    if (order < 3.5) return true;
    for (double between = 2; between < order - 0.5; ++between) {
        if (near(between * base) < 0.3 * amplitudes[candidate]) return false;
    }
    return true;
}

// A day that differs over the week has lines at day ± k weeks: the product of two periods, none of its own.
bool PeriodSearch::is_intermodulation(std::size_t candidate, const std::vector<bool>& keep,
                                      const std::vector<double>& amplitudes) const {
    const auto order_in = [&](std::size_t base, std::size_t group) {
        const double order = model_.groups[group].frequency / model_.groups[base].frequency;
        const bool is_multiple = std::abs(order - std::round(order)) * model_.groups[base].frequency < 0.5 * bin();
        return is_multiple && order > 1.5 ? std::round(order) : 0.0;
    };
    for (std::size_t base = 0; base < keep.size(); ++base) {
        if (base == candidate || !keep[base]) continue;
        const double order = order_in(base, candidate);
        if (order == 0) continue;
        for (std::size_t carrier = 0; carrier < keep.size(); ++carrier) {
            if (carrier == candidate || carrier == base || !keep[carrier]) continue;
            const double of_carrier = order_in(base, carrier);
            if (of_carrier == 0 || amplitudes[candidate] > 0.5 * amplitudes[carrier]) continue;
            if (std::abs(order - of_carrier) < 4.5) return true;
        }
    }
    return false;
}

std::vector<bool> PeriodSearch::reported() const {
    const std::vector<double> amplitudes = line_amplitudes();
    std::vector<bool> keep(model_.groups.size(), true);
    for (std::size_t g = 0; g < model_.groups.size(); ++g) {
        for (std::size_t of = 0; of < model_.groups.size(); ++of) {
            if (of != g && keep[of] &&
                model_.groups[of].frequency <= model_.groups[g].frequency + furthest_sideband * bin() &&
                is_overtone(of, g, amplitudes)) {
                keep[g] = false;
            }
        }
    }
    for (std::size_t g = 0; g < model_.groups.size(); ++g) {
        if (keep[g] && is_intermodulation(g, keep, amplitudes)) keep[g] = false;
    }
    return keep;
}

}  // namespace pganalytics::patterns
