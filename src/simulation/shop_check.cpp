#include "simulation/shop_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.hpp"
#include "catalog/catalog.hpp"
#include "simulation/shop_names.hpp"
#include "simulation/shop_values.hpp"
#include "simulation/shop_workload.hpp"
#include "sql/edit.hpp"

namespace pganalytics::simulation {

namespace {

struct TableFacts {
    std::vector<std::string> columns;  ///< that a B-tree can hold
    std::vector<std::string> indexes;  ///< definitions of those that exist
};

base::Result<TableFacts> read_table(postgres::Connection& connection, const std::string& table) {
    TableFacts facts;
    PGANALYTICS_ASSIGN(
        const auto columns,
        connection.query("select attname from pg_attribute where attrelid = to_regclass($1) and attnum > 0 "
                         "and not attisdropped and atttypid not in ('json'::regtype, 'xml'::regtype) "
                         "order by attnum",
                         {catalog::quote_identifier(table)}));
    for (std::size_t i = 0; i < columns.size(); ++i) facts.columns.push_back(columns.text(i, 0));
    PGANALYTICS_ASSIGN(
        const auto indexes,
        connection.query("select pg_get_indexdef(indexrelid) from pg_index join pg_class c on c.oid = indexrelid "
                         "join pg_am on pg_am.oid = c.relam "
                         "where indrelid = to_regclass($1) and indisvalid and amname = 'btree'",
                         {catalog::quote_identifier(table)}));
    for (std::size_t i = 0; i < indexes.size(); ++i) facts.indexes.push_back(indexes.text(i, 0));
    return facts;
}

/// The tables of the shop that the text names.
base::Result<std::vector<std::string>> tables_of(const ShopTruth& truth, const std::string& text) {
    PGANALYTICS_ASSIGN(const auto tokens, sql::scan(text));
    std::vector<std::string> tables;
    for (const auto& table : truth.tables) {
        const auto named = [&](const sql::Token& token) { return token.text == table.name; };
        if (std::any_of(tokens.begin(), tokens.end(), named)) tables.push_back(table.name);
    }
    return tables;
}

/// The text with each $n replaced by a value that the traffic would send.
base::Result<std::string> with_literals(const std::string& text, const std::vector<std::string>& values) {
    PGANALYTICS_ASSIGN(const auto tokens, sql::scan(text));
    std::string literal;
    std::size_t at = 0;
    for (const auto& token : tokens) {
        if (token.text.size() < 2 || token.text.front() != '$') continue;
        const auto number = base::parse_integer(token.text.substr(1));
        if (!number || *number < 1 || static_cast<std::size_t>(*number) > values.size()) continue;
        literal += text.substr(at, token.begin - at);
        literal += catalog::quote_literal(values[static_cast<std::size_t>(*number) - 1]);
        at = token.end;
    }
    return literal + text.substr(at);
}

/// The statement as it is and, where it has parameters, with literals.
base::Result<std::vector<std::string>> texts_of(const ShopTruth& truth, const ShopStatement& statement) {
    PGANALYTICS_ASSIGN(const auto names, ShopNames::make(truth.seed, truth.scale));
    PGANALYTICS_ASSIGN(const auto plans, shop_workload(names));
    const auto plan = std::find_if(plans.begin(), plans.end(), [&](const auto& p) { return p.name == statement.name; });
    std::vector<std::string> texts{statement.text};
    if (plan == plans.end()) return texts;
    ShopValues values(names, 1);
    PGANALYTICS_ASSIGN(auto parameters, values.make_all(plan->parameters));
    if (!plan->follows.empty()) parameters.emplace_back("1");
    for (int i = 0; plan->list && i < plan->list->shortest; ++i) {
        PGANALYTICS_ASSIGN(auto element, values.make(plan->list->element, {}));
        parameters.push_back(std::move(element));
    }
    PGANALYTICS_ASSIGN(auto literal, with_literals(statement.text, parameters));
    if (literal != statement.text) texts.push_back(std::move(literal));
    return texts;
}

base::Result<double> cost_of(plan::Planner& planner, const std::string& text, const std::vector<std::string>& indexes) {
    plan::WhatIf what_if;
    what_if.hypothetical_indexes = indexes;
    PGANALYTICS_ASSIGN(const auto planned, planner.plan(text, what_if));
    return planned.plan.total_cost().value;
}

std::vector<std::vector<std::string>> key_lists(const std::vector<std::string>& columns) {
    std::vector<std::vector<std::string>> lists;
    for (const auto& first : columns) {
        lists.push_back({first});
        for (const auto& second : columns) {
            if (second != first) lists.push_back({first, second});
        }
    }
    return lists;
}

std::string create_index(const std::string& table, const std::vector<std::string>& keys) {
    std::vector<std::string> quoted;
    for (const auto& key : keys) quoted.push_back(catalog::quote_identifier(key));
    return fmt::format("create index on {} ({})", catalog::quote_identifier(table), base::join(quoted, ", "));
}

}  // namespace

base::Result<std::vector<Alternative>> try_every_index(postgres::Connection& connection, plan::Planner& planner,
                                                       const ShopTruth& truth, const ShopStatement& statement,
                                                       const CheckOptions& options) {
    PGANALYTICS_ASSIGN(const auto tables, tables_of(truth, statement.text));
    PGANALYTICS_ASSIGN(const auto texts, texts_of(truth, statement));
    std::map<std::string, TableFacts> facts;
    std::vector<std::string> twins;
    for (const auto& table : tables) {
        PGANALYTICS_ASSIGN(facts[table], read_table(connection, table));
        twins.insert(twins.end(), facts[table].indexes.begin(), facts[table].indexes.end());
    }

    std::map<std::pair<std::string, std::vector<std::string>>, Alternative> found;
    for (const auto& text : texts) {
        PGANALYTICS_ASSIGN(const auto as_it_is, cost_of(planner, text, {}));
        PGANALYTICS_ASSIGN(const auto with_twins, cost_of(planner, text, twins));
        const double before = std::min(as_it_is, with_twins);
        for (const auto& [table, known] : facts) {
            for (const auto& keys : key_lists(known.columns)) {
                auto indexes = twins;
                indexes.push_back(create_index(table, keys));
                PGANALYTICS_ASSIGN(const auto after, cost_of(planner, text, indexes));
                if (before - after < options.least_difference || before - after < options.least_gain * before) continue;
                const Alternative alternative{statement.query_hashes.front(), table, keys, before, after};
                auto& best = found.try_emplace({table, keys}, alternative).first->second;
                if (after / before < best.cost_after / best.cost_before) best = alternative;
            }
        }
    }
    std::vector<Alternative> alternatives;
    for (const auto& [key, alternative] : found) alternatives.push_back(alternative);
    std::stable_sort(alternatives.begin(), alternatives.end(), [](const auto& a, const auto& b) {
        return a.cost_after / a.cost_before < b.cost_after / b.cost_before;
    });
    return alternatives;
}

base::Status establish_alternatives(postgres::Connection& connection, plan::Planner& planner, ShopTruth& truth,
                                    const CheckOptions& options) {
    PGANALYTICS_RETURN_IF_ERROR(planner.can_hypothesize());
    std::vector<Alternative> all;
    for (const auto& statement : truth.statements) {
        PGANALYTICS_ASSIGN(const auto alternatives, try_every_index(connection, planner, truth, statement, options));
        all.insert(all.end(), alternatives.begin(), alternatives.end());
    }
    truth.alternatives = std::move(all);
    truth.alternatives_established = true;
    return {};
}

}  // namespace pganalytics::simulation
