#include "postgres/our_sql.hpp"

#include "base/check.hpp"

namespace pganalytics::postgres {

QuotedSql identifier(std::string_view name) {
    std::string text = "\"";
    for (const char c : name) {
        if (c == '\0') continue;
        if (c == '"') text += '"';
        text += c;
    }
    return QuotedSql(text + '"');
}

QuotedSql literal(std::string_view text) {
    std::string quoted = text.find('\\') == std::string_view::npos ? "'" : "E'";
    for (const char c : text) {
        if (c == '\0') continue;
        if (c == '\'' || c == '\\') quoted += c;
        quoted += c;
    }
    return QuotedSql(quoted + '\'');
}

QuotedSql number(std::int64_t value) {
    return QuotedSql(std::to_string(value));
}

OurSql OurSql::then(const OurSql& next) const {
    return OurSql(Composed{text_ + ";\n" + next.text_});
}

OurSql compose_sql(SqlLiteral pattern, std::initializer_list<QuotedSql> values) {
    std::string text;
    const auto* value = values.begin();
    auto rest = pattern.view();
    for (auto place = rest.find("{}"); place != std::string_view::npos; place = rest.find("{}")) {
        base::check(value != values.end(), "our_sql: more places than values");
        text += rest.substr(0, place);
        text += (value++)->text();
        rest.remove_prefix(place + 2);
    }
    base::check(value == values.end(), "our_sql: more values than places");
    text += rest;
    return OurSql(OurSql::Composed{std::move(text)});
}

}  // namespace pganalytics::postgres
