#pragma once
// What generated statements are made of: tables joined along the schema's joins, conditions, columns to group, sort and
// sum by. Text has holes (values.hpp).

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/schema_file.hpp"
#include "corpus/values.hpp"

namespace pganalytics::corpus {

/// A table of a statement under its alias.
struct Member {
    const Table* table = nullptr;
    std::string alias, on;  ///< `on`: how it joins those before it; empty for the first
};

/// A column of a member.
struct Place {
    const Member* member = nullptr;
    const Column* column = nullptr;
    [[nodiscard]] std::string text() const { return member->alias + "." + column->name; }
    [[nodiscard]] std::string path() const { return member->table->name + "." + column->name; }
};

class QueryParts {
  public:
    QueryParts(const SchemaFile& schema, const Data& data, Random& random)
        : schema_(schema), data_(data), random_(random) {}

    /// One table; large ones more often. Nothing where the schema has none of that size.
    [[nodiscard]] std::vector<Member> one_table(double least_rows = 0);
    /// `count` tables joined to each other; at most one step from parent to child, so that no join explodes. Nothing
    /// where the schema has no such tree.
    [[nodiscard]] std::vector<Member> joined(std::size_t count);
    [[nodiscard]] static std::string from(const std::vector<Member>& members);

    using Wanted = std::function<bool(const Table&, const Column&)>;
    /// Any column of these that is as wanted; member is null where there is none.
    [[nodiscard]] Place place(const std::vector<Member>& members, const Wanted& wanted);
    [[nodiscard]] Place to_group_by(const std::vector<Member>& members);
    [[nodiscard]] Place to_sum(const std::vector<Member>& members);
    [[nodiscard]] Place to_sort_by(const std::vector<Member>& members);

    /// "a.x = {…}" on any column; "" where there is none. `narrow`: few rows are left.
    [[nodiscard]] std::string condition(const std::vector<Member>& members, bool narrow = false);
    /// " where … and …" with at most so many conditions, at least one.
    [[nodiscard]] std::string where(const std::vector<Member>& members, std::size_t most);
    /// An expression of aggregates over these.
    [[nodiscard]] std::string aggregates(const std::vector<Member>& members);

    [[nodiscard]] Random& random() { return random_; }

  private:
    [[nodiscard]] std::string condition_on(const Place& place, bool narrow);
    bool add_neighbour(std::vector<Member>& members, bool& went_down);

    const SchemaFile& schema_;
    const Data& data_;
    Random& random_;
};

}  // namespace pganalytics::corpus
