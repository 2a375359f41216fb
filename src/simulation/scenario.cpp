#include "simulation/scenario.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/hash.hpp"
#include "base/text.hpp"

namespace pganalytics::simulation {

namespace {

using base::Error;
using base::ErrorCode;

constexpr std::array<std::string_view, 7> weekday_names{"monday", "tuesday",  "wednesday", "thursday",
                                                        "friday", "saturday", "sunday"};

/// Reads the members of one table. The first fault is kept; what follows it is not looked at any more.
class Reader {
  public:
    Reader(const toml::table& table, std::string where, std::uint64_t seed, std::optional<Error>& fault)
        : table_(table), where_(std::move(where)), seed_(seed), fault_(fault) {}

    [[nodiscard]] bool has(std::string_view key) const { return table_.contains(key); }

    double number(std::string_view key, double otherwise, double least, double most) {
        const toml::node* node = take(key);
        if (node == nullptr) return otherwise;
        double low = 0;
        double high = 0;
        if (const auto* range = node->as_array(); range != nullptr && range->size() == 2) {
            const auto first = range->get(0)->value<double>();
            const auto last = range->get(1)->value<double>();
            if (!first || !last || *first > *last)
                return fail(key, "must be a number or a range [low, high]"), otherwise;
            low = *first;
            high = *last;
        } else if (const auto value = node->value<double>()) {
            low = high = *value;
        } else {
            return fail(key, "must be a number or a range [low, high]"), otherwise;
        }
        if (!(low >= least && high <= most)) {
            return fail(key, fmt::format("must lie between {} and {}", least, most)), otherwise;
        }
        return low + (high - low) * drawn(key);
    }

    int whole(std::string_view key, int otherwise, int least, int most) {
        const toml::node* node = table_.get(key);
        const bool is_range = node != nullptr && node->is_array();
        const double value = number(key, otherwise, least, most);
        if (!is_range) return static_cast<int>(std::lround(value));
        // Every whole number of a range is as likely.
        const auto* range = node->as_array();
        const double low = std::ceil(range->get(0)->value<double>().value_or(0));
        const double high = std::floor(range->get(1)->value<double>().value_or(0));
        return static_cast<int>(std::min(high, low + std::floor(drawn(key) * (high - low + 1))));
    }

    std::string text(std::string_view key) {
        const toml::node* node = take(key);
        if (node == nullptr) return {};
        const auto value = node->value<std::string>();
        if (!value) return fail(key, "must be a text"), std::string();
        return *value;
    }

    bool truth(std::string_view key, bool otherwise) {
        const toml::node* node = take(key);
        if (node == nullptr) return otherwise;
        const auto value = node->value_exact<bool>();
        if (!value) return fail(key, "must be true or false"), otherwise;
        return *value;
    }

    std::vector<std::string> texts(std::string_view key) {
        const toml::node* node = take(key);
        std::vector<std::string> result;
        if (node == nullptr) return result;
        const auto* list = node->as_array();
        if (list == nullptr) return fail(key, "must be a list of texts"), result;
        for (const auto& each : *list) {
            const auto value = each.value<std::string>();
            if (!value) return fail(key, "must be a list of texts"), result;
            result.push_back(*value);
        }
        return result;
    }

    std::vector<int> weekdays(std::string_view key) {
        std::vector<int> days;
        for (const std::string& name : texts(key)) {
            const std::string low = base::to_lower(name);
            if (low == "weekdays") {
                days.insert(days.end(), {0, 1, 2, 3, 4});
            } else if (low == "weekend") {
                days.insert(days.end(), {5, 6});
            } else if (const auto found = std::find(weekday_names.begin(), weekday_names.end(), low);
                       found != weekday_names.end()) {
                days.push_back(static_cast<int>(found - weekday_names.begin()));
            } else {
                fail(key, fmt::format("has \"{}\"; it takes monday to sunday, weekdays and weekend", name));
            }
        }
        std::sort(days.begin(), days.end());
        days.erase(std::unique(days.begin(), days.end()), days.end());
        return days;
    }

    std::vector<int> days_of_month(std::string_view key) {
        std::vector<int> days;
        for (const double day : numbers(key)) {
            if (!(day >= 1 && day <= 31)) fail(key, "must hold days from 1 to 31");
            days.push_back(static_cast<int>(day));
        }
        return days;
    }

    std::vector<double> numbers(std::string_view key) {
        const toml::node* node = take(key);
        std::vector<double> result;
        if (node == nullptr) return result;
        const auto* list = node->as_array();
        if (list == nullptr) return fail(key, "must be a list of numbers"), result;
        for (const auto& each : *list) {
            const auto value = each.value<double>();
            if (!value || !std::isfinite(*value)) return fail(key, "must be a list of numbers"), result;
            result.push_back(*value);
        }
        return result;
    }

