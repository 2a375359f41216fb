#include "patterns/series_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "base/text.hpp"

namespace pganalytics::patterns {
namespace {

std::string_view unquoted(std::string_view field) {
    field = base::trim(field);
    if (field.size() >= 2 && field.front() == '"' && field.back() == '"') field = field.substr(1, field.size() - 2);
    return base::trim(field);
}

bool is_missing_word(std::string_view field) {
    const std::string word = base::to_lower(field);
    static constexpr std::array<std::string_view, 7> words{"", "na", "nan", "null", "none", "n/a", "?"};
    return std::find(words.begin(), words.end(), word) != words.end();
}

std::optional<base::Timestamp> from_epoch(double number) {
    // Seconds till the year 5138, milliseconds and microseconds above.
    const double size = std::abs(number);
    const double seconds = size < 1e11 ? number : size < 1e14 ? number / 1e3 : number / 1e6;
    if (size < 1e8) return std::nullopt;
    return base::Timestamp{std::chrono::microseconds{std::llround(seconds * 1e6)}};
}

/// ISO 8601 with a blank or T, slashes or dashes, with or without time, seconds, offset; no offset is UTC.
std::optional<base::Timestamp> parse_time(std::string_view field) {
    std::string text(field);
    if (text.size() < 8 || text.size() > 40) return std::nullopt;
    for (std::size_t i = 0; i < text.size() && i < 10; ++i) {
        if (text[i] == '/' || (text[i] == '.' && i < 8)) text[i] = '-';
    }
    if (const std::size_t zone = text.find(" UTC"); zone != std::string::npos) text.replace(zone, 4, "Z");
    const std::size_t split = text.find_first_of(" T");
    std::string date = text.substr(0, split);
    std::string time = split == std::string::npos ? "" : text.substr(split + 1);
    const std::vector<std::string> parts = base::split(date, '-');
    if (parts.size() != 3) return std::nullopt;
    const bool year_first = parts[0].size() == 4;
    const auto a = base::parse_integer(parts[0]);
    const auto b = base::parse_integer(parts[1]);
    const auto c = base::parse_integer(parts[2]);
    if (!a || !b || !c) return std::nullopt;
    // Year last is read month first, unless that cannot be.
    const bool month_first = year_first || *a <= 12;
    date = year_first ? fmt::format("{:04}-{:02}-{:02}", *a, *b, *c)
                      : fmt::format("{:04}-{:02}-{:02}", *c, month_first ? *a : *b, month_first ? *b : *a);

    const std::size_t offset_at = time.find_first_of("Zz+-");
    std::string offset = offset_at == std::string::npos ? "Z" : std::string(base::trim(time.substr(offset_at)));
    std::string clock(base::trim(time.substr(0, offset_at)));
    if (clock.empty()) clock = "00:00:00";
    if (clock.find(':') == 1) clock.insert(0, "0");
    if (clock.size() == 2) clock += ":00";
    if (clock.size() == 5) clock += ":00";
    if (offset.size() == 3) offset += ":00";
    if (offset.size() == 5 && offset.find(':') == std::string::npos) offset.insert(3, ":");
    base::Result<base::Timestamp> parsed = base::parse_rfc3339(date + "T" + clock + offset);
    if (!parsed) return std::nullopt;
    return *parsed;
}

struct Row {
    std::size_t line = 0;
    std::string_view time;
    std::string_view value;
};

base::Error bad_line(const Row& row, std::string_view what, std::string_view field) {
    return {base::ErrorCode::fix_input,
            fmt::format("Line {} has no {}: \"{}\"", row.line, what, base::one_line(field, 40)),
            "Each line holds timestamp,value (ISO 8601 or Unix time), or one value.", "series"};
}

char separator_of(std::string_view line) {
    for (const char candidate : {',', ';', '\t'}) {
        if (line.find(candidate) != std::string_view::npos) return candidate;
    }
    return ',';
}

std::vector<Row> rows_of(std::string_view text) {
    std::vector<Row> rows;
    std::size_t number = 0;
    std::optional<char> separator;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        const std::string_view line = base::trim(text.substr(0, end));
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
        ++number;
        if (line.empty() || line.front() == '#') continue;
        if (!separator) separator = separator_of(line);
        const std::size_t cut = line.find(*separator);
        if (cut == std::string_view::npos) {
            rows.push_back({number, {}, unquoted(line)});
            continue;
        }
        std::string_view rest = line.substr(cut + 1);
        if (const std::size_t next = rest.find(*separator); next != std::string_view::npos) rest = rest.substr(0, next);
        rows.push_back({number, unquoted(line.substr(0, cut)), unquoted(rest)});
    }
    return rows;
}

bool is_header(const Row& row) {
    return !base::parse_number(row.value) && !is_missing_word(row.value);
}

base::Result<double> value_of(const Row& row) {
    if (is_missing_word(row.value)) return gap();
    const std::optional<double> value = base::parse_number(row.value);
    if (!value) return bad_line(row, "number", row.value);
    return std::isfinite(*value) ? *value : gap();
}

/// A first column of 0, 1, 2, … or 1, 2, 3, … numbers the lines.
bool is_index(const std::vector<Row>& rows) {
    std::optional<double> before;
    for (const Row& row : rows) {
        const std::optional<double> number = base::parse_number(row.time);
        if (!number || from_epoch(*number)) return false;
        if (before && *number <= *before) return false;
        before = number;
    }
    return true;
}

}  // namespace

base::Result<ReadSeries> read_series_csv(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    std::vector<Row> rows = rows_of(text);
    if (!rows.empty() && is_header(rows.front())) rows.erase(rows.begin());
    if (rows.empty()) {
        return base::Error{base::ErrorCode::fix_input, "The file holds no values",
                           "Each line holds timestamp,value (ISO 8601 or Unix time), or one value.", "series"};
    }
    ReadSeries read;
    if (std::all_of(rows.begin(), rows.end(), [](const Row& row) { return row.time.empty(); })) {
        for (const Row& row : rows) {
            PGANALYTICS_ASSIGN(const double value, value_of(row));
            read.series.values.push_back(value);
        }
        return read;
    }
    std::vector<Point> points;
    if (is_index(rows)) {
        for (const Row& row : rows) {
            PGANALYTICS_ASSIGN(const double value, value_of(row));
            const double index = *base::parse_number(row.time);
            points.push_back({base::Timestamp{std::chrono::microseconds{std::llround(index * 3600e6)}}, value});
        }
        read.series = regular_series(std::move(points));
        // Index steps other than one are still one sample apart for the reader.
        read.series.begins = {};
        read.series.step = base::Seconds{3600};
        return read;
    }
    for (const Row& row : rows) {
        PGANALYTICS_ASSIGN(const double value, value_of(row));
        const std::optional<double> number = base::parse_number(row.time);
        const std::optional<base::Timestamp> at = number ? from_epoch(*number) : parse_time(row.time);
        if (!at) return bad_line(row, "timestamp", row.time);
        points.push_back({*at, value});
    }
    read.series = regular_series(std::move(points));
    read.has_clock = true;
    return read;
}

}  // namespace pganalytics::patterns
