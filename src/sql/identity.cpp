#include "sql/identity.hpp"

#include <fmt/format.h>
#include <pg_query.h>

#include <algorithm>
#include <optional>
#include <type_traits>
#include <vector>

#include "base/hash.hpp"
#include "sql/ast.hpp"
#include "sql/large_stack.hpp"
#include "sql/scanner.hpp"

namespace pganalytics::sql {
namespace {

using base::Error;
using base::ErrorCode;

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// PostgreSQL folds ASCII only in UTF-8 databases.
void fold(std::string_view word, std::string& out) {
    for (const char c : word) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// The hash's input: one record per token, so that no two token streams run into each other.
class Stream {
  public:
    void placeholder() { record('?', ""); }
    void word(std::string_view folded) { record('w', folded); }
    void reserved(std::string_view folded) { record('k', folded); }
    void symbol(std::string_view text) { record('o', text); }
    [[nodiscard]] base::QueryHash digest() const {
        base::StableHash hash;
        hash.add(std::string_view(bytes_));
        return base::QueryHash{hash.positive_digest()};
    }

  private:
    void record(char kind, std::string_view text) {
        bytes_ += kind;
        bytes_ += text;
        bytes_ += '\0';
    }
    std::string bytes_;
};

bool is_comment(const RawToken& t) {
    return t.token == pg_query::SQL_COMMENT || t.token == pg_query::C_COMMENT;
}

bool is_number(const RawToken& t) {
    return t.token == pg_query::ICONST || t.token == pg_query::FCONST;
}

bool is_constant(const RawToken& t) {
    switch (t.token) {
        case pg_query::ICONST:
        case pg_query::FCONST:
        case pg_query::SCONST:
        case pg_query::USCONST:
        case pg_query::BCONST:
        case pg_query::XCONST:
        case pg_query::PARAM:
            return true;
        default:
            return false;
    }
}

/// Reserved words that are values or end an expression; every other reserved word is followed by an operand.
bool ends_operand(const RawToken& t) {
    switch (t.token) {
        case pg_query::ASCII_41:
        case pg_query::ASCII_93:
        case pg_query::IDENT:
        case pg_query::UIDENT:
        case pg_query::END_P:
        case pg_query::NULL_P:
        case pg_query::TRUE_P:
        case pg_query::FALSE_P:
        case pg_query::DEFAULT:
        case pg_query::USER:
        case pg_query::SESSION_USER:
        case pg_query::CURRENT_USER:
        case pg_query::CURRENT_ROLE:
        case pg_query::CURRENT_DATE:
        case pg_query::CURRENT_TIME:
        case pg_query::CURRENT_TIMESTAMP:
        case pg_query::CURRENT_CATALOG:
        case pg_query::LOCALTIME:
        case pg_query::LOCALTIMESTAMP:
            return true;
        case pg_query::BY:
        case pg_query::BETWEEN:
        case pg_query::ESCAPE:
            return false;
        default:
            break;
    }
    if (is_constant(t)) return true;
    // Words that may name a column end an operand; what LIKE, IS, ILIKE, IN and their kind start is one.
    return t.keyword_kind == pg_query::UNRESERVED_KEYWORD || t.keyword_kind == pg_query::COL_NAME_KEYWORD;
}

/// Turns tokens into the stream. pg_stat_statements replaces constants by their place in the analysed tree, so what it
/// replaces is wider than literals: a sign folded into its number, TRUE, FALSE and NULL as values, LIMIT ALL, the field
/// of EXTRACT, the form of NORMALIZE. Each gets the placeholder here too, and the two texts meet.
class Reader {
  public:
    Reader(std::string_view text, const std::vector<RawToken>& all) : text_(text) {
        tokens_.reserve(all.size());
        for (const auto& token : all) {
            if (!is_comment(token)) tokens_.push_back(token);
        }
        while (!tokens_.empty() && tokens_.back().token == pg_query::ASCII_59) tokens_.pop_back();
    }

    [[nodiscard]] base::QueryHash hash() {
        Stream stream;
        std::string folded;
        for (std::size_t i = 0; i < tokens_.size(); ++i) {
            if (is_folded_sign(i)) continue;
            const auto& token = tokens_[i];
            if (is_constant(token) || is_value_word(i) || is_question_mark(i)) {
                stream.placeholder();
            } else if (is_national(i)) {
                stream.word("nchar");
                if (token.token == pg_query::IDENT) stream.placeholder();
            } else if (token.keyword_kind == pg_query::RESERVED_KEYWORD) {
                folded.clear();
                fold(spelling(i), folded);
                stream.reserved(folded);
            } else if (token.keyword_kind != pg_query::NO_KEYWORD || token.token == pg_query::IDENT) {
                add_word(spelling(i), folded, stream);
            } else if (token.token == pg_query::NOT_EQUALS) {
                stream.symbol("<>");
            } else if (const auto op = spelling(i); op.size() > 1 && op.back() == '?' && is_comparison(op)) {
                stream.symbol(op.substr(0, op.size() - 1));  // `a=?`: the scanner takes `=?` for one operator
                stream.placeholder();
            } else {
                stream.symbol(op);
            }
        }
        return stream.digest();
    }

  private:
    [[nodiscard]] std::string_view spelling(std::size_t i) const {
        return text_.substr(tokens_[i].begin, tokens_[i].end - tokens_[i].begin);
    }
    [[nodiscard]] std::int32_t kind(std::size_t i) const { return i < tokens_.size() ? tokens_[i].token : 0; }
    [[nodiscard]] bool starts_operand(std::size_t i) const { return i == 0 || !ends_operand(tokens_[i - 1]); }

    static bool is_comparison(std::string_view op) {
        op.remove_suffix(1);
        return op == "=" || op == "<" || op == ">" || op == "<=" || op == ">=" || op == "<>" || op == "!=";
    }

    /// `-5` is one constant to the grammar unless something that binds tighter follows.
    [[nodiscard]] bool is_folded_sign(std::size_t i) const {
        if (tokens_[i].token != pg_query::ASCII_45 || !starts_operand(i)) return false;
        if (i + 1 >= tokens_.size() || !is_number(tokens_[i + 1])) return false;
        return kind(i + 2) != pg_query::TYPECAST && kind(i + 2) != pg_query::ASCII_91;
    }

    /// The placeholder of drivers, as far as it can be told from the jsonb operator: it stands where a value must.
    [[nodiscard]] bool is_question_mark(std::size_t i) const {
        if (spelling(i) != "?") return false;
        return starts_operand(i) || (tokens_[i - 1].keyword_kind != pg_query::NO_KEYWORD &&
                                     (kind(i - 1) == pg_query::OFFSET || kind(i - 1) == pg_query::VALUES));
    }

    /// N'text' becomes `N$1` on the server, which reads as an identifier.
    [[nodiscard]] bool is_national(std::size_t i) const {
        const auto word = spelling(i);
        if (tokens_[i].token == pg_query::NCHAR) return word.size() == 1;
        return tokens_[i].token == pg_query::IDENT && word.size() > 2 && (word[0] == 'N' || word[0] == 'n') &&
               word[1] == '$' && std::all_of(word.begin() + 2, word.end(), is_digit);
    }

    [[nodiscard]] bool is_value_word(std::size_t i) const {
        const auto previous = i > 0 ? kind(i - 1) : 0;
        switch (tokens_[i].token) {
            case pg_query::TRUE_P:
            case pg_query::FALSE_P:
            case pg_query::NULL_P:
                // IS [NOT] TRUE and NOT NULL are tests and constraints, not values.
                return previous != pg_query::IS &&
                       !(previous == pg_query::NOT && i > 1 && kind(i - 2) == pg_query::IS) &&
                       !(previous == pg_query::NOT && tokens_[i].token == pg_query::NULL_P);
            case pg_query::ALL:
                return previous == pg_query::LIMIT;
            default:
                break;
        }
        // normalize(x, NFC) and x IS NFC NORMALIZED
        if (is_normal_form(i)) {
            return kind(i + 1) == pg_query::NORMALIZED ||
                   (previous == pg_query::ASCII_44 && kind(i + 1) == pg_query::ASCII_41);
        }
        if (previous != pg_query::ASCII_40 || i < 2) return false;
        return kind(i - 2) == pg_query::EXTRACT && kind(i + 1) == pg_query::FROM;
    }

    [[nodiscard]] bool is_normal_form(std::size_t i) const {
        const auto token = tokens_[i].token;
        return token == pg_query::NFC || token == pg_query::NFD || token == pg_query::NFKC || token == pg_query::NFKD;
    }

    /// `"name"` and `name` are one identifier; a quoted reserved word is no keyword, which `reserved` keeps apart.
    static void add_word(std::string_view spelled, std::string& folded, Stream& stream) {
        folded.clear();
        if (spelled.size() < 2 || spelled.front() != '"') {
            fold(spelled, folded);
        } else {
            for (std::size_t i = 1; i + 1 < spelled.size(); ++i) {
                folded += spelled[i];
                if (spelled[i] == '"') ++i;
            }
        }
        stream.word(folded);
    }

    std::string_view text_;
    std::vector<RawToken> tokens_;
};

std::size_t skip_quoted(std::string_view text, std::size_t i) {
    const char quote = text[i++];
    while (i < text.size()) {
        if (text[i] == quote) {
            if (i + 1 >= text.size() || text[i + 1] != quote) return i + 1;
            ++i;
        }
        ++i;
    }
    return i;
}

/// For text that the scanner refuses: words, numbers and quoted strings by their first characters.
base::QueryHash hash_of_words(std::string_view text) {
    while (!text.empty() && (text.back() == ';' || static_cast<unsigned char>(text.back()) <= ' '))
        text.remove_suffix(1);
    Stream stream;
    std::string folded;
    std::size_t i = 0;
    while (i < text.size()) {
        const char c = text[i];
        const std::size_t begin = i;
        if (static_cast<unsigned char>(c) <= ' ') {
            ++i;
        } else if (is_letter(c)) {
            while (i < text.size() && (is_letter(text[i]) || is_digit(text[i]) || text[i] == '$')) ++i;
            folded.clear();
            fold(text.substr(begin, i - begin), folded);
            stream.word(folded);
        } else if (is_digit(c) || (c == '$' && i + 1 < text.size() && is_digit(text[i + 1]))) {
            ++i;
            while (i < text.size() && (is_digit(text[i]) || text[i] == '.')) ++i;
            stream.placeholder();
        } else if (c == '\'') {
            i = skip_quoted(text, i);
            stream.placeholder();
        } else if (c == '"') {
            i = skip_quoted(text, i);
            stream.word(text.substr(begin + 1, i - begin > 1 ? i - begin - 2 : 0));
        } else if (text.substr(i, 2) == "--") {
            i = std::min(text.find('\n', i), text.size());
        } else if (text.substr(i, 2) == "/*") {
            const auto close = text.find("*/", i + 2);
            i = close == std::string_view::npos ? text.size() : close + 2;
        } else {
            stream.symbol(text.substr(i, 1));
            ++i;
        }
    }
    return stream.digest();
}

/// pg_stat_statements turns `'x'AS y` into `$1AS y`, which the scanner then refuses.
std::string with_blank_after_parameters(std::string_view text) {
    std::string repaired;
    repaired.reserve(text.size() + 16);
    for (std::size_t i = 0; i < text.size(); ++i) {
        repaired += text[i];
        if (text[i] != '$') continue;
        while (i + 1 < text.size() && is_digit(text[i + 1])) repaired += text[++i];
        if (is_digit(text[i]) && i + 1 < text.size() && is_letter(text[i + 1])) repaired += ' ';
    }
    return repaired;
}

/// What `take` finds in the answer of `call`, a function of libpg_query that parses; `release` frees the answer.
template <typename Answer, typename Take>
auto parsed(std::string_view text, Answer (*call)(const char*), void (*release)(Answer), Take take)
    -> base::Result<std::invoke_result_t<Take, const Answer&>> {
    PGANALYTICS_ASSIGN(const std::size_t tokens, check_caps(text, Caps{}));
    const std::string copy(text);
    std::optional<std::invoke_result_t<Take, const Answer&>> taken;
    Error error{ErrorCode::fix_input, "", fmt::format("The grammar is PostgreSQL {}'s.", PG_MAJORVERSION), ""};
    PGANALYTICS_RETURN_IF_ERROR(run_with_stack_for(tokens, [&] {
        const Answer answer = call(copy.c_str());
        if (answer.error != nullptr) {
            error.message = fmt::format("The statement does not parse: {}.", answer.error->message);
        } else {
            taken = take(answer);
        }
        release(answer);
    }));
    if (!taken) return error;
    return *std::move(taken);
}

}  // namespace

base::QueryHash query_hash(std::string_view text) {
    if (const auto tokens = scan_tokens(text)) return Reader(text, *tokens).hash();
    const std::string repaired = with_blank_after_parameters(text);
    if (repaired.size() != text.size()) {
        if (const auto tokens = scan_tokens(repaired)) return Reader(repaired, *tokens).hash();
    }
    return hash_of_words(text);
}

base::Result<base::FingerprintHash> fingerprint_hash(std::string_view text) {
    PGANALYTICS_ASSIGN(const auto fingerprint,
                       parsed(text, pg_query_fingerprint, pg_query_free_fingerprint_result,
                              [](const PgQueryFingerprintResult& result) { return result.fingerprint; }));
    constexpr std::uint64_t positive_bits = (std::uint64_t{1} << 63U) - 1;
    const auto positive = static_cast<std::int64_t>(fingerprint & positive_bits);
    return base::FingerprintHash{positive == 0 ? 1 : positive};
}

base::Result<std::string> normalise(std::string_view text) {
    return parsed(text, pg_query_normalize, pg_query_free_normalize_result,
                  [](const PgQueryNormalizeResult& result) { return std::string(result.normalized_query); });
}

}  // namespace pganalytics::sql
