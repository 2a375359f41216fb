// How well patterns are found and series forecast, as one prints it, not a test:
//   patterns_accuracy periods [series] [seed]   F1 on three-period series, ours beside Autoperiod and CFD-Autoperiod
//   patterns_accuracy noise [series] [seed]     share of noise series with any pattern
//   patterns_accuracy detect FOLDER             patterns of each CSV file below it
//   patterns_accuracy forecast FOLDER [origins] rolling 24-hour forecasts of each CSV file below it, against the best
//                                               of four naive ones chosen on the first half
//   patterns_accuracy loads [series] [seed]     forecasts of a day of generated loads: how often the intervals hold
//   patterns_accuracy m4 [series] [seed]        forecasts of series like those of M4, beside Theta and smoothing alone
// The three-period benchmark is that of Wen et al. 2021 (RobustPeriod), with drawn periods.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <numbers>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "generated_series.hpp"
#include "patterns/accuracy.hpp"
#include "patterns/detect.hpp"
#include "patterns/forecast.hpp"
#include "patterns/forecast_models.hpp"
#include "patterns/periodicity.hpp"
#include "patterns/robust.hpp"
#include "patterns/series_text.hpp"
#include "reference_periods.hpp"

namespace {

using namespace pganalytics;
using Values = std::vector<double>;

class Draw {
  public:
    explicit Draw(unsigned seed) : engine_(seed) {}
    double normal() { return normal_(engine_); }
    double uniform(double low, double high) { return std::uniform_real_distribution<>(low, high)(engine_); }
    std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(engine_); }
    template <typename T>
    void shuffle(T& values) {
        std::shuffle(values.begin(), values.end(), engine_);
    }

  private:
    std::mt19937_64 engine_;
    std::normal_distribution<> normal_;
};

