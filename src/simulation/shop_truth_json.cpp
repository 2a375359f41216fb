// The truth file: JSON with every hash also as text, because numbers above 2^53 lose digits elsewhere.

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "simulation/shop_truth.hpp"

namespace pganalytics::simulation {

using nlohmann::json;

namespace {

json hashes_to_json(const std::vector<base::QueryHash>& hashes) {
    auto list = json::array();
    for (const auto hash : hashes) list.push_back(std::to_string(base::to_integer(hash)));
    return list;
}

base::QueryHash hash_from_json(const json& value) {
    if (value.is_number_integer()) return base::QueryHash{value.get<std::int64_t>()};
    return base::QueryHash{std::stoll(value.get<std::string>())};
}

std::vector<base::QueryHash> hashes_from_json(const json& list) {
    std::vector<base::QueryHash> hashes;
    for (const auto& value : list) hashes.push_back(hash_from_json(value));
    return hashes;
}

json to_json(const Remedy& remedy) {
    return {{"kind", to_string(remedy.kind)},
            {"table", remedy.table},
            {"method", remedy.method},
            {"keys", remedy.keys},
            {"included", remedy.included},
            {"predicate", remedy.predicate},
            {"index", remedy.index},
            {"rules", remedy.rules},
            {"more_columns", remedy.more_columns},
            {"statement", remedy.statement}};
}

Remedy remedy_from_json(const json& item) {
    Remedy remedy;
    const auto kind = item.at("kind").get<std::string>();
    bool known = false;
    for (const auto candidate : {RemedyKind::create_index, RemedyKind::drop_index, RemedyKind::create_statistics,
                                 RemedyKind::rewrite, RemedyKind::parameter, RemedyKind::pattern}) {
        if (to_string(candidate) != kind) continue;
        remedy.kind = candidate;
        known = true;
    }
    if (!known) throw std::invalid_argument("unknown kind of remedy: " + kind);
    item.at("table").get_to(remedy.table);
    item.at("method").get_to(remedy.method);
    item.at("keys").get_to(remedy.keys);
    item.at("included").get_to(remedy.included);
    item.at("predicate").get_to(remedy.predicate);
    item.at("index").get_to(remedy.index);
    item.at("rules").get_to(remedy.rules);
    item.at("more_columns").get_to(remedy.more_columns);
    remedy.statement = item.value("statement", "");
    return remedy;
}

json to_json(const Fault& fault) {
    auto remedies = json::array();
    for (const auto& remedy : fault.remedies) remedies.push_back(to_json(remedy));
    return {{"id", fault.id},
            {"kind", fault.kind},
            {"why", fault.why},
            {"tables", fault.tables},
            {"columns", fault.columns},
            {"queries", fault.queries},
            {"query_hashes", hashes_to_json(fault.query_hashes)},
            {"remedies", remedies}};
}

Fault fault_from_json(const json& item) {
    Fault fault;
    item.at("id").get_to(fault.id);
    item.at("kind").get_to(fault.kind);
    fault.why = item.value("why", "");
    item.at("tables").get_to(fault.tables);
    item.at("columns").get_to(fault.columns);
    item.at("queries").get_to(fault.queries);
    fault.query_hashes = hashes_from_json(item.at("query_hashes"));
    for (const auto& remedy : item.at("remedies")) fault.remedies.push_back(remedy_from_json(remedy));
    return fault;
}

json to_json(const ShopStatement& statement) {
    return {{"name", statement.name},
            {"text", statement.text},
            {"query_hashes", hashes_to_json(statement.query_hashes)},
            {"healthy", statement.healthy},
            {"rate_per_second", statement.rate_per_second}};
}

ShopStatement statement_from_json(const json& item) {
    return {item.at("name").get<std::string>(), item.at("text").get<std::string>(),
            hashes_from_json(item.at("query_hashes")), item.at("healthy").get<bool>(),
            item.value("rate_per_second", 0.0)};
}

json to_json(const Alternative& alternative) {
    return {{"query_hash", std::to_string(base::to_integer(alternative.query_hash))},
            {"table", alternative.table},
            {"keys", alternative.keys},
            {"cost_before", alternative.cost_before},
            {"cost_after", alternative.cost_after}};
}

Alternative alternative_from_json(const json& item) {
    return {hash_from_json(item.at("query_hash")), item.at("table").get<std::string>(),
            item.at("keys").get<std::vector<std::string>>(), item.at("cost_before").get<double>(),
            item.at("cost_after").get<double>()};
}

json to_json(const ScheduleTruth& schedule) {
    return {{"pattern_type", schedule.pattern_type},
            {"hour", schedule.hour},
            {"minute", schedule.minute},
            {"duration_minutes", schedule.duration_minutes},
            {"query_hashes", hashes_to_json(schedule.query_hashes)}};
}

ScheduleTruth schedule_from_json(const json& item) {
    return {item.at("pattern_type").get<std::string>(), item.at("hour").get<int>(), item.at("minute").get<int>(),
            item.at("duration_minutes").get<double>(), hashes_from_json(item.at("query_hashes"))};
}

}  // namespace

json ShopTruth::to_json() const {
    json document{{"version", version},
                  {"seed", std::to_string(seed)},
                  {"scale", scale},
                  {"tables", json::array()},
                  {"statements", json::array()},
                  {"faults", json::array()},
                  {"schedules", json::array()},
                  {"alternatives", json::array()},
                  {"alternatives_established", alternatives_established}};
    for (const auto& table : tables) {
        document["tables"].push_back({{"key", table.key}, {"name", table.name}, {"rows", table.rows}});
    }
    for (const auto& statement : statements) document["statements"].push_back(simulation::to_json(statement));
    for (const auto& fault : faults) document["faults"].push_back(simulation::to_json(fault));
    for (const auto& schedule : schedules) document["schedules"].push_back(simulation::to_json(schedule));
    for (const auto& alternative : alternatives) document["alternatives"].push_back(simulation::to_json(alternative));
    return document;
}

base::Result<ShopTruth> ShopTruth::from_json(const json& document) {
    try {
        ShopTruth truth;
        document.at("version").get_to(truth.version);
        truth.seed = std::stoull(document.at("seed").get<std::string>());
        document.at("scale").get_to(truth.scale);
        for (const auto& item : document.at("tables")) {
            truth.tables.push_back({item.at("key").get<std::string>(), item.at("name").get<std::string>(),
                                    item.at("rows").get<std::int64_t>()});
        }
        for (const auto& item : document.at("statements")) truth.statements.push_back(statement_from_json(item));
        for (const auto& item : document.at("faults")) truth.faults.push_back(fault_from_json(item));
        for (const auto& item : document.at("schedules")) truth.schedules.push_back(schedule_from_json(item));
        for (const auto& item : document.at("alternatives")) truth.alternatives.push_back(alternative_from_json(item));
        document.at("alternatives_established").get_to(truth.alternatives_established);
        return truth;
    } catch (const std::exception& failure) {
        return base::Error{base::ErrorCode::fix_input, fmt::format("This is not a truth file: {}", failure.what()),
                           "Write one with `pganalytics sample --truth FILE`.", "truth"};
    }
}

std::string ShopTruth::to_text() const {
    return to_json().dump(2) + "\n";
}

base::Result<ShopTruth> ShopTruth::from_text(std::string_view text) {
    const auto document = json::parse(text, nullptr, false);
    if (document.is_discarded()) {
        return base::Error{base::ErrorCode::fix_input, "This is not a truth file: it is not JSON",
                           "Write one with `pganalytics sample --truth FILE`.", "truth"};
    }
    return from_json(document);
}

}  // namespace pganalytics::simulation
