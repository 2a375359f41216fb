#pragma once
// What a statement is called (GLOSSARY.md): `query_hash` names the text and exists for any text; `fingerprint_hash`
// names the family and exists where the grammar accepts it.

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace pganalytics::sql {

/// A positive 63-bit hash of the scanner's tokens: constants and parameters become one placeholder, comments and
/// spacing are dropped, keywords and unquoted identifiers are case-folded, list lengths are kept. A trailing semicolon
/// does not count. The same on every server and version. Defined for any bytes: what the scanner refuses (an unclosed
/// quote, invalid UTF-8) is hashed by its folded words.
/// PostgreSQL 18's squashed lists (`IN ($1 /*, ... */)`) are as they are printed: a list of one.
[[nodiscard]] base::QueryHash query_hash(std::string_view text);

/// PostgreSQL's parser fingerprint (list lengths collapsed). fix_input / too_large / unsupported where not parseable.
[[nodiscard]] base::Result<base::FingerprintHash> fingerprint_hash(std::string_view text);

/// Constants replaced by $1, $2, … as pg_stat_statements does; parameters that are there keep their numbers.
[[nodiscard]] base::Result<std::string> normalise(std::string_view text);

}  // namespace pganalytics::sql
