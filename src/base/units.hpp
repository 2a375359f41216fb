#pragma once
// Units as types. Times measured by PostgreSQL are fractional milliseconds; wall-clock instants are UTC microseconds,
// PostgreSQL's own resolution.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace pganalytics::base {

using Milliseconds = std::chrono::duration<double, std::milli>;
using Seconds = std::chrono::duration<double>;
using Minutes = std::chrono::duration<double, std::ratio<60>>;
using Timestamp = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;

/// Planner cost units (seq_page_cost = 1 by default). Comparable only under one server's settings.
struct Cost {
    double value = 0;
    friend constexpr auto operator<=>(const Cost&, const Cost&) = default;
};

struct Bytes {
    std::int64_t value = 0;
    friend constexpr auto operator<=>(const Bytes&, const Bytes&) = default;
    friend constexpr Bytes operator+(Bytes a, Bytes b) { return {a.value + b.value}; }
    friend constexpr Bytes operator-(Bytes a, Bytes b) { return {a.value - b.value}; }
    constexpr Bytes& operator+=(Bytes other) {
        value += other.value;
        return *this;
    }
};

constexpr Bytes kibibytes(std::int64_t n) {
    return {n * 1024};
}
constexpr Bytes mebibytes(std::int64_t n) {
    return {n * 1024 * 1024};
}

/// "1.2 ms", "3.4 s", "5 min 6 s", "2 h 3 min": the largest unit that keeps two figures.
[[nodiscard]] std::string to_words(Milliseconds time);
/// "512 B", "8.0 kB", "1.4 GB" (powers of 1024, PostgreSQL's unit names).
[[nodiscard]] std::string to_words(Bytes size);
/// "1,234,567"
[[nodiscard]] std::string with_thousands(std::int64_t number);

/// PostgreSQL's memory notation ("4MB", "65536kB", "1GB", "8192" in `unit`): fix_input where it is not one.
[[nodiscard]] Result<Bytes> parse_memory(std::string_view text, Bytes unit = kibibytes(1));
/// PostgreSQL's memory notation, in the largest unit that keeps it exact to 1 kB, as SET accepts it: "6MB", "6400kB".
[[nodiscard]] std::string to_memory_setting(Bytes size);

/// RFC 3339 in UTC, microseconds only where there are any: 2026-11-22T07:30:00Z.
[[nodiscard]] std::string to_rfc3339(Timestamp time);
/// RFC 3339 with any offset; fix_input otherwise.
[[nodiscard]] Result<Timestamp> parse_rfc3339(std::string_view text);

}  // namespace pganalytics::base