    /// "02:15", or a range of two such.
    std::optional<int> minute_of_day(std::string_view key) {
        const toml::node* node = take(key);
        if (node == nullptr) return std::nullopt;
        if (const auto* range = node->as_array(); range != nullptr && range->size() == 2) {
            const auto low = minute(*range->get(0));
            const auto high = minute(*range->get(1));
            if (low && high && *low <= *high) {
                return *low + static_cast<int>(std::floor(drawn(key) * (*high - *low + 1)));
            }
        } else if (const auto at = minute(*node)) {
            return at;
        }
        fail(key, R"(must be a time of day "hh:mm" or a range of two)");
        return std::nullopt;
    }

    template <typename Read>
    void each_table(std::string_view key, Read&& read) {
        const toml::node* node = take(key);
        if (node == nullptr) return;
        const auto* list = node->as_array();
        if (list == nullptr) return fail(key, fmt::format("must be written as [[{}]]", key));
        std::size_t number = 0;
        for (const auto& each : *list) {
            const auto* table = each.as_table();
            if (table == nullptr) return fail(key, fmt::format("must be written as [[{}]]", key));
            Reader reader(*table, fmt::format("{}{}[{}].", where_, key, number++), seed_, fault_);
            read(reader);
            reader.refuse_the_rest();
        }
    }

    template <typename Read>
    void table(std::string_view key, Read&& read) {
        const toml::node* node = take(key);
        if (node == nullptr) return;
        const auto* table = node->as_table();
        if (table == nullptr) return fail(key, fmt::format("must be written as [{}]", key));
        Reader reader(*table, fmt::format("{}{}.", where_, key), seed_, fault_);
        read(reader);
        reader.refuse_the_rest();
    }

    void refuse_the_rest() {
        for (const auto& [key, node] : table_) {
            const std::string name(key.str());
            if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
            const auto nearest = base::nearest_name(name, known_);
            fail(name, nearest ? fmt::format("is unknown; did you mean \"{}\"?", *nearest)
                               : fmt::format("is unknown; known here: {}", base::join(known_, ", ")));
        }
    }

    void fail(std::string_view key, std::string_view what) {
        if (fault_) return;
        fault_ = Error{ErrorCode::fix_input, fmt::format("{}{} {}", where_, key, what),
                       "docs/how_to/write_a_scenario.md describes every key.", fmt::format("{}{}", where_, key)};
    }

  private:
    const toml::node* take(std::string_view key) {
        if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
        return table_.get(key);
    }

    static std::optional<int> minute(const toml::node& node) {
        const auto text = node.value<std::string>();
        if (!text || text->size() != 5 || (*text)[2] != ':') return std::nullopt;
        const auto hour = base::parse_integer(text->substr(0, 2));
        const auto rest = base::parse_integer(text->substr(3));
        if (!hour || !rest || *hour < 0 || *hour > 23 || *rest < 0 || *rest > 59) return std::nullopt;
        return static_cast<int>(*hour * 60 + *rest);
    }

    /// 0 up to 1, by seed and place.
    [[nodiscard]] double drawn(std::string_view key) const {
        base::StableHash hash;
        hash.add(seed_);
        hash.add(where_);
        hash.add(key);
        return static_cast<double>(hash.digest() >> 11) * 0x1.0p-53;
    }

