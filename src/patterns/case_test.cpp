// The cases of tests/cases/patterns.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>
#include <sstream>

#include "patterns/detect.hpp"
#include "support/case_file.hpp"

namespace pganalytics::patterns {
namespace {

constexpr std::array names{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
const base::Timestamp start{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};

class Load {
  public:
    explicit Load(const test_support::Case& described) : fields_(described.fields()) {
        std::istringstream(fields_.at("days")) >> days_;
        std::istringstream(fields_.at("base")) >> base_;
        rate_.assign(static_cast<std::size_t>(days_) * 24, base_);
        for_each("hours", [&](std::istringstream& line) { add_hours(line); });
        for_each("wave", [&](std::istringstream& line) { add_wave(line); });
        for_each("shift", [&](std::istringstream& line) { add_shift(line); });
        for_each("incident", [&](std::istringstream& line) { add_incident(line); });
    }

    DatabaseHistory history() {
        DatabaseHistory history;
        history.database_name = "shop";
        if (fields_.contains("zone")) history.time_zone = TimeZone::find(fields_.at("zone")).value();
        Series calls{start, base::Seconds{3600}, {}};
        for (const double rate : rate_) calls.values.push_back(std::poisson_distribution<>(rate)(engine_));
        for_each("gap", [&](std::istringstream& line) {
            std::size_t day = 0;
            std::size_t length = 0;
            line >> day >> length;
            for (std::size_t t = day * 24; t < (day + length) * 24; ++t) calls.values[t] = gap();
        });
        history.calls = history.time_ms = calls;
        history.queries.push_back({base::QueryHash{1}, calls, calls, std::nullopt, std::nullopt});
        for_each("job", [&](std::istringstream& line) {
            const QueryHistory own = job(line, history.queries.size() + 1);
            // What a database did is the sum of its queries.
            for (std::size_t t = 0; t < own.calls.size(); ++t) {
                history.calls.values[t] += own.calls.values[t];
                history.time_ms.values[t] += own.time_ms.values[t];
            }
            history.queries.push_back(own);
        });
        return history;
    }

  private:
    void for_each(const std::string& key, auto&& use) {
        if (!fields_.contains(key)) return;
        std::istringstream lines(fields_.at(key));
        for (std::string line; std::getline(lines, line);) {
            std::istringstream words(line);
            use(words);
        }
    }

    void add_hours(std::istringstream& line) {
        std::size_t from = 0;
        std::size_t to = 0;
        double calls = 0;
        char dash = 0;
        std::string days;
        line >> from >> dash >> to >> calls >> days;
        for (std::size_t t = 0; t < rate_.size(); ++t) {
            if (t % 24 >= from && t % 24 < to && (days.empty() || t / 24 % 7 < 5)) rate_[t] += calls;
        }
    }

    void add_wave(std::istringstream& line) {
        double hours = 0;
        double calls = 0;
        line >> hours >> calls;
        for (std::size_t t = 0; t < rate_.size(); ++t) {
            rate_[t] += calls * std::sin(2 * std::numbers::pi * static_cast<double>(t) / hours);
        }
    }

    void add_shift(std::istringstream& line) {
        std::size_t day = 0;
        double calls = 0;
        line >> day >> calls;
        for (std::size_t t = day * 24; t < rate_.size(); ++t) rate_[t] += calls;
    }

    void add_incident(std::istringstream& line) {
        std::size_t day = 0;
        std::size_t hour = 0;
        std::size_t length = 0;
        double calls = 0;
        line >> day >> hour >> length >> calls;
        for (std::size_t t = day * 24 + hour; t < day * 24 + hour + length; ++t) rate_[t] += calls;
    }

    QueryHistory job(std::istringstream& line, std::size_t id) {
        int hour = 0;
        int minute = 0;
        char colon = 0;
        double length = 0;
        line >> hour >> colon >> minute >> length;
        double every = 1440;
        std::vector<std::string> weekdays;
        for (std::string word; line >> word;) {
            if (word == "every") {
                line >> every;
            } else {
                weekdays.push_back(word);
            }
        }
        Series fine{start, base::Seconds{300}, std::vector<double>(static_cast<std::size_t>(days_) * 288, 0.0)};
        std::normal_distribution<> jitter(0, 2);
        for (double at = hour * 60 + minute; at + length + 15 < days_ * 1440; at += every) {
            const auto weekday = names[static_cast<std::size_t>(at / 1440) % 7];
            if (!weekdays.empty() && std::find(weekdays.begin(), weekdays.end(), weekday) == weekdays.end()) continue;
            const double begins = std::max(0.0, at + jitter(engine_));
            for (double now = begins; now < begins + length; now += 0.1) {
                fine.values[static_cast<std::size_t>(now / 5)] += 6000;
            }
        }
        const Series hourly = coarser(fine, 12);
        return {base::QueryHash{static_cast<std::int64_t>(id)}, hourly, hourly, fine, fine};
    }

    std::map<std::string, std::string> fields_;
    int days_ = 0;
    double base_ = 0;
    std::vector<double> rate_;
    std::mt19937_64 engine_{20260601};
};

std::string words_of(const Pattern& pattern) {
    const PatternMetadata& data = pattern.metadata;
    std::string line = fmt::format("{} of {:.4g} h", to_string(pattern.type), *data.period_hours);
    if (data.peak_hour) line += fmt::format(", hour {}", *data.peak_hour);
    if (data.start_minute) {
        // To five minutes, the bound of the start.
        line += fmt::format(", start {:02}:{:02}, {:.0f} to the next five minutes", *data.start_minute / 60,
                            5 * ((*data.start_minute % 60 + 2) / 5), 5 * std::ceil(*data.duration_minutes / 5));
    }
    for (const int day : data.days_of_week) line += fmt::format(" {}", names[static_cast<std::size_t>(day)]);
    for (const base::QueryHash query : data.affected_queries) line += fmt::format(" #{}", base::to_integer(query));
    return line;
}

std::string produce(const test_support::Case& described) {
    const Detection found = detect_patterns(Load(described).history());
    std::string text;
    for (const Pattern& pattern : found.patterns) {
        text += words_of(pattern) + "\n";
        if (described.fields().contains("zone")) text += "  " + pattern.description + "\n";
    }
    for (const Incident& each : found.outliers) {
        text += fmt::format("outlier {} to {}\n", base::to_rfc3339(each.begins), base::to_rfc3339(each.ends));
    }
    for (const Incident& each : found.level_shifts) {
        text += fmt::format("level shift {}, from about {:.0f} to {:.0f}\n", base::to_rfc3339(each.begins),
                            10 * std::round(each.expected / 10), 10 * std::round(each.value / 10));
    }
    return text.empty() ? "nothing" : text.substr(0, text.size() - 1);
}

TEST(PatternCases, hold) {
    test_support::run_case_folder(std::filesystem::path(PGANALYTICS_SOURCE_DIR) / "tests/cases/patterns", produce);
}

}  // namespace
}  // namespace pganalytics::patterns
