#include "generated_series.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numbers>
#include <random>
#include <utility>

namespace pganalytics::bench {
namespace {

using Values = std::vector<double>;

class Draw {
  public:
    Draw(const std::string& process, unsigned seed) {
        std::seed_seq mixed{seed, static_cast<unsigned>(std::hash<std::string>{}(process))};
        engine_.seed(mixed);
    }
    double normal() { return normal_(engine_); }
    double uniform(double low, double high) { return std::uniform_real_distribution<>(low, high)(engine_); }
    std::size_t between(std::size_t low, std::size_t high) {
        return std::uniform_int_distribution<std::size_t>(low, high)(engine_);
    }
    bool chance(double share) { return uniform(0, 1) < share; }
    double count(double mean) {
        return mean > 0 ? static_cast<double>(std::poisson_distribution<int>(mean)(engine_)) : 0.0;
    }
    /// Student's t with 4 degrees of freedom, variance 1.
    double heavy() { return std::student_t_distribution<>(4)(engine_) / std::numbers::sqrt2; }

  private:
    std::mt19937_64 engine_;
    std::normal_distribution<> normal_;
};

/// A day of two humps and a week with quieter ends; around 1.
Values rhythm(Draw& draw, std::size_t n) {
    const double first = draw.uniform(0.2, 0.6);
    const double second = draw.uniform(0, 0.3);
    const double phase = draw.uniform(0, 24);
    const double weekend = draw.uniform(0.4, 1.0);
    Values result(n);
    for (std::size_t t = 0; t < n; ++t) {
        const double angle = 2 * std::numbers::pi * (static_cast<double>(t) + phase) / 24;
        result[t] = (1 + first * std::sin(angle) + second * std::cos(2 * angle)) * (t / 24 % 7 >= 5 ? weekend : 1.0);
    }
    return result;
}

Values autoregression(Draw& draw, std::size_t n, double phi) {
    Values result(n);
    double state = 0;
    for (double& value : result) value = state = phi * state + std::sqrt(1 - phi * phi) * draw.normal();
    return result;
}

struct LoadPath {
    Draw& draw;
    Values shape;
    Values red;
    double size;