double milliseconds() {
    return 1000.0 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

struct Severity {
    const char* name;
    double noise_variance;
    double outliers;
};

constexpr std::array severities{Severity{"mild", 0.1, 0.01}, Severity{"severe", 2, 0.10}};
constexpr std::array shapes{"sine", "square", "triangle", "mixed"};

std::array<double, 3> draw_periods(Draw& draw) {
    for (;;) {
        std::array<double, 3> periods{draw.uniform(12, 200), draw.uniform(12, 200), draw.uniform(12, 200)};
        bool is_harmonic = false;
        for (const double a : periods) {
            for (const double b : periods) {
                if (a > b && std::abs(a / b - std::round(a / b)) < 0.1) is_harmonic = true;
            }
        }
        if (!is_harmonic) return periods;
    }
}

double wave(std::size_t shape, double phase) {
    phase -= std::floor(phase);
    if (shape == 0) return std::sin(2 * std::numbers::pi * phase);
    if (shape == 1) return phase < 0.5 ? 1 : -1;
    return phase < 0.5 ? 4 * phase - 1 : 3 - 4 * phase;
}

Values three_periods(Draw& draw, const std::array<double, 3>& periods, std::size_t shape, const Severity& severity) {
    constexpr std::size_t n = 1000;
    std::array<double, 3> phases{draw.uniform(0, 1), draw.uniform(0, 1), draw.uniform(0, 1)};
    std::array<std::size_t, 3> of_wave{shape, shape, shape};
    if (shape == 3) of_wave = {draw.below(3), draw.below(3), draw.below(3)};
    const bool is_bent = draw.below(2) == 0;
    Values values(n);
    for (std::size_t t = 0; t < n; ++t) {
        const auto x = static_cast<double>(t);
        values[t] = is_bent ? 10 * (1 - std::abs(2 * x / n - 1)) : 10 * x / n;
        for (std::size_t k = 0; k < 3; ++k) values[t] += wave(of_wave[k], x / periods[k] + phases[k]);
        values[t] += std::sqrt(severity.noise_variance) * draw.normal();
    }
    const auto outliers = static_cast<std::size_t>(severity.outliers * n);
    for (std::size_t i = 0; i < outliers; ++i)
        values[draw.below(n)] += (draw.below(2) == 0 ? 1 : -1) * draw.uniform(5, 10);
    return values;
}

struct Score {
    double hits = 0;
    double false_finds = 0;
    double misses = 0;
    double cpu_ms = 0;

    void add(const std::array<double, 3>& truth, const Values& found) {
        std::array<bool, 3> is_hit{};
        for (const double period : found) {
            bool is_true = false;
            for (std::size_t k = 0; k < 3 && !is_true; ++k) {
                if (is_hit[k] || std::abs(period / truth[k] - 1) > 0.02) continue;
                is_hit[k] = is_true = true;
            }
            is_true ? ++hits : ++false_finds;
        }
        misses += 3.0 - static_cast<double>(std::count(is_hit.begin(), is_hit.end(), true));
    }
    [[nodiscard]] double f1() const { return 2 * hits / (2 * hits + false_finds + misses); }
};

/// The published methods know no trend: they get the series without ours, so that the comparison is one of periods.
Values without_trend(std::span<const double> values) {
    const patterns::Decomposition model = patterns::decompose(values);
    Values rest(values.begin(), values.end());
    for (std::size_t t = 0; t < rest.size(); ++t) rest[t] -= model.trend[t];
    return rest;
}

Values ours(std::span<const double> values) {
    Values periods;
    for (const patterns::Period& period : patterns::decompose(values).periods) periods.push_back(period.samples);
    return periods;
}

void run_periods(std::size_t count, unsigned seed) {
    const std::array<std::pair<const char*, std::function<Values(std::span<const double>)>>, 3> detectors{{
        {"ours", ours},
        {"autoperiod", [](std::span<const double> values) { return bench::autoperiod(without_trend(values)); }},
        {"cfd_autoperiod", [](std::span<const double> values) { return bench::cfd_autoperiod(without_trend(values)); }},
    }};
    fmt::print("three periods in 12..200 without harmonic relation, n = 1000, {} series each, seed {}\n", count, seed);
    for (const Severity& severity : severities) {
        for (std::size_t shape = 0; shape < shapes.size(); ++shape) {
            std::array<Score, 3> scores;
            Draw draw(seed);
            for (std::size_t i = 0; i < count; ++i) {
                const std::array<double, 3> periods = draw_periods(draw);
                const Values values = three_periods(draw, periods, shape, severity);
                for (std::size_t d = 0; d < detectors.size(); ++d) {
                    const double begins = milliseconds();
                    const Values found = detectors[d].second(values);
                    scores[d].cpu_ms += milliseconds() - begins;
                    scores[d].add(periods, found);
                }
            }
            for (std::size_t d = 0; d < detectors.size(); ++d) {
                const Score& score = scores[d];
                fmt::print(
                    "{:7} {:9} {:15} precision {:.3f} recall {:.3f} F1 {:.3f}  {:.1f} ms\n", severity.name,
                    shapes[shape], detectors[d].first, score.hits / std::max(1.0, score.hits + score.false_finds),
                    score.hits / (score.hits + score.misses), score.f1(), score.cpu_ms / static_cast<double>(count));
            }
        }
    }
}

void run_noise(std::size_t count, unsigned seed) {
    constexpr std::array kinds{"flat", "white", "ar1_0.5", "ar1_0.9", "random_walk", "shuffled_daily", "poisson"};
    double all = 0;
    for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
        Draw draw(seed + static_cast<unsigned>(kind));
        std::size_t with_any = 0;
        double cpu_ms = 0;
        for (std::size_t i = 0; i < count; ++i) {
            patterns::Series series{
                base::Timestamp{std::chrono::sys_days{std::chrono::year{2026} / 1 / 5}}, base::Seconds{3600}, {}};
            series.values.resize(720 + 280 * (i % 2));
            double state = 0;
            for (std::size_t t = 0; t < series.size(); ++t) {
                const std::array phi{0.0, 0.0, 0.5, 0.9, 1.0};
                double& value = series.values[t];
                if (kind == 0) value = 100;
                if (kind >= 1 && kind <= 4) value = state = phi[kind] * state + draw.normal();
                if (kind == 5)
                    value =
                        100 + 50 * std::sin(2 * std::numbers::pi * static_cast<double>(t) / 24) + 10 * draw.normal();
                if (kind == 6) value = std::floor(std::max(0.0, 20 + std::sqrt(20) * draw.normal()));
            }
            if (kind == 5) draw.shuffle(series.values);
            const double begins = milliseconds();
            if (!patterns::detect_in_series(series, true).patterns.empty()) ++with_any;
            cpu_ms += milliseconds() - begins;
        }
        const double share = static_cast<double>(with_any) / static_cast<double>(count);
        all += share / kinds.size();
        fmt::print("{:15} {:.3f} of {} series have any pattern  {:.1f} ms\n", kinds[kind], share, count,
                   cpu_ms / static_cast<double>(count));
    }
    fmt::print("{:15} {:.3f}\n", "all", all);
}

