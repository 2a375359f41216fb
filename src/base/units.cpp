#include "base/units.hpp"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/text.hpp"

namespace pganalytics::base {

namespace {

/// Two or three significant figures: 1.23, 12.3, 123.
std::string significant(double value) {
    const double magnitude = std::abs(value);
    if (magnitude >= 100) return fmt::format("{:.0f}", value);
    if (magnitude >= 10) return fmt::format("{:.1f}", value);
    return fmt::format("{:.2f}", value);
}

struct MemoryUnit {
    std::string_view name;
    std::int64_t bytes;
};

constexpr std::array memory_units{MemoryUnit{"TB", std::int64_t{1} << 40}, MemoryUnit{"GB", 1 << 30},
                                  MemoryUnit{"MB", 1 << 20}, MemoryUnit{"kB", 1 << 10}, MemoryUnit{"B", 1}};

std::optional<int> digits(std::string_view text, std::size_t from, std::size_t count) {
    if (from + count > text.size()) return std::nullopt;
    int value = 0;
    for (std::size_t i = from; i < from + count; ++i) {
        if (text[i] < '0' || text[i] > '9') return std::nullopt;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

}  // namespace

std::string to_words(Milliseconds time) {
    const double ms = time.count();
    const double magnitude = std::abs(ms);
    if (magnitude < 1) return fmt::format("{:.3g} ms", ms);
    if (magnitude < 1000) return significant(ms) + " ms";
    if (magnitude < 60'000) return significant(ms / 1000) + " s";
    const auto seconds = static_cast<std::int64_t>(std::llround(ms / 1000));
    const auto pair = [](std::int64_t big, const char* big_unit, std::int64_t small, const char* small_unit) {
        return small == 0 ? fmt::format("{} {}", big, big_unit)
                          : fmt::format("{} {} {} {}", big, big_unit, small, small_unit);
    };
    if (std::abs(seconds) < 3600) return pair(seconds / 60, "min", std::abs(seconds % 60), "s");
    if (std::abs(seconds) < 86'400) return pair(seconds / 3600, "h", std::abs(seconds % 3600) / 60, "min");
    return pair(seconds / 86'400, "d", std::abs(seconds % 86'400) / 3600, "h");
}

std::string to_words(Bytes size) {
    const double magnitude = std::abs(static_cast<double>(size.value));
    for (const auto& unit : memory_units) {
        if (unit.bytes > 1 && magnitude >= static_cast<double>(unit.bytes)) {
            return fmt::format("{} {}", significant(static_cast<double>(size.value) / static_cast<double>(unit.bytes)),
                               unit.name);
        }
    }
    return fmt::format("{} B", size.value);
}

std::string with_thousands(std::int64_t number) {
    std::string text = fmt::format("{}", number);
    const std::size_t first = text.front() == '-' ? 1 : 0;
    for (std::size_t position = text.size(); position > first + 3;) {
        position -= 3;
        text.insert(position, ",");
    }
    return text;
}

Result<Bytes> parse_memory(std::string_view text, Bytes unit) {
    const std::string_view trimmed = trim(text);
    std::size_t end = 0;
    while (end < trimmed.size() && (std::isdigit(static_cast<unsigned char>(trimmed[end])) != 0 ||
                                    trimmed[end] == '.' || (end == 0 && trimmed[end] == '-'))) {
        ++end;
    }
    const auto number = parse_number(trimmed.substr(0, end));
    const std::string_view suffix = trim(trimmed.substr(end));
    const Error invalid{ErrorCode::fix_input,
                        fmt::format("\"{}\" is not an amount of memory", text),
                        "Write a number with B, kB, MB, GB or TB, as in 64MB.",
                        {}};
    if (!number) return invalid;
    if (suffix.empty())
        return Bytes{static_cast<std::int64_t>(std::llround(*number * static_cast<double>(unit.value)))};
    for (const auto& known : memory_units) {
        if (known.name == suffix) {
            return Bytes{static_cast<std::int64_t>(std::llround(*number * static_cast<double>(known.bytes)))};
        }
    }
    return invalid;
}

std::string to_memory_setting(Bytes size) {
    const std::int64_t kilobytes = (size.value + 1023) / 1024;
    constexpr std::int64_t per_megabyte = 1024;
    constexpr std::int64_t per_gigabyte = 1024 * 1024;
    if (kilobytes != 0 && kilobytes % per_gigabyte == 0) return fmt::format("{}GB", kilobytes / per_gigabyte);
    if (kilobytes != 0 && kilobytes % per_megabyte == 0) return fmt::format("{}MB", kilobytes / per_megabyte);
    return fmt::format("{}kB", kilobytes);
}

std::string to_rfc3339(Timestamp time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{time - day};
    std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                                   static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                                   clock.hours().count(), clock.minutes().count(), clock.seconds().count());
    if (const auto micros = clock.subseconds().count(); micros != 0) text += fmt::format(".{:06}", micros);
    return text + "Z";
}

Result<Timestamp> parse_rfc3339(std::string_view text) {
    const Error invalid{
        ErrorCode::fix_input, fmt::format("\"{}\" is not a time", text), "Write it as 2026-11-22T07:30:00Z.", {}};
    const auto year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
    const auto hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
    if (!year || !month || !day || !hour || !minute || !second || text[4] != '-' || text[7] != '-' ||
        (text[10] != 'T' && text[10] != 't' && text[10] != ' ') || text[13] != ':' || text[16] != ':') {
        return invalid;
    }
    const std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month{static_cast<unsigned>(*month)},
                                           std::chrono::day{static_cast<unsigned>(*day)}};
    if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return invalid;
    Timestamp time = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::sys_days{date});
    time += std::chrono::hours{*hour} + std::chrono::minutes{*minute} + std::chrono::seconds{*second};

    std::size_t position = 19;
    if (position < text.size() && text[position] == '.') {
        std::int64_t scale = 100'000;
        const std::size_t first = ++position;
        for (; position < text.size() && std::isdigit(static_cast<unsigned char>(text[position])) != 0; ++position) {
            time += std::chrono::microseconds{(text[position] - '0') * scale};
            scale /= 10;
        }
        if (position == first) return invalid;
    }
    const std::string_view zone = text.substr(position);
    if (zone == "Z" || zone == "z") return time;
    if (zone.size() < 3 || (zone[0] != '+' && zone[0] != '-')) return invalid;
    const auto zone_hours = digits(zone, 1, 2);
    auto zone_minutes = std::optional<int>{0};
    if (zone.size() == 6 && zone[3] == ':') {
        zone_minutes = digits(zone, 4, 2);
    } else if (zone.size() != 3) {
        return invalid;
    }
    if (!zone_hours || !zone_minutes || *zone_hours > 23 || *zone_minutes > 59) return invalid;
    const auto offset = std::chrono::hours{*zone_hours} + std::chrono::minutes{*zone_minutes};
    return zone[0] == '+' ? time - offset : time + offset;
}

}  // namespace pganalytics::base
