#pragma once
// The values that statements ask for: rows drawn from the data, so that what is frequent there is asked for often.
//
// Holes of a template:
//   {t.c}            a literal of that column, of one row of t that all holes of the statement share; {t.c#2} of
//   another {any t.c}        a literal, each distinct value as likely {list t.c n}     n literals, for IN (…) {range
//   t.c a b}  "low and high", for BETWEEN, that a share of a to b of the rows lie in, drawn log-uniformly {above t.c a
//   b}  a literal that a share of a to b of the rows lie above; {below t.c a b} likewise {prefix t.c n}   'abc%' with
//   the first n characters; {part t.c} '%word%' {word t.c}       a word of it, as a literal {number a b}     a whole
//   number; {log a b} every order of magnitude as likely {pick a|b|c}     one of these words
// Errors: fix_input for a hole that asks for what is not there.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "corpus/random.hpp"
#include "postgres/connection.hpp"

namespace pganalytics::corpus {

struct Column {
    std::string name, type;  ///< type as format_type says it, without its length
    bool primary_key = false;
    std::vector<std::string> values;    ///< of the drawn rows that have one, in the order of the rows
    std::vector<std::string> ordered;   ///< the same, rising
    std::vector<std::string> distinct;  ///< rising

    [[nodiscard]] bool is_number() const;
    [[nodiscard]] bool is_time() const;
    [[nodiscard]] bool is_text() const;
};

struct Table {
    std::string name;
    double rows = 0;
    std::vector<Column> columns;
    std::vector<std::vector<std::optional<std::string>>> drawn;  ///< rows, by column

    [[nodiscard]] const Column* find(std::string_view column) const;
};

/// The tables of schema public with rows drawn from each.
struct Data {
    std::vector<Table> tables;
    [[nodiscard]] const Table* find(std::string_view table) const;
};
[[nodiscard]] base::Result<Data> read_data(postgres::Connection& connection, std::uint64_t seed);

/// The template with its holes filled.
[[nodiscard]] base::Result<std::string> fill(std::string_view text, const Data& data, Random& random);

}  // namespace pganalytics::corpus
