#pragma once
// Editing a user's statement. The tree edit is the truth; the user's own text is spliced by scanner-token spans so that
// comments and formatting survive; the spliced text is parsed back and must equal the edited tree, locations apart.
// Where it does not, the deparsed statement is given and marked so.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sql/parse.hpp"

namespace pganalytics::sql {

/// Replace the bytes [begin, end) of the original text.
struct Splice {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::string replacement;
};

struct EditedStatement {
    std::string text;
    bool kept_formatting = true;  ///< false: `text` is deparsed, comments and layout are lost
};

/// Applies `splices` (not overlapping, any order) to the tree's text and holds the result against `edited`.
/// Errors: as `deparse`, where the splices do not give `edited` and it cannot be written out either.
[[nodiscard]] base::Result<EditedStatement> finish_edit(const Tree& original, const pg_query::ParseResult& edited,
                                                        std::vector<Splice> splices);

/// A scanner token of the original text.
enum class TokenKind { identifier, keyword, constant, parameter, operator_, punctuation, comment, other };
struct Token {
    std::size_t begin = 0, end = 0;  ///< bytes
    TokenKind kind = TokenKind::other;
    std::string_view text;  ///< view into the text given to `scan`
};
/// fix_input where the scanner refuses the text.
[[nodiscard]] base::Result<std::vector<Token>> scan(std::string_view text);

/// Span of the balanced group that opens at the first `(` or `[` token at or after `from`; end is past the closer.
[[nodiscard]] base::Result<std::pair<std::size_t, std::size_t>> balanced_span(const std::vector<Token>& tokens,
                                                                              std::size_t from);

}  // namespace pganalytics::sql
