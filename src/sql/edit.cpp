#include "sql/edit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sql/ast.hpp"
#include "sql/scanner.hpp"

namespace pganalytics::sql {
namespace {

using base::Error;
using base::ErrorCode;

TokenKind kind_of_token(const RawToken& token) {
    switch (token.token) {
        case pg_query::SQL_COMMENT:
        case pg_query::C_COMMENT:
            return TokenKind::comment;
        case pg_query::IDENT:
        case pg_query::UIDENT:
            return TokenKind::identifier;
        case pg_query::ICONST:
        case pg_query::FCONST:
        case pg_query::SCONST:
        case pg_query::USCONST:
        case pg_query::BCONST:
        case pg_query::XCONST:
            return TokenKind::constant;
        case pg_query::PARAM:
            return TokenKind::parameter;
        case pg_query::ASCII_40:
        case pg_query::ASCII_41:
        case pg_query::ASCII_44:
        case pg_query::ASCII_46:
        case pg_query::ASCII_58:
        case pg_query::ASCII_59:
        case pg_query::ASCII_91:
        case pg_query::ASCII_93:
            return TokenKind::punctuation;
        case pg_query::Op:
        case pg_query::TYPECAST:
        case pg_query::LESS_EQUALS:
        case pg_query::GREATER_EQUALS:
        case pg_query::NOT_EQUALS:
        case pg_query::COLON_EQUALS:
        case pg_query::EQUALS_GREATER:
            return TokenKind::operator_;
        default:
            break;
    }
    if (token.keyword_kind != pg_query::NO_KEYWORD) return TokenKind::keyword;
    return token.token < 128 ? TokenKind::operator_ : TokenKind::other;
}

/// nullopt where splices overlap or leave the text: the edit is then made by deparsing.
std::optional<std::string> apply(const std::string& text, std::vector<Splice> splices) {
    std::sort(splices.begin(), splices.end(), [](const Splice& a, const Splice& b) { return a.begin < b.begin; });
    std::string result;
    std::size_t position = 0;
    for (const auto& splice : splices) {
        if (splice.begin < position || splice.end < splice.begin || splice.end > text.size()) return std::nullopt;
        result.append(text, position, splice.begin - position);
        result += splice.replacement;
        position = splice.end;
    }
    result.append(text, position);
    return result;
}

bool parses_to(const std::string& text, const pg_query::ParseResult& expected) {
    const auto tree = parse(text);
    return tree && equal_apart_from_locations(tree->message(), expected);
}

}  // namespace

base::Result<EditedStatement> finish_edit(const Tree& original, const pg_query::ParseResult& edited,
                                          std::vector<Splice> splices) {
    if (auto spliced = apply(original.text(), std::move(splices)); spliced && parses_to(*spliced, edited)) {
        return EditedStatement{*std::move(spliced), true};
    }
    PGANALYTICS_ASSIGN(auto deparsed, deparse(edited));
    return EditedStatement{std::move(deparsed), false};
}

base::Result<std::vector<Token>> scan(std::string_view text) {
    PGANALYTICS_ASSIGN(const auto raw, scan_tokens(text));
    std::vector<Token> tokens;
    tokens.reserve(raw.size());
    for (const auto& token : raw) {
        tokens.push_back(
            {token.begin, token.end, kind_of_token(token), text.substr(token.begin, token.end - token.begin)});
    }
    return tokens;
}

base::Result<std::pair<std::size_t, std::size_t>> balanced_span(const std::vector<Token>& tokens, std::size_t from) {
    std::string expected_closers;
    std::size_t begin = 0;
    for (const auto& token : tokens) {
        if (token.begin < from || token.kind != TokenKind::punctuation) continue;
        if (token.text == "(" || token.text == "[") {
            if (expected_closers.empty()) begin = token.begin;
            expected_closers += token.text == "(" ? ')' : ']';
        } else if (token.text == ")" || token.text == "]") {
            if (expected_closers.empty()) continue;
            if (token.text.front() != expected_closers.back()) break;
            expected_closers.pop_back();
            if (expected_closers.empty()) return std::pair{begin, token.end};
        }
    }
    return Error{ErrorCode::fix_input, "No balanced parentheses stand there.", "", ""};
}

}  // namespace pganalytics::sql
