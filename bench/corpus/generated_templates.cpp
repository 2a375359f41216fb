#include "corpus/generated_templates.hpp"

#include <fmt/format.h>

#include <array>
#include <functional>
#include <set>

#include "base/text.hpp"
#include "corpus/query_parts.hpp"

namespace pganalytics::corpus {

namespace {

/// "" where the schema does not allow the form this time.
using Form = std::string (*)(QueryParts&);

const Column* key_of(const Table& table) {
    const Column* key = nullptr;
    for (const auto& column : table.columns) {
        if (!column.primary_key) continue;
        if (key != nullptr) return nullptr;
        key = &column;
    }
    return key;
}

/// All columns of the last member, or a few.
std::string some_columns(QueryParts& parts, const std::vector<Member>& members) {
    if (parts.random().chance(0.4)) return members.back().alias + ".*";
    std::vector<std::string> names;
    for (const auto& member : members)
        for (const auto& column : member.table->columns)
            if (parts.random().chance(0.4)) names.push_back(member.alias + "." + column.name);
    return names.empty() ? "1" : base::join(names, ", ");
}

std::string point_lookup(QueryParts& parts) {
    const auto members = parts.one_table(100);
    const auto* key = members.empty() ? nullptr : key_of(*members[0].table);
    if (key == nullptr) return "";
    return fmt::format("select *{} where a.{} = {{any {}.{}}}", QueryParts::from(members), key->name,
                       members[0].table->name, key->name);
}

std::string key_list(QueryParts& parts) {
    const auto members = parts.one_table(100);
    const auto* key = members.empty() ? nullptr : key_of(*members[0].table);
    if (key == nullptr) return "";
    return fmt::format("select *{} where a.{} in ({{list {}.{} {}}})", QueryParts::from(members), key->name,
                       members[0].table->name, key->name, parts.random().between(3, 60));
}

std::string rows_of_one(QueryParts& parts) {
    const auto members = parts.one_table(100);
    return members.empty() ? ""
                           : fmt::format("select {}{}{}", some_columns(parts, members), QueryParts::from(members),
                                         parts.where(members, 2));
}

std::string newest_rows(QueryParts& parts) {
    const auto members = parts.one_table(1000);
    if (members.empty()) return "";
    const auto sorted = parts.to_sort_by(members);
    if (sorted.member == nullptr) return "";
    return fmt::format("select {}{}{} order by {} {} limit {}", some_columns(parts, members), QueryParts::from(members),
                       parts.where(members, 2), sorted.text(), parts.random().chance(0.6) ? "desc" : "asc",
                       parts.random().one_of(std::vector<int>{1, 10, 20, 50, 100, 1000}));
}

std::string aggregate_of_one(QueryParts& parts) {
    const auto members = parts.one_table(500);
    return members.empty() ? ""
                           : fmt::format("select {}{}{}", parts.aggregates(members), QueryParts::from(members),
                                         parts.where(members, 3));
}

std::string groups_of(QueryParts& parts, const std::vector<Member>& members, std::size_t conditions) {
    if (members.empty()) return "";
    const auto group = parts.to_group_by(members);
    if (group.member == nullptr) return "";
    std::string text = fmt::format("select {}, {}{}{} group by {}", group.text(), parts.aggregates(members),
                                   QueryParts::from(members), parts.where(members, conditions), group.text());
    if (parts.random().chance(0.25)) text += fmt::format(" having count(*) > {}", parts.random().between(1, 20));
    if (parts.random().chance(0.6)) text += " order by 2 desc";
    if (parts.random().chance(0.4)) text += " limit 20";
    return text;
}
std::string groups_of_one(QueryParts& parts) {
    return groups_of(parts, parts.one_table(1000), 2);
}

std::string groups_of_key(QueryParts& parts) {
    const auto members = parts.one_table(1000);
    if (members.empty()) return "";
    const auto group = parts.place(members, [](const Table&, const Column& column) {
        return !column.primary_key && column.distinct.size() * 4 >= column.values.size() && column.distinct.size() > 20;
    });
    if (group.member == nullptr) return "";
    return fmt::format("select {0}, {1}{2}{3} group by {0} order by 2 desc limit 50", group.text(),
                       parts.aggregates(members), QueryParts::from(members),
                       parts.random().chance(0.5) ? parts.where(members, 1) : "");
}

template <std::size_t Count>
std::string join_aggregate(QueryParts& parts) {
    const auto members = parts.joined(Count);
    return members.empty() ? ""
                           : fmt::format("select {}{}{}", parts.aggregates(members), QueryParts::from(members),
                                         parts.where(members, 3));
}
template <std::size_t Count>
std::string join_groups(QueryParts& parts) {
    return groups_of(parts, parts.joined(Count), 3);
}
template <std::size_t Count>
std::string join_rows(QueryParts& parts) {
    const auto members = parts.joined(Count);
    if (members.empty()) return "";
    std::string text =
        fmt::format("select {}{}{}", some_columns(parts, members), QueryParts::from(members), parts.where(members, 3));
    const auto sorted = parts.to_sort_by(members);
    if (sorted.member == nullptr || parts.random().chance(0.3)) return text;
    text += " order by " + sorted.text();
    if (parts.random().chance(0.6))
        text += fmt::format(" limit {}", parts.random().one_of(std::vector<int>{10, 100, 500}));
    return text;
}

std::string either(QueryParts& parts) {
    const auto members = parts.random().chance(0.5) ? parts.one_table(1000) : parts.joined(2);
    if (members.empty()) return "";
    const auto first = parts.condition(members, true), second = parts.condition(members, parts.random().chance(0.5));
    if (first.empty() || second.empty() || first == second) return "";
    return fmt::format("select {}{} where {} or {}", parts.random().chance(0.5) ? "*" : "count(*)",
                       QueryParts::from(members), first, second);
}

std::string distinct_values(QueryParts& parts) {
    const auto members = parts.random().chance(0.6) ? parts.one_table(1000) : parts.joined(2);
    if (members.empty()) return "";
    const auto first = parts.to_sort_by(members), second = parts.to_group_by(members);
    if (first.member == nullptr) return "";
    return fmt::format("select distinct {}{}{}{}", first.text(), second.member != nullptr ? ", " + second.text() : "",
                       QueryParts::from(members), parts.where(members, 1));
}

std::string sorted_rows(QueryParts& parts) {
    const auto members = parts.random().chance(0.6) ? parts.one_table(1000) : parts.joined(2);
    if (members.empty()) return "";
    const auto first = parts.to_sort_by(members), second = parts.to_sort_by(members);
    if (first.member == nullptr) return "";
    return fmt::format("select {}{}{} order by {}, {}", some_columns(parts, members), QueryParts::from(members),
                       parts.where(members, 1), first.text(), second.text());
}

std::string window(QueryParts& parts) {
    const auto members = parts.random().chance(0.7) ? parts.one_table(1000) : parts.joined(2);
    if (members.empty()) return "";
    const auto group = parts.to_group_by(members), sorted = parts.to_sort_by(members), summed = parts.to_sum(members);
    if (group.member == nullptr || summed.member == nullptr) return "";
    const auto over = fmt::format("over (partition by {} order by {})", group.text(), sorted.text());
    const auto where = parts.where(members, 2);
    switch (parts.random().below(3)) {
        case 0:
            return fmt::format("select {}, sum({}) {}{}{}", sorted.text(), summed.text(), over,
                               QueryParts::from(members), where);
        case 1:
            return fmt::format(
                "select * from (select {} as grouped, {} as sorted, row_number() {} as place{}{}) ranked where place "
                "<= {}",
                group.text(), sorted.text(), over, QueryParts::from(members), where, parts.random().between(1, 5));
        default:
            return fmt::format("select {}, {} - lag({}) {}{}{}", sorted.text(), summed.text(), summed.text(), over,
                               QueryParts::from(members), where);
    }
}

/// A parent and a child that hangs on it, under the aliases a and b.
std::vector<Member> parent_and_child(QueryParts& parts) {
    for (int i = 0; i < 12; ++i) {
        auto members = parts.joined(2);
        // The child joins by a column that is not its key.
        if (members.size() != 2) continue;
        const auto* key = key_of(*members[1].table);
        if (key == nullptr || !members[1].on.starts_with("b." + key->name + " =")) return members;
    }
    return {};
}

std::string semi_join(QueryParts& parts) {
    const auto members = parent_and_child(parts);
    if (members.empty()) return "";
    const std::vector<Member> parent{members[0]}, child{members[1]};
    const auto filter = parts.condition(child);
    return fmt::format("select {} from {} a{} {} exists (select from {} b where {}{})",
                       parts.random().chance(0.5) ? "count(*)" : "a.*", members[0].table->name, parts.where(parent, 1),
                       parts.random().chance(0.6) ? "and" : "and not", members[1].table->name, members[1].on,
                       filter.empty() ? "" : " and " + filter);
}

std::string anti_join(QueryParts& parts) {
    const auto members = parent_and_child(parts);
    if (members.empty()) return "";
    const auto column = members[1].on.substr(0, members[1].on.find(' '));
    return fmt::format("select a.* from {} a left join {} b on {}{} and {} is null", members[0].table->name,
                       members[1].table->name, members[1].on, parts.where({members[0]}, 1), column);
}

std::string correlated(QueryParts& parts) {
    const auto members = parent_and_child(parts);
    if (members.empty()) return "";
    const auto summed = parts.to_sum({members[1]});
    const auto value = summed.column != nullptr && parts.random().chance(0.5)
                           ? fmt::format("max(b.{})", summed.column->name)
                           : std::string("count(*)");
    return fmt::format("select a.*, (select {} from {} b where {}) from {} a where {}", value, members[1].table->name,
                       members[1].on, members[0].table->name, parts.condition({members[0]}, true));
}

std::string in_subquery(QueryParts& parts) {
    const auto members = parent_and_child(parts);
    if (members.empty()) return "";
    const auto equals = members[1].on.find(" = ");
    return fmt::format("select {} from {} a where {} in (select {} from {} b{})", parts.aggregates({members[0]}),
                       members[0].table->name, members[1].on.substr(equals + 3), members[1].on.substr(0, equals),
                       members[1].table->name, parts.where({members[1]}, 2));
}

std::string summed_first(QueryParts& parts) {
    const auto members = parent_and_child(parts);
    if (members.empty()) return "";
    const auto equals = members[1].on.find(" = ");
    const auto key = members[1].on.substr(0, equals);
    return fmt::format(
        "with counted as {} (select {} as key, count(*) as n from {} b{} group by 1) "
        "select a.*, counted.n from {} a join counted on counted.key = {}{} order by counted.n desc limit 100",
        parts.random().chance(0.5) ? "materialized" : "not materialized", key, members[1].table->name,
        parts.random().chance(0.5) ? parts.where({members[1]}, 1) : "", members[0].table->name,
        members[1].on.substr(equals + 3), parts.where({members[0]}, 1));
}

std::string latest_of_each(QueryParts& parts) {
    const auto members = parent_and_child(parts);
    if (members.empty()) return "";
    const auto sorted = parts.to_sort_by({members[1]});
    if (sorted.member == nullptr) return "";
    return fmt::format(
        "select a.*, latest.* from {} a cross join lateral (select * from {} b where {} order by b.{} desc limit {}) "
        "latest"
        " where {}",
        members[0].table->name, members[1].table->name, members[1].on, sorted.column->name,
        parts.random().between(1, 3), parts.condition({members[0]}, true));
}

std::string above_average(QueryParts& parts) {
    const auto members = parts.one_table(500);
    if (members.empty()) return "";
    const auto summed = parts.to_sum(members);
    if (summed.member == nullptr) return "";
    return fmt::format("select count(*) from {0} a where a.{1} > (select avg({1}) from {0}) and {2}",
                       members[0].table->name, summed.column->name, parts.condition(members));
}

std::string union_of_two(QueryParts& parts) {
    const auto members = parts.one_table(500);
    if (members.empty()) return "";
    const auto sorted = parts.to_sort_by(members);
    if (sorted.member == nullptr) return "";
    return fmt::format("select {0}{1}{2} union {3} select {0}{1}{4}", sorted.text(), QueryParts::from(members),
                       parts.where(members, 2), parts.random().chance(0.5) ? "all" : "", parts.where(members, 2));
}

std::string by_period(QueryParts& parts) {
    const auto members = parts.random().chance(0.6) ? parts.one_table(500) : parts.joined(2);
    const auto time = parts.place(members, [](const Table&, const Column& column) { return column.is_time(); });
    if (time.member == nullptr) return "";
    return fmt::format("select date_trunc('{}', {}), {}{}{} group by 1 order by 1",
                       parts.random().one_of(std::vector<std::string>{"hour", "day", "week", "month"}), time.text(),
                       parts.aggregates(members), QueryParts::from(members), parts.where(members, 2));
}

std::string filtered_sums(QueryParts& parts) {
    const auto members = parts.random().chance(0.6) ? parts.one_table(500) : parts.joined(3);
    if (members.empty()) return "";
    const auto summed = parts.to_sum(members);
    const auto first = parts.condition(members), second = parts.condition(members);
    if (summed.member == nullptr || first.empty() || second.empty()) return "";
    return fmt::format("select sum({0}) filter (where {1}), sum(case when {2} then {0} else 0 end){3}", summed.text(),
                       first, second, QueryParts::from(members));
}

std::string percentiles(QueryParts& parts) {
    const auto members = parts.one_table(500);
    if (members.empty()) return "";
    const auto summed = parts.to_sum(members), group = parts.to_group_by(members);
    if (summed.member == nullptr || group.member == nullptr) return "";
    return fmt::format("select {0}, percentile_cont(0.9) within group (order by {1}){2}{3} group by {0}", group.text(),
                       summed.text(), QueryParts::from(members), parts.where(members, 1));
}

std::string rolled_up(QueryParts& parts) {
    const auto members = parts.random().chance(0.5) ? parts.one_table(500) : parts.joined(2);
    if (members.empty()) return "";
    const auto first = parts.to_group_by(members), second = parts.to_group_by(members);
    if (first.member == nullptr || first.text() == second.text()) return "";
    return fmt::format("select {0}, {1}, {2}{3}{4} group by rollup ({0}, {1})", first.text(), second.text(),
                       parts.aggregates(members), QueryParts::from(members), parts.where(members, 1));
}

std::string pairs_of_rows(QueryParts& parts) {
    const auto members = parts.one_table(500);
    if (members.empty()) return "";
    const auto same = parts.place(members, [](const Table&, const Column& column) {
        return !column.primary_key && column.distinct.size() * 3 > column.values.size();
    });
    if (same.member == nullptr) return "";
    return fmt::format("select count(*) from {0} a join {0} b on b.{1} = a.{1} where {2}", members[0].table->name,
                       same.column->name, parts.condition(members, true));
}

std::string update_some(QueryParts& parts) {
    const auto members = parts.one_table(500);
    if (members.empty()) return "";
    const auto changed = parts.place(members, [](const Table&, const Column& column) {
        return column.is_number() && !column.primary_key && !column.name.ends_with("_id");
    });
    const auto where = parts.condition(members, true);
    if (changed.member == nullptr || where.empty()) return "";
    return fmt::format("update {} a set {} = {} where {}", members[0].table->name, changed.column->name, changed.text(),
                       where);
}

struct NamedForm {
    std::string_view name;
    Form form;
    bool writes = false;
};

/// Those that a schema yields first come first.
constexpr auto forms = std::to_array<NamedForm>({
    {"point_lookup", point_lookup},
    {"join_rows_2", join_rows<2>},
    {"aggregate", aggregate_of_one},
    {"join_groups_3", join_groups<3>},
    {"newest_rows", newest_rows},
    {"semi_join", semi_join},
    {"window", window},
    {"join_aggregate_4", join_aggregate<4>},
    {"groups", groups_of_one},
    {"join_groups_2", join_groups<2>},
    {"either", either},
    {"sorted_rows", sorted_rows},
    {"rows", rows_of_one},
    {"join_groups_5", join_groups<5>},
    {"correlated", correlated},
    {"distinct", distinct_values},
    {"join_aggregate_2", join_aggregate<2>},
    {"by_period", by_period},
    {"join_rows_3", join_rows<3>},
    {"latest_of_each", latest_of_each},
    {"update", update_some, true},
    {"join_aggregate_6", join_aggregate<6>},
    {"anti_join", anti_join},
    {"groups_of_key", groups_of_key},
    {"join_aggregate_3", join_aggregate<3>},
    {"in_subquery", in_subquery},
    {"key_list", key_list},
    {"summed_first", summed_first},
    {"join_groups_4", join_groups<4>},
    {"above_average", above_average},
    {"filtered_sums", filtered_sums},
    {"union", union_of_two},
    {"percentiles", percentiles},
    {"rolled_up", rolled_up},
    {"join_rows_4", join_rows<4>},
    {"pairs", pairs_of_rows},
});

}  // namespace

std::vector<Template> generate_templates(const SchemaFile& schema, const Data& data, int count, std::uint64_t seed) {
    constexpr int tries = 8;
    std::vector<Template> templates;
    std::set<std::string> texts;
    for (int turn = 1; turn <= count && static_cast<int>(templates.size()) < count; ++turn) {
        for (const auto& [name, form, writes] : forms) {
            if (static_cast<int>(templates.size()) >= count) break;
            Random random(seed, fmt::format("{}/{}/{}", schema.name, name, turn));
            QueryParts parts(schema, data, random);
            for (int i = 0; i < tries; ++i) {
                auto text = form(parts);
                if (text.empty() || !texts.insert(text).second) continue;
                templates.push_back({fmt::format("{}_{}", name, turn), std::move(text), writes});
                break;
            }
        }
    }
    return templates;
}

}  // namespace pganalytics::corpus