    const toml::table& table_;
    std::string where_;
    std::uint64_t seed_;
    std::optional<Error>& fault_;
    std::vector<std::string> known_;
};

constexpr double huge = 1e6;

void read_profile(Reader& reader, Scenario& scenario) {
    const auto hours = reader.numbers("hours");
    const auto weekdays = reader.numbers("weekdays");
    const int shift = reader.whole("shift_hours", 0, -23, 23);
    if (!hours.empty() && hours.size() != 24) reader.fail("hours", "must hold 24 numbers, that of 00:00 UTC first");
    if (!weekdays.empty() && weekdays.size() != 7) reader.fail("weekdays", "must hold 7 numbers, Monday first");
    for (const auto* list : {&hours, &weekdays}) {
        for (const double each : *list) {
            if (each < 0 || each > huge) reader.fail("profile", "must hold numbers of 0 and more");
        }
    }
    if (hours.size() == 24) {
        for (std::size_t h = 0; h < 24; ++h) scenario.hours[(h + static_cast<std::size_t>(shift + 24)) % 24] = hours[h];
    }
    if (weekdays.size() == 7) std::copy(weekdays.begin(), weekdays.end(), scenario.weekdays.begin());
}

PlannedBatch read_batch(Reader& reader) {
    PlannedBatch batch;
    batch.name = reader.text("name");
    if (batch.name.empty()) reader.fail("name", "is missing");
    batch.statements = reader.texts("statements");
    batch.sql = reader.texts("sql");
    if (batch.statements.empty() && batch.sql.empty()) reader.fail("statements", "or sql must say what runs");
    const auto start = reader.minute_of_day("start");
    batch.every_minutes = reader.whole("every_minutes", 1440, 5, 1440);
    const int minute = reader.whole("start_minute", 0, 0, 1439);
    if (!start && !reader.has("start_minute")) reader.fail("start", "or start_minute is missing");
    batch.start_minute = start.value_or(minute);
    if (1440 % batch.every_minutes != 0) reader.fail("every_minutes", "must divide a day, 1440 minutes");
    batch.weekdays = reader.weekdays("weekdays");
    batch.days_of_month = reader.days_of_month("days_of_month");
    batch.duration_minutes = reader.number("duration_minutes", batch.duration_minutes, 1, 720);
    batch.jitter_minutes = reader.number("jitter_minutes", batch.jitter_minutes, 0, 60);
    batch.skipped = reader.number("skipped", batch.skipped, 0, 1);
    batch.calls = reader.number("calls", batch.calls, 1, huge);
    batch.busy = reader.number("busy", batch.busy, 0.01, 1);
    batch.worth_keeping = reader.truth("worth_keeping", false);
    return batch;
}

void read_noise(Reader& reader, PlannedNoise& noise) {
    noise.minutes = reader.number("minutes", noise.minutes, 0, 3);
    noise.correlation_minutes = reader.number("correlation_minutes", noise.correlation_minutes, 0, 10'000);
    noise.days = reader.number("days", noise.days, 0, 3);
    noise.times = reader.number("times", noise.times, 0, 3);
    noise.contention = reader.number("contention", noise.contention, 0, 10);
    noise.outages_per_week = reader.number("outages_per_week", noise.outages_per_week, 0, 100);
    noise.outage_minutes = reader.number("outage_minutes", noise.outage_minutes, 1, 10'000);
}

}  // namespace

base::Result<Scenario> parse_scenario(std::string_view toml, std::uint64_t seed) {
    toml::table document;
    try {
        document = toml::parse(toml);
    } catch (const toml::parse_error& error) {
        return Error{
            ErrorCode::fix_input,
            fmt::format("The scenario is not TOML: line {}: {}", error.source().begin.line, error.description()),
            "docs/how_to/write_a_scenario.md has an example.", "scenario"};
    }
    Scenario scenario;
    scenario.hours.fill(1);
    scenario.weekdays.fill(1);
    std::optional<Error> fault;
    Reader reader(document, "", seed, fault);
    scenario.name = reader.text("name");
    if (scenario.name.empty()) reader.fail("name", "is missing");
    scenario.description = reader.text("description");
    scenario.load = reader.number("load", 1, 0.001, 1000);
    scenario.traffic = reader.texts("traffic");
    reader.table("profile", [&](Reader& profile) { read_profile(profile, scenario); });
    reader.each_table("peak", [&](Reader& each) {
        PlannedPeak peak;
        peak.hour = each.whole("hour", 0, 0, 23);
        peak.factor = each.number("factor", 2, 0, 1000);
        peak.weekdays = each.weekdays("weekdays");
        scenario.peaks.push_back(std::move(peak));
    });
    reader.each_table("batch", [&](Reader& each) { scenario.batches.push_back(read_batch(each)); });
    reader.each_table("collision", [&](Reader& each) {
        PlannedCollision collision;
        collision.batches = each.texts("batches");
        collision.slowed = each.number("slowed", 1, 1, 100);
        if (collision.batches.size() < 2) each.fail("batches", "must name two jobs or more");
        for (const std::string& name : collision.batches) {
            const bool is_there = std::any_of(scenario.batches.begin(), scenario.batches.end(),
                                              [&](const PlannedBatch& batch) { return batch.name == name; });
            if (!is_there) each.fail("batches", fmt::format("has \"{}\", and no [[batch]] above is called so", name));
        }
        scenario.collisions.push_back(std::move(collision));
    });
    reader.each_table("incident", [&](Reader& each) {
        PlannedIncident incident;
        incident.day = each.number("day", 0, 0, 400);
        incident.duration_minutes = each.number("duration_minutes", incident.duration_minutes, 1, 10'000);
        incident.calls_factor = each.number("calls_factor", 1, 0, 1000);
        incident.time_factor = each.number("time_factor", 1, 0, 1000);
        incident.statements = each.texts("statements");
        scenario.incidents.push_back(std::move(incident));
    });
    reader.each_table("change", [&](Reader& each) {
        PlannedChange change;
        change.kind = each.text("kind");
        change.day = each.number("day", 0, 0, 400);
        change.calls_factor = each.number("calls_factor", 1, 0, 1000);
        change.time_factor = each.number("time_factor", 1, 0, 1000);
        change.statements = each.texts("statements");
        scenario.changes.push_back(std::move(change));
    });
    reader.table("noise", [&](Reader& each) { read_noise(each, scenario.noise); });
    reader.refuse_the_rest();
    if (fault) return *fault;
    return scenario;
}

}  // namespace pganalytics::simulation
