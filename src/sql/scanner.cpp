#include "sql/scanner.hpp"

#include <fmt/format.h>
#include <google/protobuf/arena.h>
#include <pg_query.h>

#include <algorithm>
#include <memory>

#include "sql/ast.hpp"

namespace pganalytics::sql {
namespace {

using base::Error;
using base::ErrorCode;

struct FreeScan {
    void operator()(PgQueryScanResult* result) const {
        pg_query_free_scan_result(*result);
        delete result;
    }
};

/// Tokens after which the operand of one more level of the tree follows: each may add a level of recursion.
bool deepens(const RawToken& token) {
    switch (token.token) {
        case pg_query::Op:
        case pg_query::ASCII_37:
        case pg_query::ASCII_42:
        case pg_query::ASCII_43:
        case pg_query::ASCII_45:
        case pg_query::ASCII_47:
        case pg_query::ASCII_60:
        case pg_query::ASCII_61:
        case pg_query::ASCII_62:
        case pg_query::ASCII_94:
        case pg_query::LESS_EQUALS:
        case pg_query::GREATER_EQUALS:
        case pg_query::NOT_EQUALS:
        case pg_query::TYPECAST:
        case pg_query::NOT:
        case pg_query::IS:
        case pg_query::ISNULL:
        case pg_query::NOTNULL:
        case pg_query::IN_P:
        case pg_query::BETWEEN:
        case pg_query::LIKE:
        case pg_query::ILIKE:
        case pg_query::SIMILAR:
        case pg_query::COLLATE:
        case pg_query::AT:
        case pg_query::JOIN:
        case pg_query::SELECT:
        case pg_query::WITH:
            return true;
        default:
            return false;
    }
}

bool is_set_operation(const RawToken& token) {
    return token.token == pg_query::UNION || token.token == pg_query::INTERSECT || token.token == pg_query::EXCEPT;
}

/// AND and OR are flat lists in the tree, and a comma separates siblings.
bool ends_chain(const RawToken& token) {
    return token.token == pg_query::ASCII_44 || token.token == pg_query::AND || token.token == pg_query::OR;
}

bool opens(const RawToken& token) {
    return token.token == pg_query::ASCII_40 || token.token == pg_query::ASCII_91 || token.token == pg_query::CASE;
}

bool closes(const RawToken& token) {
    return token.token == pg_query::ASCII_41 || token.token == pg_query::ASCII_93 || token.token == pg_query::END_P;
}

}  // namespace

bool is_valid_utf8(std::string_view bytes) {
    std::size_t i = 0;
    while (i < bytes.size()) {
        const auto lead = static_cast<unsigned char>(bytes[i]);
        if (lead < 0x80) {
            ++i;
            continue;
        }
        const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
        if (lead < 0xC2 || lead > 0xF4 || i + length > bytes.size()) return false;
        for (std::size_t k = 1; k < length; ++k) {
            if ((static_cast<unsigned char>(bytes[i + k]) & 0xC0) != 0x80) return false;
        }
        const auto second = static_cast<unsigned char>(bytes[i + 1]);
        // Overlong forms, surrogates, and what lies above U+10FFFF.
        if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) || (lead == 0xF0 && second < 0x90) ||
            (lead == 0xF4 && second > 0x8F)) {
            return false;
        }
        i += length;
    }
    return true;
}

