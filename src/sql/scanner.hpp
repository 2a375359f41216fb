#pragma once
// PostgreSQL's scanner (libpg_query) over untrusted text. Internal to this module. Flex, not recursive: it runs on the
// caller's stack. Thread-safe.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sql/parse.hpp"

namespace pganalytics::sql {

struct RawToken {
    std::uint32_t begin = 0, end = 0;  ///< bytes
    std::int32_t token = 0;            ///< pg_query::Token
    std::int32_t keyword_kind = 0;     ///< pg_query::KeywordKind
};

/// Comments included. unsupported for invalid UTF-8 or NUL bytes, fix_input where the scanner refuses.
[[nodiscard]] base::Result<std::vector<RawToken>> scan_tokens(std::string_view text);

/// How deep parsing, deparsing and walking this text can recurse, as far as its tokens tell.
struct Shapeliness {
    std::size_t nesting = 0;         ///< deepest parentheses, brackets and CASE
    std::size_t operator_chain = 0;  ///< longest chain of operators at one depth
    std::size_t recursion = 0;       ///< largest sum of both along one path
};
[[nodiscard]] Shapeliness measure(const std::vector<RawToken>& tokens);

/// Errors: as scan_tokens, and too_large over a cap. Gives the number of tokens.
[[nodiscard]] base::Result<std::size_t> check_caps(std::string_view text, const Caps& caps);

[[nodiscard]] bool is_valid_utf8(std::string_view bytes);

}  // namespace pganalytics::sql