std::vector<std::filesystem::path> csv_files(const std::string& folder) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (entry.path().extension() == ".csv") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

base::Result<patterns::ReadSeries> read_file(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return patterns::read_series_csv(text.str());
}

void run_detect(const std::string& folder) {
    for (const auto& file : csv_files(folder)) {
        const auto read = read_file(file);
        if (!read) {
            fmt::print("{}: {}\n", file.filename().string(), read.error().message);
            continue;
        }
        const double begins = milliseconds();
        const patterns::Detection found = patterns::detect_in_series(read->series, read->has_clock);
        fmt::print("{:42} n {:6} {:4.0f} ms:", file.filename().string(), read->series.size(), milliseconds() - begins);
        for (const patterns::Pattern& pattern : found.patterns) {
            fmt::print(" {} {:.2f} h ({:.2f})", patterns::to_string(pattern.type), *pattern.metadata.period_hours,
                       pattern.metadata.confidence);
        }
        fmt::print("; {} outliers, {} level shifts\n", found.outliers.size(), found.level_shifts.size());
    }
}

/// Naive, seasonal naive of a day and of a week, mean of the same hour of the last two weeks.
Values baseline(std::size_t kind, std::span<const double> values, std::size_t origin, std::size_t day,
                std::size_t horizon) {
    const std::size_t week = 7 * day;
    Values result(horizon);
    for (std::size_t h = 0; h < horizon; ++h) {
        const std::size_t at = origin + h;
        if (kind == 0) result[h] = values[origin - 1];
        if (kind == 1) result[h] = values[at - day * (h / day + 1)];
        if (kind == 2) result[h] = values[at - week * (h / week + 1)];
        if (kind == 3) result[h] = (values[at - week * (h / week + 1)] + values[at - week * (h / week + 2)]) / 2;
    }
    return result;
}

void forecast_file(const std::filesystem::path& file, std::size_t wanted) {
    const auto read = read_file(file);
    if (!read || read->series.step > base::Seconds{3600}) return;
    const Values values = patterns::interpolated(read->series.values);
    const auto day = static_cast<std::size_t>(std::lround(86400 / read->series.step.count()));
    const std::size_t half = values.size() / 2;
    if (half < 22 * day) return;
    const std::span<const double> all(values);

    std::array<double, 4> on_training{};
    for (std::size_t origin = 14 * day; origin + day <= half; origin += day) {
        for (std::size_t kind = 0; kind < 4; ++kind) {
            on_training[kind] += *patterns::smape(all.subspan(origin, day), baseline(kind, all, origin, day, day));
        }
    }
    const auto chosen =
        static_cast<std::size_t>(std::min_element(on_training.begin(), on_training.end()) - on_training.begin());

    const std::size_t days = (values.size() - half) / day - 1;
    std::size_t stride = std::max<std::size_t>(1, days / std::max<std::size_t>(1, wanted));
    // Every weekday must have its turn.
    if (stride % 7 == 0) --stride;
    double own = 0, other = 0, in_80 = 0, in_95 = 0, points = 0, cpu_ms = 0, origins = 0;
    for (std::size_t i = 0; i < days; i += stride) {
        const std::size_t origin = half + i * day;
        patterns::ForecastOptions options;
        options.step = read->series.step;
        const double begins = milliseconds();
        const auto made = patterns::forecast(all.first(origin), day, options);
        cpu_ms += milliseconds() - begins;
        if (!made) continue;
        Values mean;
        for (std::size_t h = 0; h < day; ++h) {
            const patterns::ForecastPoint& point = made->points[h];
            const double value = values[origin + h];
            mean.push_back(point.mean);
            in_80 += value >= point.lower_80 && value <= point.upper_80 ? 1 : 0;
            in_95 += value >= point.lower_95 && value <= point.upper_95 ? 1 : 0;
            ++points;
        }
        own += *patterns::smape(all.subspan(origin, day), mean);
        other += *patterns::smape(all.subspan(origin, day), baseline(chosen, all, origin, day, day));
        ++origins;
    }
    constexpr std::array names{"naive", "day before", "week before", "two weeks"};
    fmt::print("{:42} sMAPE {:7.3f} against {:7.3f} ({:11}) gain {:6.1f} %  coverage 80 {:.3f} 95 {:.3f}  {:.0f} ms\n",
               file.filename().string(), own / origins, other / origins, names[chosen], 100 * (1 - own / other),
               in_80 / points, in_95 / points, cpu_ms / origins);
    std::fflush(stdout);
}