base::Result<std::vector<RawToken>> scan_tokens(std::string_view text) {
    if (text.find('\0') != std::string_view::npos) {
        return Error{ErrorCode::unsupported, "The statement contains a NUL byte.", "PostgreSQL accepts none.", ""};
    }
    if (!is_valid_utf8(text)) {
        return Error{ErrorCode::unsupported, "The statement is not valid UTF-8.",
                     "Convert it; statements of databases in other encodings are counted, not parsed.", ""};
    }
    const std::string terminated(text);
    const std::unique_ptr<PgQueryScanResult, FreeScan> scanned(
        new PgQueryScanResult(pg_query_scan(terminated.c_str())));
    if (scanned->error != nullptr) {
        return Error{ErrorCode::fix_input, fmt::format("The statement cannot be read: {}.", scanned->error->message),
                     fmt::format("Look at character {}.", scanned->error->cursorpos), ""};
    }
    google::protobuf::Arena arena;
    auto* message = google::protobuf::Arena::CreateMessage<pg_query::ScanResult>(&arena);
    if (!message->ParseFromArray(scanned->pbuf.data, static_cast<int>(scanned->pbuf.len))) {
        return Error{ErrorCode::internal, "The scanner's answer cannot be decoded.", "", ""};
    }
    std::vector<RawToken> tokens;
    tokens.reserve(static_cast<std::size_t>(message->tokens_size()));
    for (int i = 0; i < message->tokens_size(); ++i) {
        const auto& token = message->tokens(i);
        const auto begin = std::min(static_cast<std::size_t>(std::max(token.start(), 0)), text.size());
        auto end = std::clamp(static_cast<std::size_t>(std::max(token.end(), 0)), begin, text.size());
        if (token.token() == pg_query::USCONST || token.token() == pg_query::UIDENT) {
            // The library gives a wrong end for U&'…' and U&"…": they reach to the blanks before the next token.
            const bool last = i + 1 == message->tokens_size();
            end = last ? text.size() : static_cast<std::size_t>(message->tokens(i + 1).start());
            end = std::clamp(end, begin, text.size());
            while (end > begin && static_cast<unsigned char>(text[end - 1]) <= ' ') --end;
        }
        if (begin == end) continue;
        tokens.push_back(
            {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end), token.token(), token.keyword_kind()});
    }
    return tokens;
}

Shapeliness measure(const std::vector<RawToken>& tokens) {
    struct Level {
        std::size_t chain = 0;      // since the last comma, AND, OR
        std::size_t set_chain = 0;  // UNION, INTERSECT, EXCEPT: a comma does not end these
    };
    Shapeliness shape;
    std::vector<Level> levels(1);
    std::size_t path = 0;  // sum over the open levels
    for (const auto& token : tokens) {
        if (opens(token)) {
            levels.emplace_back();
            ++path;
        } else if (closes(token)) {
            if (levels.size() > 1) {
                path -= levels.back().chain + levels.back().set_chain + 1;
                levels.pop_back();
            }
        } else if (ends_chain(token)) {
            path -= levels.back().chain;
            levels.back().chain = 0;
        } else if (is_set_operation(token)) {
            ++levels.back().set_chain;
            ++path;
        } else if (deepens(token)) {
            ++levels.back().chain;
            ++path;
        }
        shape.nesting = std::max(shape.nesting, levels.size() - 1);
        shape.operator_chain = std::max({shape.operator_chain, levels.back().chain, levels.back().set_chain});
        shape.recursion = std::max(shape.recursion, path);
    }
    return shape;
}

base::Result<std::size_t> check_caps(std::string_view text, const Caps& caps) {
    if (text.size() > caps.max_bytes) {
        return Error{ErrorCode::too_large,
                     fmt::format("The statement has {} bytes; at most {} are parsed.", text.size(), caps.max_bytes),
                     "It is still identified and counted.", ""};
    }
    PGANALYTICS_ASSIGN(const auto tokens, scan_tokens(text));
    const auto shape = measure(tokens);
    if (shape.nesting > caps.max_nesting) {
        return Error{
            ErrorCode::too_large,
            fmt::format("The statement nests {} levels deep; at most {} are parsed.", shape.nesting, caps.max_nesting),
            "It is still identified and counted.", ""};
    }
    if (shape.operator_chain > caps.max_operator_chain ||
        shape.recursion > caps.max_operator_chain + caps.max_nesting) {
        return Error{ErrorCode::too_large,
                     fmt::format("The statement chains {} operators; at most {} are parsed.",
                                 std::max(shape.operator_chain, shape.recursion), caps.max_operator_chain),
                     "It is still identified and counted.", ""};
    }
    return tokens.size();
}

}  // namespace pganalytics::sql
