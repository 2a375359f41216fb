#pragma once
// Series from files. CSV: `timestamp,value` (or one value a line), header optional, separators comma, semicolon or tab;
// timestamps ISO 8601 with or without offset ("2014-02-14 14:27:00", "2026-11-22T07:30:00Z", "2026-11-22"), with
// slashes (2026/11/22 07:30), or Unix seconds or milliseconds. An empty value, NA, NaN or null is a gap. Whole numbers
// counting up by one are an index, not times. fix_input names the line at fault. Thread-safe.

#include <string_view>

#include "base/result.hpp"
#include "patterns/series.hpp"

namespace pganalytics::patterns {

struct ReadSeries {
    Series series;
    bool has_clock = false;  ///< false where the file has no timestamps: the step is then taken as an hour
};

[[nodiscard]] base::Result<ReadSeries> read_series_csv(std::string_view text);

}  // namespace pganalytics::patterns
