// What is planted: samples/shop/faults.json and workload.sql with a seed's names, and the hashes of the statements.

#include "simulation/shop_truth.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "catalog/catalog.hpp"
#include "simulation/shop.hpp"
#include "simulation/shop_files.hpp"
#include "simulation/shop_names.hpp"
#include "simulation/shop_workload.hpp"
#include "sql/identity.hpp"

namespace pganalytics::simulation {

using nlohmann::json;

namespace {

base::Error malformed(std::string_view what) {
    return {base::ErrorCode::internal, fmt::format("The sample's faults are not well-formed: {}", what), "", ""};
}

ShopStatement describe(const StatementPlan& plan) {
    ShopStatement statement;
    statement.name = plan.name;
    statement.healthy = plan.healthy;
    statement.rate_per_second = plan.rate;
    const int shortest = plan.list ? plan.list->shortest : 1;
    const int longest = plan.list ? plan.list->longest : 1;
    statement.text = plan.text_of_length(shortest);
    for (int length = shortest; length <= longest; ++length) {
        statement.query_hashes.push_back(sql::query_hash(plan.text_of_length(length)));
    }
    return statement;
}

base::Result<RemedyKind> parse_remedy_kind(std::string_view name) {
    for (const auto kind : {RemedyKind::create_index, RemedyKind::drop_index, RemedyKind::create_statistics,
                            RemedyKind::rewrite, RemedyKind::parameter, RemedyKind::pattern}) {
        if (to_string(kind) == name) return kind;
    }
    return malformed(name);
}

std::string list_of(const std::vector<std::string>& names) {
    return base::join(names, ", ");
}

/// The remedy as a statement that runs, for those that are one whatever the statement's text.
std::string example_of(const Remedy& remedy) {
    const auto table = catalog::quote_identifier(remedy.table);
    switch (remedy.kind) {
        case RemedyKind::create_index: {
            auto text = fmt::format("create index on {} using {} ({})", table, remedy.method, list_of(remedy.keys));
            if (!remedy.included.empty()) text += fmt::format(" include ({})", list_of(remedy.included));
            if (!remedy.predicate.empty()) text += " where " + remedy.predicate;
            return text;
        }
        case RemedyKind::drop_index:
            return "drop index " + catalog::quote_identifier(remedy.index);
        case RemedyKind::create_statistics:
            return fmt::format("create statistics {}_together on {} from {}", remedy.table, list_of(remedy.keys),
                               table);
        case RemedyKind::rewrite:
        case RemedyKind::parameter:
        case RemedyKind::pattern:
            break;
    }
    return "";
}

base::Result<Remedy> read_remedy(const json& item) {
    Remedy remedy;
    PGANALYTICS_ASSIGN(remedy.kind, parse_remedy_kind(item.at("kind").get<std::string>()));
    remedy.table = item.value("table", "");
    remedy.method = item.value("method", "btree");
    remedy.keys = item.value("keys", std::vector<std::string>{});
    remedy.included = item.value("included", std::vector<std::string>{});
    remedy.predicate = item.value("predicate", "");
    remedy.index = item.value("index", "");
    remedy.rules = item.value("rules", std::vector<std::string>{});
    remedy.more_columns = item.value("more_columns", false);
    remedy.statement = example_of(remedy);
    return remedy;
}

base::Result<Fault> read_fault(const json& item, const std::vector<ShopStatement>& statements) {
    Fault fault;
    fault.id = item.at("id").get<std::string>();
    fault.kind = item.at("kind").get<std::string>();
    fault.why = item.at("why").get<std::string>();
    fault.columns = item.at("columns").get<std::vector<std::string>>();
    fault.queries = item.at("statements").get<std::vector<std::string>>();
    for (const auto& name : fault.queries) {
        const auto found =
            std::find_if(statements.begin(), statements.end(), [&](const auto& s) { return s.name == name; });
        if (found == statements.end()) return malformed(name);
        if (found->healthy) return malformed(name + " cannot be both healthy and at fault");
        fault.query_hashes.insert(fault.query_hashes.end(), found->query_hashes.begin(), found->query_hashes.end());
    }
    for (const auto& remedy : item.at("remedies")) {
        PGANALYTICS_ASSIGN(auto read, read_remedy(remedy));
        fault.remedies.push_back(std::move(read));
    }
    for (const auto& column : fault.columns) {
        const auto table = column.substr(0, column.find('.'));
        if (std::find(fault.tables.begin(), fault.tables.end(), table) == fault.tables.end())
            fault.tables.push_back(table);
    }
    return fault;
}

base::Result<std::vector<Fault>> read_faults(const ShopNames& names, const std::vector<ShopStatement>& statements) {
    PGANALYTICS_ASSIGN(const auto rendered, names.render(shop_files::faults()));
    try {
        std::vector<Fault> faults;
        for (const auto& item : json::parse(rendered)) {
            PGANALYTICS_ASSIGN(auto fault, read_fault(item, statements));
            faults.push_back(std::move(fault));
        }
        return faults;
    } catch (const json::exception& failure) {
        return malformed(failure.what());
    }
}

}  // namespace

base::Result<ShopTruth> shop_truth(std::uint64_t seed, double scale) {
    PGANALYTICS_ASSIGN(const auto names, ShopNames::make(seed, scale));
    PGANALYTICS_ASSIGN(const auto plans, shop_workload(names));
    ShopTruth truth;
    truth.version = shop_files::version();
    truth.seed = seed;
    truth.scale = scale;
    for (const auto& table : names.tables()) truth.tables.push_back({table.key, table.name, table.rows});
    for (const auto& plan : plans) {
        truth.statements.push_back(describe(plan));
        if (!plan.when) continue;
        truth.schedules.push_back(
            {"batch_job", plan.when->hour, plan.when->minute, 1, truth.statements.back().query_hashes});
    }
    truth.schedules.push_back({"daily_cycle", 13, 0, 600, {}});
    PGANALYTICS_ASSIGN(truth.faults, read_faults(names, truth.statements));
    return truth;
}

std::string_view to_string(RemedyKind kind) {
    switch (kind) {
        case RemedyKind::create_index:
            return "create_index";
        case RemedyKind::drop_index:
            return "drop_index";
        case RemedyKind::create_statistics:
            return "create_statistics";
        case RemedyKind::rewrite:
            return "rewrite";
        case RemedyKind::parameter:
            return "parameter";
        case RemedyKind::pattern:
            return "pattern";
    }
    return "";
}

const ShopStatement* ShopTruth::find(base::QueryHash hash) const {
    for (const auto& statement : statements) {
        const auto& hashes = statement.query_hashes;
        if (std::find(hashes.begin(), hashes.end(), hash) != hashes.end()) return &statement;
    }
    return nullptr;
}

}  // namespace pganalytics::simulation