struct Intervals {
    double in_80 = 0;
    double in_95 = 0;
    double points = 0;
    double winkler =
        0;  ///< mean interval score at 95 % (Gneiting and Raftery 2007), in mean absolute errors of the naive

    void add(const patterns::Forecast& made, const bench::GeneratedSeries& series) {
        double step = 0;
        for (std::size_t t = 1; t < series.values.size(); ++t)
            step += std::abs(series.values[t] - series.values[t - 1]) / static_cast<double>(series.values.size() - 1);
        for (std::size_t h = 0; h < series.future.size(); ++h) {
            const patterns::ForecastPoint& point = made.points[h];
            const double value = series.future[h];
            in_80 += value >= point.lower_80 && value <= point.upper_80 ? 1 : 0;
            in_95 += value >= point.lower_95 && value <= point.upper_95 ? 1 : 0;
            ++points;
            const double outside = std::max({0.0, point.lower_95 - value, value - point.upper_95});
            if (step > 0) winkler += (point.upper_95 - point.lower_95 + 40 * outside) / step;
        }
    }
};

void run_loads(std::size_t count, unsigned seed) {
    for (const std::string& process : bench::load_processes()) {
        Intervals intervals;
        double own = 0;
        double simple = 0;
        const double begins = milliseconds();
        for (std::size_t i = 0; i < count; ++i) {
            const bench::GeneratedSeries series = bench::generate_load(process, seed + static_cast<unsigned>(i));
            const auto made = patterns::forecast(series.values, series.future.size());
            if (!made) continue;
            intervals.add(*made, series);
            const std::size_t n = series.values.size();
            const std::size_t season = n >= 2 * 168 ? 168 : (n >= 24 ? 24 : 1);
            for (std::size_t h = 0; h < series.future.size(); ++h) {
                own += std::abs(made->points[h].mean - series.future[h]);
                simple += std::abs(series.values[n - season + h % season] - series.future[h]);
            }
        }
        fmt::print(
            "{:18} error {:.3f} of seasonal naive  coverage 80 {:.3f} 95 {:.3f}  interval score {:.2f}  {:.0f} ms\n",
            process, own / simple, intervals.in_80 / intervals.points, intervals.in_95 / intervals.points,
            intervals.winkler / intervals.points, (milliseconds() - begins) / static_cast<double>(count));
        std::fflush(stdout);
    }
}

/// Sums over the series of one sampling, as M4 has them: OWA is the mean of the two ratios of sums.
struct M4Score {
    double smape = 0;
    double mase = 0;
    void add(const bench::GeneratedSeries& series, const Values& made) {
        smape += patterns::smape(series.future, made).value_or(0);
        mase +=
            patterns::mase(series.future, made, series.values, patterns::m4_season(series.step_seconds)).value_or(0);
    }
    [[nodiscard]] double owa(const M4Score& naive2) const { return (smape / naive2.smape + mase / naive2.mase) / 2; }
};

