#pragma once
// Parsing with PostgreSQL's own grammar (libpg_query), under caps and on a thread with a large stack, because hostile
// text crashes the library (deep nesting overflows its stack). The tree is PostgreSQL's, as protobuf messages;
// `sql/ast.hpp` gives the message types to modules that walk or edit it.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace pg_query {
class ParseResult;
class Node;
}  // namespace pg_query

namespace pganalytics::sql {

struct Caps {
    std::size_t max_bytes = 262144;         ///< longer text is hashed and counted, not parsed
    std::size_t max_nesting = 500;          ///< parentheses, brackets and CASE, by the scanner
    std::size_t max_operator_chain = 2000;  ///< operators and list items without a parenthesis between them
};

/// A parsed text: one or more statements, with the text it came from. Immutable, shareable between threads.
class Tree {
  public:
    explicit Tree(std::string text, std::unique_ptr<pg_query::ParseResult> message);
    ~Tree();
    Tree(Tree&&) noexcept;
    Tree& operator=(Tree&&) noexcept;

    [[nodiscard]] const pg_query::ParseResult& message() const { return *message_; }
    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] std::size_t statement_count() const;
    /// The statement node of the only statement. Aborts where there is not exactly one: ask statement_count() first.
    [[nodiscard]] const pg_query::Node& statement() const;
    /// A copy to edit.
    [[nodiscard]] std::unique_ptr<pg_query::ParseResult> clone_message() const;

  private:
    std::string text_;
    std::unique_ptr<pg_query::ParseResult> message_;
};

/// Errors: fix_input (syntax, with the position in the hint), too_large (over a cap), unsupported (not valid UTF-8;
/// syntax newer than the grammar cannot be told from a mistake and is fix_input, whose hint names the grammar's
/// version).
[[nodiscard]] base::Result<Tree> parse(std::string_view text, const Caps& caps = {});

/// Tree → SQL, parsed back and compared. Errors: unsupported where the library's deparser cannot write the tree, or
/// writes something else.
[[nodiscard]] base::Result<std::string> deparse(const pg_query::ParseResult& message);

/// Equal apart from locations (and from statement lengths).
[[nodiscard]] bool equal_apart_from_locations(const pg_query::ParseResult& a, const pg_query::ParseResult& b);

/// Statement kinds that matter to callers.
enum class StatementKind { select, insert, update, delete_, merge, utility, other };
[[nodiscard]] StatementKind kind_of(const Tree& tree);

/// One statement of a script: where it stands, and its text without the semicolon.
struct ScriptPart {
    std::size_t offset = 0;
    std::string text;
};
/// Splits a script at its top-level semicolons by the scanner (comments, dollar quotes, BEGIN ATOMIC bodies and psql's
/// backslash lines, which are left out, are understood). Works where a statement does not parse.
[[nodiscard]] std::vector<ScriptPart> split_script(std::string_view script);

}  // namespace pganalytics::sql
