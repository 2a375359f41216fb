#include "patterns/period_search.hpp"

#include <algorithm>
#include <array>

#include "patterns/binomial.hpp"
#include "patterns/spectrum.hpp"

namespace pganalytics::patterns {
namespace {

constexpr std::size_t maximum_groups = 12;
constexpr std::size_t free_groups = 5;  // that may enter without standing out from red noise
constexpr std::size_t maximum_bends = 4;
constexpr std::size_t maximum_steps = 6;
constexpr std::size_t maximum_lines = 48;
constexpr double least_share = 0.0015;  // of the detrended variance: what explains less is not looked for

struct TrendCandidate {
    TrendTerm term;
    double gain = 0;
};

/// Best single step or bend of a residual, by its projection after level and slope are taken out.
TrendCandidate best_trend_term(std::span<const double> residual, TrendTerm::Kind kind) {
    const auto n = static_cast<double>(residual.size());
    const double half = (n - 1) / 2;
    const double slope_square = n * (n * n - 1) / 12;
    TrendCandidate best{{kind, 0}, 0};
    double sum = 0;     // Σ_{t ≥ at} r_t
    double moment = 0;  // Σ_{t ≥ at} (t − at) r_t
    const std::size_t margin = std::max<std::size_t>(5, residual.size() / (kind == TrendTerm::Kind::step ? 50 : 20));
    for (std::size_t at = residual.size(); at-- > 1;) {
        moment += sum;
        sum += residual[at];
        if (at < margin || at + margin > residual.size()) continue;
        const double m = n - static_cast<double>(at);  // samples from `at` on
        double square = 0;
        double onto_level = 0;
        double onto_slope = 0;
        double product = 0;
        const double place = static_cast<double>(at) - half;
        if (kind == TrendTerm::Kind::step) {
            square = m;
            onto_level = m;
            onto_slope = m * place + m * (m - 1) / 2;
            product = sum;
        } else {
            const double ones = m * (m - 1) / 2;
            const double squares = (m - 1) * m * (2 * m - 1) / 6;
            square = squares;
            onto_level = ones;
            onto_slope = ones * place + squares;
            product = moment;
        }
        const double left = square - onto_level * onto_level / n - onto_slope * onto_slope / slope_square;
        if (left < 1e-6 * square) continue;
        const double gain = product * product / left;
        if (gain > best.gain) best = {{kind, at}, gain};
    }
    return best;
}

}  // namespace

// The strongest line if red noise could not have made it, else the one that stands out most from red noise.
std::optional<PeriodSearch::Line> PeriodSearch::pick_line(const RedNoise& noise, double free_gain) const {
    const std::size_t padded = fast_length((is_long() ? 2 : 4) * values_.size());
    const std::vector<double> power = power_spectrum(residual_, padded);
    const double to_gain = 2.0 / static_cast<double>(values_.size());
    const auto first = static_cast<std::size_t>(std::ceil(lowest() * 0.97 * static_cast<double>(padded)));
    const auto last = std::min(power.size() - 1, static_cast<std::size_t>(highest() * static_cast<double>(padded)));
    const double enough = 2 * std::log(static_cast<double>(values_.size())) + 4;

    std::optional<std::size_t> strongest;
    std::optional<std::size_t> clearest;
    double clearest_ratio = enough;
    for (std::size_t k = std::max<std::size_t>(first, 1); k <= last; ++k) {
        const bool is_peak = power[k] >= power[k - 1] && (k + 1 >= power.size() || power[k] >= power[k + 1]);
        if (!is_peak) continue;
        const double frequency = static_cast<double>(k) / static_cast<double>(padded);
        if (is_near_line(frequency, 0.4)) continue;
        if (!strongest || power[k] > power[*strongest]) strongest = k;
        const double ratio = power[k] * to_gain / noise.density(frequency);
        if (ratio > clearest_ratio) {
            clearest_ratio = ratio;
            clearest = k;
        }
    }
    if (!strongest) return std::nullopt;
    const double strongest_frequency = static_cast<double>(*strongest) / static_cast<double>(padded);
    const double gain = power[*strongest] * to_gain;
    const bool strongest_is_clear = gain / noise.density(strongest_frequency) > enough;
    if (!strongest_is_clear && !clearest && gain < free_gain) return std::nullopt;
    const std::size_t at = strongest_is_clear || !clearest ? *strongest : *clearest;
    double offset = 0;
    if (at > 0 && at + 1 < power.size()) {
        const double curvature = power[at - 1] - 2 * power[at] + power[at + 1];
        if (curvature < 0) offset = 0.5 * (power[at - 1] - power[at + 1]) / curvature;
    }
    return Line{(static_cast<double>(at) + offset) / static_cast<double>(padded), power[at] * to_gain};
}

std::size_t PeriodSearch::add_line(double frequency, const RedNoise& noise) {
    for (std::size_t g = 0; g < model_.groups.size(); ++g) {
        HarmonicGroup& known = model_.groups[g];
        const int order = static_cast<int>(std::lround(frequency / known.frequency));
        if (known.carrier_order == 0 || order < 1 || std::abs(known.frequency * order - frequency) > 0.5 * bin())
            continue;
        const auto place = std::lower_bound(known.harmonics.begin(), known.harmonics.end(), order);
        if (place == known.harmonics.end() || *place != order) known.harmonics.insert(place, order);
        return g;
    }
    HarmonicGroup group{frequency, {1}, 0};
    std::vector<double> amplitude(maximum_harmonic + 3, 0.0);
    int highest_harmonic = 0;
    for (int h = 1; h <= maximum_harmonic + 2 && frequency * h <= 0.5; ++h) {
        amplitude[static_cast<std::size_t>(h)] = std::sqrt(sinusoid_gain(residual_, frequency * h));
        highest_harmonic = std::min(h, maximum_harmonic);
    }
    for (int h = 2; h <= highest_harmonic; ++h) {
        const auto at = static_cast<std::size_t>(h);
        const double gain = amplitude[at] * amplitude[at];
        const bool is_clear = gain / noise.density(frequency * h) > 9.2;
        const bool falls_off = amplitude[at] <= 0.5 * amplitude[1];
        // A day within a week is a period of its own, not the week's seventh harmonic.
        const double neighbours =
            std::max({amplitude[at - 1], amplitude[at - 2], amplitude[at + 1], amplitude[at + 2]});
        const bool stands_out = h > 5 && amplitude[at] > 2 * neighbours;
        if (is_clear && falls_off && !stands_out && !is_near_line(frequency * h, 0.6) &&
            !is_overtone_line(frequency * h))
            group.harmonics.push_back(h);
    }
    model_.groups.push_back(group);
    return model_.groups.size() - 1;
}

// A day whose height differs over the week has sidebands at day ± k weeks, and they may all be stronger than the week's
// own line. Three groups or more on the multiples of a fraction of a stronger one are one period: that fraction.
std::optional<std::size_t> PeriodSearch::merge_modulation(const RedNoise& noise) {
    if (model_.groups.size() < 4) return std::nullopt;
    const std::vector<double> amplitudes = line_amplitudes();
    for (const int order : {2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 21, 24, 28, 30}) {
        for (std::size_t carrier = 0; carrier < model_.groups.size(); ++carrier) {
            if (model_.groups[carrier].carrier_order > 0) continue;
            const double base = model_.groups[carrier].frequency / order;
            if (base < lowest() * 0.97) continue;
            std::vector<std::size_t> members;
            std::vector<int> orders;
            for (std::size_t g = 0; g < model_.groups.size(); ++g) {
                const int multiple = static_cast<int>(std::lround(model_.groups[g].frequency / base));
                const bool is_on = std::abs(base * multiple - model_.groups[g].frequency) < 0.3 * bin();
                if (g == carrier || !is_on || multiple < 1 || multiple > 4 * order || multiple % order == 0 ||
                    amplitudes[g] > amplitudes[carrier]) {
                    continue;
                }
                members.push_back(g);
                orders.push_back(multiple);
            }
            if (members.size() < 3) continue;
            const double chance = std::min(0.9, 0.6 * bin() / base);
            if (log_binomial_tail(members.size(), model_.groups.size() - 1, chance) > std::log(0.05 / 15)) continue;

            for (int multiple = 1; multiple < 2 * order; ++multiple) {
                const bool is_clear = multiple % order != 0 &&
                                      sinusoid_gain(residual_, base * multiple) > 9.2 * noise.density(base * multiple);
                if (is_clear && !is_near_line(base * multiple, 0.6)) orders.push_back(multiple);
            }
            std::sort(orders.begin(), orders.end());
            orders.erase(std::unique(orders.begin(), orders.end()), orders.end());
            std::vector<double> wave(values_.size(), 0.0);
            for (auto member = members.rbegin(); member != members.rend(); ++member) {
                for (std::size_t t = 0; t < wave.size(); ++t) wave[t] += fit_.waves[*member][t];
                remove_group(*member);
            }
            model_.groups.push_back({base, std::move(orders), order});
            fit_.waves.push_back(std::move(wave));
            return model_.groups.size() - 1;
        }
    }
    return std::nullopt;
}

// Two waves nearer than a spectrum can tell apart beat: together they look like one whose height and phase wander.
bool PeriodSearch::beats(std::size_t group) const {
    constexpr std::size_t parts = 4;
    const double frequency = model_.groups[group].frequency;
    if (frequency > 25 * bin()) return false;
    for (std::size_t g = 0; g < model_.groups.size(); ++g) {
        if (g != group && std::abs(model_.groups[g].frequency - frequency) < 1.2 * bin()) return false;
    }
    const std::vector<double> alone = without_others(group);
    const std::vector<double>& wave = fit_.waves[group];
    double lowest_share = INFINITY;
    double highest_share = -INFINITY;
    for (std::size_t part = 0; part < parts; ++part) {
        double products = 0;
        double squares = 0;
        for (std::size_t t = part * alone.size() / parts; t < (part + 1) * alone.size() / parts; ++t) {
            products += alone[t] * wave[t];
            squares += wave[t] * wave[t];
        }
        const double share = squares > 0 ? products / squares : 1;
        lowest_share = std::min(lowest_share, share);
        highest_share = std::max(highest_share, share);
    }
    return highest_share - lowest_share > 0.5;
}

// One line into two, half a bin to either side, everything refined together: the harmonics of a wave with corners are
// resolved where its fundamentals are not. Steps and weak groups, which so far stood for what the one line could not
// follow, have to come in again. Kept if the penalised likelihood gains.
bool PeriodSearch::split_one() {
    const HarmonicModel model = model_;
    const HarmonicFit fit = fit_;
    const auto restore = [&](const HarmonicModel& m, const HarmonicFit& f) {
        model_ = m;
        fit_ = f;
        total_ = fit_.total();
        update_residual();
    };
    const double before = criterion(fit_red_noise(residual_));
    double best = before - 10;
    HarmonicModel best_model = model;
    HarmonicFit best_fit = fit;
    const std::vector<double> amplitudes = line_amplitudes();
    const double strongest = amplitudes.empty() ? 0 : *std::max_element(amplitudes.begin(), amplitudes.end());
    for (std::size_t g = 0; g < model.groups.size(); ++g) {
        if (amplitudes[g] < 0.3 * strongest || !beats(g)) continue;
        for (const bool has_corners : {false, true}) {
            HarmonicModel tried = model;
            tried.groups.clear();
            std::erase_if(tried.trend, [](const TrendTerm& term) { return term.kind == TrendTerm::Kind::step; });
            for (std::size_t other = 0; other < model.groups.size(); ++other) {
                if (other != g && amplitudes[other] > 0.3 * strongest) tried.groups.push_back(model.groups[other]);
            }
            for (const double side : {-0.5, 0.5}) {
                HarmonicGroup half{model.groups[g].frequency + side * bin(), {1}, 0};
                if (has_corners) half.harmonics = {1, 3, 5};
                if (half.frequency > 0.8 * lowest()) tried.groups.push_back(half);
            }
            model_ = tried;
            refit(1);
            for (int round = 0; round < 6; ++round) {
                const double moved = model_.refine(winsorised());
                untangle();
                refit(1);
                if (moved < 0.01) break;
            }
            const double value = criterion(fit_red_noise(residual_));
            if (value < best) {
                best = value;
                best_model = model_;
                best_fit = fit_;
            }
            restore(model, fit);
        }
    }
    restore(best_model, best_fit);
    return best < before - 10;
}

bool PeriodSearch::extend() {
    if (scale_ <= 0) return false;
    const RedNoise noise = fit_red_noise(residual_);
    if (noise.innovation <= 0) return false;
    const auto count_of = [&](TrendTerm::Kind kind) {
        return static_cast<std::size_t>(std::count_if(model_.trend.begin(), model_.trend.end(),
                                                      [&](const TrendTerm& t) { return t.kind == kind; }));
    };
    // Against white noise of the same variance: signals not yet found make any noise look red, and what was let in too
    // many is dropped at the end.
    double variance = 0;
    for (const double each : residual_) variance += each * each;
    variance /= static_cast<double>(known_count_);
    const double bar = (2 * std::log(static_cast<double>(values_.size())) + 4) * variance;
    std::optional<TrendCandidate> trend;
    for (const auto kind : {TrendTerm::Kind::step, TrendTerm::Kind::bend}) {
        const std::size_t cap = kind == TrendTerm::Kind::bend ? maximum_bends : (may_step_ ? maximum_steps : 0);
        if (count_of(kind) >= cap) continue;
        const TrendCandidate candidate = best_trend_term(residual_, kind);
        const bool is_there = std::any_of(model_.trend.begin(), model_.trend.end(), [&](const TrendTerm& term) {
            const std::size_t apart =
                term.at > candidate.term.at ? term.at - candidate.term.at : candidate.term.at - term.at;
            return term.kind == kind && apart < std::max<std::size_t>(5, values_.size() / 50);
        });
        if (!is_there && candidate.gain > bar && (!trend || candidate.gain > trend->gain)) trend = candidate;
    }
    std::optional<Line> line;
    if (model_.groups.size() < maximum_groups && lines() < (is_long() ? maximum_lines / 2 : maximum_lines))
        line = pick_line(noise, model_.groups.size() < (is_long() ? free_groups / 2 : free_groups) ? bar : INFINITY);
    if (line && line->gain < least_share * detrended_square()) line.reset();
    if (!trend && !line) return false;
    // Of a real bend or step no wave takes more than a small part, but a few steps do for a slow square wave.
    if (trend && (!line || trend->gain > 1.5 * line->gain)) {
        model_.trend.push_back(trend->term);
    } else {
        fit_changed(add_line(line->frequency, noise));
        if (const std::optional<std::size_t> inferred = merge_modulation(noise)) fit_changed(*inferred);
        return true;
    }
    refit(1);
    return true;
}

// What comes in may be merged with what is there and come in again: in some series, without end.
void PeriodSearch::extend_to_the_end() {
    constexpr std::size_t most = 5 * (maximum_groups + maximum_bends + maximum_steps);
    for (std::size_t round = 0; round < most && extend(); ++round) {
    }
}

void PeriodSearch::extend_all() {
    extend_to_the_end();
    // What no better explains the series than noise alone does is not worth more work.
    const bool is_likely = criterion(fit_red_noise(residual_)) < without_any_;
    for (int splits = 0; splits < 3 && is_likely && !is_long() && split_one(); ++splits) {
        extend_to_the_end();
    }
    refine_all();
}

// A few steps may stand for a slow square wave, and a few slow waves for a step. Where steps came in, the search is
// done again with waves first and steps only for what they leave, and the likelier model stays.
void PeriodSearch::search() {
    const std::vector<double> start = total_;
    refit(3);
    without_any_ = criterion(fit_red_noise(residual_));
    extend_all();
    const bool has_steps = std::any_of(model_.trend.begin(), model_.trend.end(),
                                       [](const TrendTerm& term) { return term.kind == TrendTerm::Kind::step; });
    if (is_long() || !has_steps) return;
    const double with_steps = criterion(fit_red_noise(residual_));
    if (with_steps > without_any_) return;
    const HarmonicModel model = model_;
    const HarmonicFit fit = fit_;
    model_ = HarmonicModel(values_.size());
    total_ = start;
    has_states_ = false;
    update_residual();
    refit(3);
    may_step_ = false;
    extend_to_the_end();
    may_step_ = true;
    extend_all();
    if (criterion(fit_red_noise(residual_)) < with_steps) return;
    model_ = model;
    fit_ = fit;
    total_ = fit_.total();
    update_residual();
}

}  // namespace pganalytics::patterns
