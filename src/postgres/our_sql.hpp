#pragma once
// SQL that we wrote, as a type: only a string literal of this program, or a literal with `{}` places filled by quoted
// values, becomes one. Whatever runs through the simple protocol (which accepts several statements in one message)
// takes this type, so a user's text cannot reach it by accident. Immutable values.
//
//     connection.execute_script("CREATE EXTENSION IF NOT EXISTS hypopg");
//     connection.execute_script(our_sql("CREATE ROLE {} PASSWORD {}", identifier(name), literal(password)));

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace pganalytics::postgres {

/// A compile-time string. Construction from anything that is not known at compile time does not compile.
class SqlLiteral {
  public:
    template <std::size_t N>
    consteval SqlLiteral(const char (&text)[N]) : text_(text, N - 1) {}  // NOLINT(google-explicit-constructor)
    consteval SqlLiteral(std::string_view text) : text_(text) {}         // NOLINT(google-explicit-constructor)
    [[nodiscard]] constexpr std::string_view view() const { return text_; }

  private:
    std::string_view text_;
};

/// A value made safe to stand in our SQL.
class QuotedSql {
  public:
    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    explicit QuotedSql(std::string text) : text_(std::move(text)) {}
    std::string text_;
    friend QuotedSql identifier(std::string_view name);
    friend QuotedSql literal(std::string_view text);
    friend QuotedSql number(std::int64_t value);
};

/// "name", always in double quotes. NUL bytes, which no name can hold, are dropped.
[[nodiscard]] QuotedSql identifier(std::string_view name);
/// 'text', or E'te\\xt' where there are backslashes: right whatever standard_conforming_strings says.
[[nodiscard]] QuotedSql literal(std::string_view text);
[[nodiscard]] QuotedSql number(std::int64_t value);

class OurSql {
  public:
    OurSql(SqlLiteral text) : text_(text.view()) {}  // NOLINT(google-explicit-constructor)
    [[nodiscard]] const std::string& text() const { return text_; }
    /// This script, then that one.
    [[nodiscard]] OurSql then(const OurSql& next) const;

  private:
    struct Composed {
        std::string text;
    };
    explicit OurSql(Composed composed) : text_(std::move(composed.text)) {}
    std::string text_;
    friend OurSql compose_sql(SqlLiteral pattern, std::initializer_list<QuotedSql> values);
};

/// `pattern` with its `{}` replaced in order. Their number must agree: a mismatch is a bug and aborts.
[[nodiscard]] OurSql compose_sql(SqlLiteral pattern, std::initializer_list<QuotedSql> values);

template <typename... Values>
[[nodiscard]] OurSql our_sql(SqlLiteral pattern, const Values&... values) {
    return compose_sql(pattern, {values...});
}

}  // namespace pganalytics::postgres
