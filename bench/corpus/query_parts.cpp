#include "corpus/query_parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"

namespace pganalytics::corpus {

namespace {

bool any_column(const Table&, const Column& column) {
    return !column.values.empty();
}
/// Each value stands in several of the drawn rows.
bool repeats(const Column& column) {
    return column.distinct.size() > 1 && column.distinct.size() * 4 < column.values.size();
}
bool has_kind(const Column& column) {
    return column.is_number() || column.is_time() || column.is_text() || column.type == "boolean";
}

}  // namespace

std::vector<Member> QueryParts::one_table(double least_rows) {
    std::vector<const Table*> fitting;
    for (const auto& table : data_.tables) {
        if (table.rows < least_rows || table.drawn.empty()) continue;
        // A table of a hundred times the rows is drawn about three times as often.
        const int tickets = 1 + static_cast<int>(std::log10(std::max(1.0, table.rows)));
        fitting.insert(fitting.end(), static_cast<std::size_t>(tickets), &table);
    }
    if (fitting.empty()) return {};
    return {{random_.one_of(fitting), "a", ""}};
}

bool QueryParts::add_neighbour(std::vector<Member>& members, bool& went_down) {
    struct Step {
        const Member* from;
        const Join* join;
        bool down;
    };
    std::vector<Step> steps;
    const auto holds = [&](const std::string& table) {
        return std::any_of(members.begin(), members.end(),
                           [&](const Member& each) { return each.table->name == table; });
    };
    for (const auto& member : members) {
        for (const auto& join : schema_.joins) {
            if (join.child == member.table->name && !holds(join.parent)) steps.push_back({&member, &join, false});
            if (join.parent == member.table->name && !holds(join.child) && !went_down)
                steps.push_back({&member, &join, true});
        }
    }
    if (steps.empty()) return false;
    const auto step = random_.one_of(steps);
    const auto* table = data_.find(step.down ? step.join->child : step.join->parent);
    if (table == nullptr || table->drawn.empty()) return false;
    went_down = went_down || step.down;
    const std::string alias(1, static_cast<char>('a' + members.size()));
    const auto& own = step.down ? step.join->child_column : step.join->parent_column;
    const auto& other = step.down ? step.join->parent_column : step.join->child_column;
    members.push_back({table, alias, fmt::format("{}.{} = {}.{}", alias, own, step.from->alias, other)});
    return true;
}

std::vector<Member> QueryParts::joined(std::size_t count) {
    auto members = one_table();
    members.reserve(count);
    bool went_down = false;
    while (!members.empty() && members.size() < count)
        if (!add_neighbour(members, went_down)) return {};
    return members;
}

std::string QueryParts::from(const std::vector<Member>& members) {
    std::string text = " from";
    for (const auto& member : members)
        text += member.on.empty() ? fmt::format(" {} {}", member.table->name, member.alias)
                                  : fmt::format(" join {} {} on {}", member.table->name, member.alias, member.on);
    return text;
}

Place QueryParts::place(const std::vector<Member>& members, const Wanted& wanted) {
    std::vector<Place> places;
    for (const auto& member : members)
        for (const auto& column : member.table->columns)
            if (!column.values.empty() && wanted(*member.table, column)) places.push_back({&member, &column});
    return places.empty() ? Place{} : random_.one_of(places);
}

Place QueryParts::to_group_by(const std::vector<Member>& members) {
    return place(members, [](const Table&, const Column& column) { return repeats(column) && has_kind(column); });
}

Place QueryParts::to_sum(const std::vector<Member>& members) {
    return place(members, [](const Table&, const Column& column) { return column.is_number(); });
}

Place QueryParts::to_sort_by(const std::vector<Member>& members) {
    return place(members, [](const Table&, const Column& column) { return has_kind(column); });
}

std::string QueryParts::condition_on(const Place& place, bool narrow) {
    const auto& column = *place.column;
    const auto name = place.text(), path = place.path();
    const bool wide_text = column.is_text() && !repeats(column);
    if (column.type == "boolean") return fmt::format("{} = {{{}}}", name, path);
    if (narrow) {
        if ((column.is_number() || column.is_time()) && random_.chance(0.4))
            return fmt::format("{} between {{range {} 0.0005 0.02}}", name, path);
        return fmt::format("{} = {{{}}}", name, path);
    }
    if (wide_text) {
        switch (random_.below(3)) {
            case 0:
                return fmt::format("{} like {{prefix {} {}}}", name, path, random_.between(2, 5));
            case 1:
                return fmt::format("{} like {{part {}}}", name, path);
            default:
                return fmt::format("{} = {{{}}}", name, path);
        }
    }
    if (column.is_text()) {
        switch (random_.below(4)) {
            case 0:
                return fmt::format("{} in ({{list {} {}}})", name, path, random_.between(2, 6));
            case 1:
                return fmt::format("{} <> {{{}}}", name, path);
            default:
                return fmt::format("{} = {{{}}}", name, path);
        }
    }
    switch (random_.below(column.is_number() ? 7 : 4)) {
        case 0:
            return fmt::format("{} >= {{above {}}}", name, path);
        case 1:
            return fmt::format("{} < {{below {}}}", name, path);
        case 2:
        case 3:
            return fmt::format("{} between {{range {}}}", name, path);
        case 4:
            return fmt::format("{} in ({{list {} {}}})", name, path, random_.between(2, 20));
        // The planner cannot know how often a computed value occurs.
        case 5:
            return fmt::format("{} % {} = 0", name, random_.between(2, 9));
        default:
            return fmt::format("{} = {{{}}}", name, path);
    }
}

std::string QueryParts::condition(const std::vector<Member>& members, bool narrow) {
    const auto chosen = place(members, [&](const Table& table, const Column& column) {
        if (!has_kind(column)) return false;
        if (column.type == "real" || column.type == "double precision") return !narrow && table.rows > 0;
        return !narrow || column.distinct.size() * 20 > column.values.size() || column.primary_key;
    });
    if (chosen.member == nullptr) return "";
    // % is not for fractions.
    for (;;) {
        auto text = condition_on(chosen, narrow);
        const bool fraction = chosen.column->type == "real" || chosen.column->type == "double precision";
        if (!fraction || text.find(" % ") == std::string::npos) return text;
    }
}

std::string QueryParts::where(const std::vector<Member>& members, std::size_t most) {
    std::vector<std::string> conditions;
    const auto count = 1 + random_.below(most);
    for (std::size_t i = 0; i < count; ++i) {
        auto text = condition(members, i == 0 && random_.chance(0.35));
        if (!text.empty() && std::find(conditions.begin(), conditions.end(), text) == conditions.end())
            conditions.push_back(std::move(text));
    }
    return conditions.empty() ? "" : " where " + base::join(conditions, " and ");
}

std::string QueryParts::aggregates(const std::vector<Member>& members) {
    std::string text = "count(*)";
    const auto summed = to_sum(members);
    if (summed.member != nullptr && random_.chance(0.7))
        text += fmt::format(", {}({})", random_.one_of(std::vector<std::string>{"sum", "avg", "max", "min"}),
                            summed.text());
    const auto counted = place(members, any_column);
    if (random_.chance(0.12) && has_kind(*counted.column)) text += fmt::format(", count(distinct {})", counted.text());
    return text;
}

}  // namespace pganalytics::corpus
