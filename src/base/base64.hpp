#pragma once
// base64url without padding (RFC 4648, 5): bytes as text for addresses, headers and JSON.

#include <optional>
#include <string>
#include <string_view>

namespace pganalytics::base {

[[nodiscard]] std::string to_base64url(std::string_view bytes);
/// Nothing where a character is not of the alphabet.
[[nodiscard]] std::optional<std::string> from_base64url(std::string_view text);

}  // namespace pganalytics::base