    template <typename Step>
    Values made(Step&& step) {
        Values result(shape.size());
        for (std::size_t t = 0; t < result.size(); ++t) result[t] = std::max(0.0, step(t));
        return result;
    }
    [[nodiscard]] double plain(std::size_t t, double noise = 0.08) const { return size * (shape[t] + noise * red[t]); }
};

Values level_shifts(LoadPath& path) {
    double level = 1;
    return path.made([&](std::size_t t) {
        if (path.draw.chance(1.0 / 240)) level = path.draw.uniform(0.6, 1.8);
        return level * path.plain(t);
    });
}

Values bursts(LoadPath& path) {
    std::size_t left = 0;
    double factor = 1;
    return path.made([&](std::size_t t) {
        if (left > 0) --left;
        if (left == 0 && path.draw.chance(1.0 / 60)) {
            left = path.draw.between(2, 8);
            factor = path.draw.uniform(1.5, 4);
        }
        return path.plain(t, 0.05) * (left > 0 ? factor : 1.0);
    });
}

Values turbulent_days(LoadPath& path) {
    double log_noise = 0;
    return path.made([&](std::size_t t) {
        if (t % 6 == 0) log_noise = 0.97 * log_noise + 0.2 * path.draw.normal();
        return path.plain(t, 0.08 * std::exp(log_noise));
    });
}

Values odd_days(LoadPath& path) {
    double factor = 1;
    return path.made([&](std::size_t t) {
        if (t % 24 == 0) factor = path.draw.chance(0.05) ? path.draw.uniform(0.5, 0.8) : 1.0;
        return factor * path.plain(t, 0.04);
    });
}

Values wandering(LoadPath& path) {
    double walk = 0;
    return path.made([&](std::size_t t) {
        walk += 0.03 * path.draw.heavy();
        return path.size * (3 + walk + 0.3 * path.shape[t]);
    });
}

Values load_values(const std::string& process, LoadPath path) {
    Draw& draw = path.draw;
    if (process == "level_shifts") return level_shifts(path);
    if (process == "bursts") return bursts(path);
    if (process == "turbulent_days") return turbulent_days(path);
    if (process == "odd_days") return odd_days(path);
    if (process == "wandering") return wandering(path);
    if (process == "noisy_hours")
        return path.made([&](std::size_t t) {
            return path.size * (path.shape[t] + (t % 24 >= 9 && t % 24 < 17 ? 0.25 : 0.04) * draw.normal());
        });
    if (process == "counts") return path.made([&](std::size_t t) { return draw.count(4 * path.shape[t]); });
    if (process == "mostly_zero")
        return path.made([&](std::size_t t) { return draw.chance(0.15 * path.shape[t]) ? draw.count(6) : 0.0; });
    if (process == "growth")
        return path.made([&](std::size_t t) {
            return path.plain(t, 0) * std::exp(0.001 * static_cast<double>(t) + 0.1 * path.red[t]);
        });
    if (process == "white") return path.made([&](std::size_t) { return path.size * (3 + 0.3 * draw.heavy()); });
    return path.made([&](std::size_t t) { return path.plain(t); });  // seasonal_ar, one_to_three_days
}

struct M4Sampling {
    const char* name;
    double step_seconds;
    std::size_t season;
    std::size_t shortest, longest, horizon;
};

constexpr double day = 86400;
constexpr std::array samplings{
    M4Sampling{"yearly", 365.25 * day, 1, 13, 60, 6}, M4Sampling{"quarterly", 91.3 * day, 4, 16, 120, 8},
    M4Sampling{"monthly", 30 * day, 12, 42, 300, 18}, M4Sampling{"weekly", 7 * day, 52, 80, 600, 13},
    M4Sampling{"daily", day, 7, 93, 1500, 14},        M4Sampling{"hourly", 3600, 24, 700, 960, 48},
};

std::vector<std::string> names_of_samplings() {
    std::vector<std::string> names;
    for (const M4Sampling& each : samplings) names.emplace_back(each.name);
    return names;
}

/// A drift of its own that few series change, on the log scale; a season that changes slowly; noise with heavy tails.
/// How much each weighs by sampling is set so that Theta stands to Naive2 about as it did in M4: 0.87 yearly, 0.91
/// quarterly and monthly, 1.0 for weeks and days, which wander.
Values business_values(const M4Sampling& sampling, Draw& draw, std::size_t n) {
    const bool wanders_only = sampling.step_seconds <= 7 * day && sampling.step_seconds >= day;
    const bool has_season = sampling.season > 1 && (sampling.season == 24 || draw.chance(wanders_only ? 0.3 : 0.7));
    const double strength = has_season ? (sampling.season == 24 ? 0.2 : 0.06) * std::exp(0.6 * draw.normal()) : 0;
    Values season(std::max<std::size_t>(1, sampling.season));
    for (double& each : season) each = strength * draw.heavy();
    const double change = draw.uniform(0, 0.05);
    const double wander = (sampling.step_seconds < 7 * day ? 0.008 : 0.025) * std::exp(0.5 * draw.normal());
    const double noise = (wanders_only ? 0.3 : 1.0) * wander * std::exp(0.7 * draw.normal());
    const double usual = sampling.season == 24 ? 0 : wander * (wanders_only ? 0.05 : 0.4) * (draw.normal() + 0.5);
    const bool bends = draw.chance(0.3);
    double slope = usual;
    double level = std::log(draw.uniform(200, 9000));
    Values result(n);
    for (std::size_t t = 0; t < n; ++t) {
        if (bends) slope = usual + 0.95 * (slope - usual) + 0.1 * wander * draw.normal();
        level += slope + wander * draw.heavy();
        double& own = season[t % season.size()];
        own += change * strength * draw.normal();
        const double week = sampling.season == 24 && t / 24 % 7 >= 5 ? -strength : 0.0;
        result[t] = std::exp(std::min(20.0, level + own + week + noise * draw.heavy()));
    }
    return result;
}

GeneratedSeries cut(Values all, std::size_t horizon, double step_seconds) {
    const auto end = all.end() - static_cast<std::ptrdiff_t>(horizon);
    return {step_seconds, Values(all.begin(), end), Values(end, all.end())};
}

}  // namespace

const std::vector<std::string>& load_processes() {
    static const std::vector<std::string> names{"seasonal_ar",    "level_shifts", "noisy_hours", "bursts",
                                                "turbulent_days", "odd_days",     "wandering",   "growth",
                                                "counts",         "mostly_zero",  "white",       "one_to_three_days"};
    return names;
}

GeneratedSeries generate_load(const std::string& process, unsigned seed) {
    Draw draw(process, seed);
    constexpr std::size_t horizon = 24;
    const std::size_t history = process == "one_to_three_days" ? draw.between(20, 75) : draw.between(400, 1600);
    const std::size_t n = history + horizon;
    Values shape = rhythm(draw, n);
    Values red = autoregression(draw, n, draw.uniform(0.3, 0.95));
    const double size = std::exp(draw.uniform(2, 9));
    return cut(load_values(process, {draw, std::move(shape), std::move(red), size}), horizon, 3600);
}

const std::vector<std::string>& m4_samplings() {
    static const std::vector<std::string> names = names_of_samplings();
    return names;
}

GeneratedSeries generate_m4_like(const std::string& sampling, unsigned seed) {
    const auto found =
        std::find_if(samplings.begin(), samplings.end(), [&](const M4Sampling& each) { return each.name == sampling; });
    const M4Sampling& chosen = found == samplings.end() ? samplings.front() : *found;
    Draw draw(sampling, seed);
    // Most series of M4 are nearer to the short end.
    const double place = std::pow(draw.uniform(0, 1), 2);
    const auto longer = static_cast<std::size_t>(place * static_cast<double>(chosen.longest - chosen.shortest));
    Values all = business_values(chosen, draw, chosen.shortest + longer + chosen.horizon);
    return cut(std::move(all), chosen.horizon, chosen.step_seconds);
}

}  // namespace pganalytics::bench
