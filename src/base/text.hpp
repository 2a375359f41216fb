#pragma once
// Small text helpers that more than one module needs.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pganalytics::base {

[[nodiscard]] std::string_view trim(std::string_view text);
[[nodiscard]] std::string to_lower(std::string_view text);
[[nodiscard]] std::string join(std::span<const std::string> parts, std::string_view separator);
[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);
/// Whole text as a number; nothing else may stand beside it.
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text);
[[nodiscard]] std::optional<double> parse_number(std::string_view text);

/// The candidate with the smallest edit distance, if it is near enough to be a slip of the keyboard.
[[nodiscard]] std::optional<std::string> nearest_name(std::string_view name, std::span<const std::string> candidates);

/// One line: whitespace runs become a blank; cut after `width` characters (code points) with "…".
[[nodiscard]] std::string one_line(std::string_view text, std::size_t width);

/// With a full stop where it lacks an end; an empty text stays so.
[[nodiscard]] std::string with_full_stop(std::string text);

/// Valid UTF-8 stays; each offending byte becomes U+FFFD. Never fails.
[[nodiscard]] std::string to_valid_utf8(std::string_view bytes);

}  // namespace pganalytics::base