/// One method of the pool alone, with the season where the test of M4 finds one.
Values alone(const std::string& name, const bench::GeneratedSeries& series, std::size_t season) {
    const bool has_season = patterns::is_seasonal(series.values, season);
    const std::string wanted = has_season ? fmt::format("{}_{}", name, season) : name;
    std::vector<std::size_t> seasons;
    if (season > 1) seasons.push_back(season);
    for (auto& method : patterns::forecast_pool(seasons, false)) {
        if (method->name() != wanted || method->minimum_history() > series.values.size()) continue;
        method->fit(series.values);
        return method->predict(series.values, series.future.size());
    }
    return patterns::naive2(series.values, season, series.future.size());
}

void run_m4(std::size_t count, unsigned seed) {
    M4Score all, all_naive, all_theta, all_smoothing;
    for (const std::string& sampling : bench::m4_samplings()) {
        Intervals intervals;
        M4Score own, naive, theta, smoothing;
        const double begins = milliseconds();
        for (std::size_t i = 0; i < count; ++i) {
            const bench::GeneratedSeries series = bench::generate_m4_like(sampling, seed + static_cast<unsigned>(i));
            const std::size_t season = patterns::m4_season(series.step_seconds);
            patterns::ForecastOptions options;
            options.step = base::Seconds{series.step_seconds};
            const auto made = patterns::forecast(series.values, series.future.size(), options);
            if (!made) continue;
            intervals.add(*made, series);
            Values mean;
            for (const patterns::ForecastPoint& point : made->points) mean.push_back(point.mean);
            for (auto [score, forecast] :
                 {std::pair<std::array<M4Score*, 2>, Values>{{&own, &all}, std::move(mean)},
                  {{&naive, &all_naive}, patterns::naive2(series.values, season, series.future.size())},
                  {{&theta, &all_theta}, alone("theta", series, season)},
                  {{&smoothing, &all_smoothing}, alone("smoothing", series, season)}}) {
                for (M4Score* each : score) each->add(series, forecast);
            }
        }
        fmt::print(
            "{:10} OWA {:.3f} (Theta {:.3f}, smoothing {:.3f})  sMAPE {:.2f} of {:.2f}  coverage 80 {:.3f} 95 {:.3f}  "
            "interval score {:.2f}  {:.0f} ms\n",
            sampling, own.owa(naive), theta.owa(naive), smoothing.owa(naive), own.smape / static_cast<double>(count),
            naive.smape / static_cast<double>(count), intervals.in_80 / intervals.points,
            intervals.in_95 / intervals.points, intervals.winkler / intervals.points,
            (milliseconds() - begins) / static_cast<double>(count));
        std::fflush(stdout);
    }
    fmt::print("{:10} OWA {:.3f} (Theta {:.3f}, smoothing {:.3f})\n", "all", all.owa(all_naive),
               all_theta.owa(all_naive), all_smoothing.owa(all_naive));
}

int usage() {
    fmt::print(stderr,
               "patterns_accuracy periods|noise|loads|m4 [series] [seed]\n"
               "patterns_accuracy detect|forecast FOLDER [origins]\n");
    return 2;
}

}  // namespace

int main(int count, char** arguments) {
    const std::vector<std::string> words(arguments + 1, arguments + count);
    if (words.empty()) return usage();
    const auto number = [&](std::size_t at, unsigned long otherwise) {
        return words.size() > at ? std::stoul(words[at]) : otherwise;
    };
    if (words[0] == "periods") {
        run_periods(number(1, 200), static_cast<unsigned>(number(2, std::random_device{}())));
    } else if (words[0] == "noise") {
        run_noise(number(1, 100), static_cast<unsigned>(number(2, std::random_device{}())));
    } else if (words[0] == "loads") {
        run_loads(number(1, 50), static_cast<unsigned>(number(2, std::random_device{}())));
    } else if (words[0] == "m4") {
        run_m4(number(1, 50), static_cast<unsigned>(number(2, std::random_device{}())));
    } else if (words.size() > 1 && words[0] == "detect") {
        run_detect(words[1]);
    } else if (words.size() > 1 && words[0] == "forecast") {
        for (const auto& file : csv_files(words[1])) forecast_file(file, number(2, 40));
    } else {
        return usage();
    }
    return 0;
}
