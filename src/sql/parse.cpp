#include "sql/parse.hpp"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <pg_query.h>

#include <algorithm>

#include "base/check.hpp"
#include "sql/ast.hpp"
#include "sql/large_stack.hpp"
#include "sql/messages.hpp"
#include "sql/scanner.hpp"

namespace pganalytics::sql {
namespace {

using base::Error;
using base::ErrorCode;

// Depth is bounded by the caps before; this only keeps protobuf's default of 100 out of the way.
constexpr int message_recursion_limit = 1000000;

// A text that passed the caps may have grown parentheses when it is written back.
constexpr Caps written_caps{.max_bytes = 4 * Caps{}.max_bytes,
                            .max_nesting = 4 * Caps{}.max_nesting,
                            .max_operator_chain = 2 * Caps{}.max_operator_chain};

bool equal_apart_from_locations(const google::protobuf::RepeatedPtrField<pg_query::RawStmt>& a,
                                const google::protobuf::RepeatedPtrField<pg_query::RawStmt>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& one, const auto& other) {
        return equal_messages_apart_from_locations(one, other);
    });
}

std::unique_ptr<pg_query::ParseResult> decode(const PgQueryProtobuf& bytes) {
    auto message = std::make_unique<pg_query::ParseResult>();
    google::protobuf::io::CodedInputStream stream(reinterpret_cast<const std::uint8_t*>(bytes.data),
                                                  static_cast<int>(bytes.len));
    stream.SetRecursionLimit(message_recursion_limit);
    if (!message->ParseFromCodedStream(&stream)) return nullptr;
    return message;
}

}  // namespace

Tree::Tree(std::string text, std::unique_ptr<pg_query::ParseResult> message)
    : text_(std::move(text)), message_(std::move(message)) {
    base::check(message_ != nullptr, "a tree without a message");
}
Tree::~Tree() = default;
Tree::Tree(Tree&&) noexcept = default;
Tree& Tree::operator=(Tree&&) noexcept = default;

std::size_t Tree::statement_count() const {
    return static_cast<std::size_t>(message_->stmts_size());
}

const pg_query::Node& Tree::statement() const {
    base::check(message_->stmts_size() == 1, "statement() of a tree that has not exactly one");
    return message_->stmts(0).stmt();
}

std::unique_ptr<pg_query::ParseResult> Tree::clone_message() const {
    return std::make_unique<pg_query::ParseResult>(*message_);
}

base::Result<Tree> parse(std::string_view text, const Caps& caps) {
    PGANALYTICS_ASSIGN(const std::size_t tokens, check_caps(text, caps));
    std::string copy(text);
    std::unique_ptr<pg_query::ParseResult> message;
    Error error{ErrorCode::internal, "The parser's answer cannot be decoded.", "", ""};
    PGANALYTICS_RETURN_IF_ERROR(run_with_stack_for(tokens, [&] {
        const PgQueryProtobufParseResult result = pg_query_parse_protobuf(copy.c_str());
        if (result.error != nullptr) {
            error = Error{ErrorCode::fix_input, fmt::format("The statement does not parse: {}.", result.error->message),
                          fmt::format("Look at character {} (grammar of PostgreSQL {}; newer syntax is not known).",
                                      result.error->cursorpos, PG_MAJORVERSION),
                          ""};
        } else {
            message = decode(result.parse_tree);
        }
        pg_query_free_protobuf_parse_result(result);
    }));
    if (!message) return error;
    return Tree(std::move(copy), std::move(message));
}

base::Result<std::string> deparse(const pg_query::ParseResult& message) {
    std::string text;
    Error error{ErrorCode::unsupported, "The statement cannot be written back as SQL.", "", ""};
    bool done = false;
    PGANALYTICS_RETURN_IF_ERROR(
        run_with_stack_for(count_messages(message, tokens_for_callers_stack), [&message, &text, &error, &done] {
            std::string bytes;
            if (!message.SerializeToString(&bytes)) return;
            const PgQueryDeparseResult result = pg_query_deparse_protobuf(PgQueryProtobuf{bytes.size(), bytes.data()});
            if (result.error != nullptr) {
                error.message = fmt::format("The statement cannot be written back as SQL: {}.", result.error->message);
            } else {
                text = result.query;
                done = true;
            }
            pg_query_free_deparse_result(result);
        }));
    if (!done) return error;
    // The library's deparser forgets blanks and parentheses now and then: what it wrote must mean what it was given.
    const auto again = parse(text, written_caps);
    if (!again || !equal_apart_from_locations(message.stmts(), again->message().stmts())) {
        error.message = "The statement, written back as SQL, does not mean the same.";
        return error;
    }
    return text;
}

StatementKind kind_of(const Tree& tree) {
    if (tree.statement_count() != 1) return StatementKind::other;
    switch (tree.statement().node_case()) {
        case pg_query::Node::kSelectStmt:
            return StatementKind::select;
        case pg_query::Node::kInsertStmt:
            return StatementKind::insert;
        case pg_query::Node::kUpdateStmt:
            return StatementKind::update;
        case pg_query::Node::kDeleteStmt:
            return StatementKind::delete_;
        case pg_query::Node::kMergeStmt:
            return StatementKind::merge;
        case pg_query::Node::NODE_NOT_SET:
            return StatementKind::other;
        default:
            return StatementKind::utility;
    }
}

}  // namespace pganalytics::sql
