#include "patterns/periodicity.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>
#include <optional>

#include "patterns/binomial.hpp"
#include "patterns/harmonic_model.hpp"
#include "patterns/noise_test.hpp"
#include "patterns/robust.hpp"
#include "patterns/spectrum.hpp"
#include "patterns/spike_period.hpp"

namespace pganalytics::patterns {
namespace {

constexpr std::size_t minimum_known = 24;
constexpr std::size_t maximum_groups = 12;
constexpr std::size_t free_groups = 5;  // that may enter without standing out from red noise
constexpr std::size_t maximum_bends = 4;
constexpr std::size_t maximum_steps = 6;
constexpr std::size_t maximum_lines = 48;
constexpr double least_share = 0.0015;   // of the detrended variance: what explains less is not looked for
constexpr double furthest_sideband = 8;  // bins from its carrier
constexpr int maximum_harmonic = 16;
constexpr std::size_t long_series = 2500;  // lines a bin apart hardly overlap any more, and a joint fit costs too much

struct Line {
    double frequency = 0;
    double gain = 0;  ///< by how much it lowers the sum of squares
};

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

class PeriodSearch {
  public:
    PeriodSearch(std::span<const double> values, const PeriodOptions& options)
        : options_(options), values_(interpolated(values)), known_(values.size()), model_(values.size()) {
        for (std::size_t t = 0; t < values.size(); ++t) known_[t] = !std::isnan(values[t]);
        known_count_ = static_cast<std::size_t>(std::count(known_.begin(), known_.end(), true));
    }

    Decomposition run(std::span<const double> original);

  private:
    [[nodiscard]] double bin() const { return 1.0 / static_cast<double>(values_.size()); }
    [[nodiscard]] double lowest() const { return options_.minimum_cycles * bin(); }
    [[nodiscard]] double highest() const { return 1.0 / options_.minimum_samples; }

    [[nodiscard]] bool is_long() const { return values_.size() > long_series; }
    [[nodiscard]] std::vector<double> winsorised() const;
    void refit(std::size_t rounds);
    void fit_changed(std::size_t group);
    void remove_group(std::size_t group);
    bool untangle();
    void update_residual();
    [[nodiscard]] bool gross_are_states() const;
    bool extend();
    [[nodiscard]] bool beats(std::size_t group) const;
    bool split_one();
    [[nodiscard]] std::size_t lines() const;
    [[nodiscard]] double detrended_square() const;
    [[nodiscard]] std::optional<Line> pick_line(const RedNoise& noise, double free_gain) const;
    std::size_t add_line(double frequency, const RedNoise& noise);
    std::optional<std::size_t> merge_modulation(const RedNoise& noise);
    [[nodiscard]] bool is_near_line(double frequency, double bins) const;
    [[nodiscard]] bool is_overtone_line(double frequency) const;
    void refine_all();
    void extend_all();
    void search();
    [[nodiscard]] std::vector<bool> reported() const;
    [[nodiscard]] std::vector<double> line_amplitudes() const;
    [[nodiscard]] bool is_overtone(std::size_t of, std::size_t candidate, const std::vector<double>& amplitudes) const;
    [[nodiscard]] bool is_intermodulation(std::size_t candidate, const std::vector<bool>& keep,
                                          const std::vector<double>& amplitudes) const;
    void drop_insignificant();
    [[nodiscard]] double free_samples() const;
    [[nodiscard]] double likelihood_ratio(std::size_t group, const RedNoise& full) const;
    [[nodiscard]] double log_searched(std::size_t pairs) const;
    [[nodiscard]] double penalty(const HarmonicGroup& group) const;
    [[nodiscard]] double criterion(const RedNoise& noise) const;
    [[nodiscard]] std::vector<double> margins(const RedNoise& full) const;
    double choose_along_path();
    [[nodiscard]] double local_background(double frequency, const RedNoise& noise,
                                          const std::vector<double>& power) const;
    [[nodiscard]] std::vector<double> without_others(std::size_t group) const;
    [[nodiscard]] bool autocorrelation_agrees(std::span<const double> alone, double period, double& at_period) const;
    [[nodiscard]] bool blocks_agree(std::span<const double> alone, std::span<const double> wave) const;
    [[nodiscard]] std::optional<Period> describe(std::size_t group) const;

    PeriodOptions options_;
    std::vector<double> values_;  // gaps interpolated
    std::vector<bool> known_;
    std::size_t known_count_ = 0;
    HarmonicModel model_;
    HarmonicFit fit_;
    std::vector<double> total_;     // of the fit
    std::vector<double> residual_;  // winsorised; 0 in gaps
    std::vector<double> log_p_;     // one a group, after drop_insignificant
    double scale_ = 0;
    double without_any_ = INFINITY;  // criterion of a straight line and noise
    bool has_states_ = false;
    bool may_step_ = true;
};

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

// The strongest line if red noise could not have made it, else the one that stands out most from red noise.
std::optional<Line> PeriodSearch::pick_line(const RedNoise& noise, double free_gain) const {
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

// On a multiple of a period that is there already and short enough for that to be no chance.
bool PeriodSearch::is_overtone_line(double frequency) const {
    return std::any_of(model_.groups.begin(), model_.groups.end(), [&](const HarmonicGroup& group) {
        const double order = std::round(frequency / group.frequency);
        return group.frequency > 10 * bin() && order > 1.5 &&
               std::abs(order * group.frequency - frequency) < 0.3 * bin();
    });
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

// Of a sinusoid of the same power.
std::vector<double> PeriodSearch::line_amplitudes() const {
    std::vector<double> amplitudes;
    for (const std::vector<double>& wave : fit_.waves) {
        amplitudes.push_back(std::sqrt(2 * std::inner_product(wave.begin(), wave.end(), wave.begin(), 0.0) * bin()));
    }
    return amplitudes;
}

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

std::vector<double> PeriodSearch::without_others(std::size_t group) const {
    std::vector<double> alone(values_.size());
    for (std::size_t t = 0; t < alone.size(); ++t) alone[t] = known_[t] ? residual_[t] + fit_.waves[group][t] : 0.0;
    return alone;
}

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

void PeriodSearch::extend_all() {
    while (extend()) {
    }
    // What no better explains the series than noise alone does is not worth more work.
    const bool is_likely = criterion(fit_red_noise(residual_)) < without_any_;
    for (int splits = 0; splits < 3 && is_likely && !is_long() && split_one(); ++splits) {
        while (extend()) {
        }
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
    while (extend()) {
    }
    may_step_ = true;
    extend_all();
    if (criterion(fit_red_noise(residual_)) < with_steps) return;
    model_ = model;
    fit_ = fit;
    total_ = fit_.total();
    update_residual();
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

}  // namespace

Decomposition decompose(std::span<const double> values, const PeriodOptions& options) {
    Decomposition result = PeriodSearch(values, options).run(values);
    add_spike_periods(values, options, result);
    std::stable_sort(result.periods.begin(), result.periods.end(),
                     [](const Period& a, const Period& b) { return a.strength > b.strength; });
    if (result.periods.size() > options.maximum_periods) result.periods.resize(options.maximum_periods);
    return result;
}

}  // namespace pganalytics::patterns
