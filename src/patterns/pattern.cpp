#include "patterns/pattern.hpp"

#include <array>
#include <utility>

namespace pganalytics::patterns {
namespace {

constexpr std::array<std::pair<PatternType, std::string_view>, 5> names{{
    {PatternType::hourly_peak, "hourly_peak"},
    {PatternType::daily_cycle, "daily_cycle"},
    {PatternType::weekly_pattern, "weekly_pattern"},
    {PatternType::batch_job, "batch_job"},
    {PatternType::periodic, "periodic"},
}};

}  // namespace

std::string_view to_string(PatternType type) {
    for (const auto& [each, name] : names) {
        if (each == type) return name;
    }
    return "periodic";
}

std::optional<PatternType> parse_pattern_type(std::string_view name) {
    for (const auto& [each, known] : names) {
        if (known == name) return each;
    }
    return std::nullopt;
}

}  // namespace pganalytics::patterns
