#include "corpus/measure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "base/clock.hpp"
#include "base/hash.hpp"
#include "corpus/generated_templates.hpp"

namespace pganalytics::corpus {

namespace {

using nlohmann::json;

const std::vector<int> work_mem_choices{64, 256, 1024, 4096, 16384, 65536};

Settings draw_settings(Random& random) {
    // The server's default is what most statements run under.
    Settings settings;
    settings.work_mem_kb = random.chance(0.3) ? 4096 : random.one_of(work_mem_choices);
    settings.parallel_workers = random.chance(0.1) ? 2 : 0;
    return settings;
}

void find_relations(const json& node, std::set<std::string>& relations) {
    if (const auto name = node.find("Relation Name"); name != node.end()) relations.insert(name->get<std::string>());
    if (const auto children = node.find("Plans"); children != node.end())
        for (const auto& child : *children) find_relations(child, relations);
}

std::string reason_of(const base::Result<json>& plan, const base::Result<double>& milliseconds) {
    if (!plan) return plan.error().message;
    return milliseconds ? "no time was measured" : milliseconds.error().message;
}

}  // namespace

std::string SchemaMeasurement::database(double scale) const {
    return fmt::format("{}_{:.0f}", schema_.name, 1000 * scale);
}

base::Status SchemaMeasurement::measure() {
    const auto begin = std::chrono::steady_clock::now();
    for (const double scale : plan_.scales) {
        PGANALYTICS_RETURN_IF_ERROR(measure_scale(scale));
        const bool first = scale == plan_.scales.front();
        if (first) {
            repeated_ = statements_;
            facts_of_rounds_ = facts_;
        } else {
            PGANALYTICS_RETURN_IF_ERROR(server_.drop_database(database(scale)));
        }
    }
    std::erase_if(repeated_, [](const Statement& each) { return each.dropped || each.of->writes; });
    Random random(plan_.seed, schema_.name + "/repeated");
    random.shuffle(repeated_);
    repeated_.resize(std::min(repeated_.size(), static_cast<std::size_t>(plan_.repeated_statements)));
    counts_.templates = static_cast<long>(templates_.size());
    counts_.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return {};
}

base::Status SchemaMeasurement::measure_scale(double scale) {
    PGANALYTICS_RETURN_IF_ERROR(server_.create_database(database(scale)));
    PGANALYTICS_RETURN_IF_ERROR(server_.use(database(scale)));
    Random random(plan_.seed, fmt::format("{}/data/{}", schema_.name, scale));
    PGANALYTICS_RETURN_IF_ERROR(server_.run(schema_.tables_at(scale), random.share()));
    PGANALYTICS_RETURN_IF_ERROR(server_.settle());
    state_ = {scale, false};
    PGANALYTICS_ASSIGN(const auto data, read_data(server_.connection(), plan_.seed));
    if (templates_.empty()) {
        templates_ = schema_.templates;
        auto generated = generate_templates(schema_, data, plan_.generated_templates, plan_.seed);
        templates_.insert(templates_.end(), generated.begin(), generated.end());
    }
    PGANALYTICS_RETURN_IF_ERROR(make_statements(data));
    PGANALYTICS_RETURN_IF_ERROR(measure_state());
    state_.indexes = true;
    PGANALYTICS_RETURN_IF_ERROR(server_.run(schema_.indexes, 0));
    PGANALYTICS_RETURN_IF_ERROR(server_.settle());
    PGANALYTICS_RETURN_IF_ERROR(make_statements(data));
    return measure_state();
}

/// The same texts without and with indexes; what is under other indexes or at another scale is another statement.
base::Status SchemaMeasurement::make_statements(const Data& data) {
    statements_.clear();
    std::set<std::string> texts;
    for (const auto& of : templates_) {
        for (int draw = 0; draw < plan_.draws; ++draw) {
            Random random(plan_.seed, fmt::format("{}/{}/{}/{}", schema_.name, of.name, state_.scale, draw));
            PGANALYTICS_ASSIGN(auto text, fill(of.text, data, random));
            if (!texts.insert(text).second) continue;
            base::StableHash hash;
            hash.add(fmt::format("{}/{}/{}/", schema_.name, state_.scale, state_.indexes));
            hash.add(text);
            const auto settings = draw_settings(random), other = draw_settings(random);
            statements_.push_back(
                {&of, std::move(text), fmt::format("{:016x}", hash.digest()), settings, other, false});
        }
    }
    Random random(plan_.seed, fmt::format("{}/order/{}/{}", schema_.name, state_.scale, state_.indexes));
    random.shuffle(statements_);
    return {};
}

base::Status SchemaMeasurement::read_table_facts() {
    PGANALYTICS_ASSIGN(const auto rows, server_.connection().query(R"(
        select c.relname, greatest(c.reltuples, 0), pg_table_size(c.oid) / 1048576.0,
               (select count(*) from pg_index i where i.indrelid = c.oid)
        from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r')"));
    facts_.clear();
    for (std::size_t row = 0; row < rows.size(); ++row)
        facts_[rows.text(row, 0)] = {rows.number(row, 1).value_or(0), rows.number(row, 2).value_or(0),
                                     rows.number(row, 3).value_or(0)};
    return {};
}

base::Status SchemaMeasurement::measure_state() {
    PGANALYTICS_RETURN_IF_ERROR(read_table_facts());
    // Cold ones while little is in the caches anyway; one statement of each template.
    std::set<const Template*> measured;
    for (auto& statement : statements_) {
        if (!measured.insert(statement.of).second) continue;
        PGANALYTICS_RETURN_IF_ERROR(measure_one(statement, statement.settings, true, Part::corpus));
    }
    measured.clear();
    for (auto& statement : statements_) {
        PGANALYTICS_RETURN_IF_ERROR(measure_one(statement, statement.settings, false, Part::corpus));
        const bool first = measured.insert(statement.of).second;
        if (first && statement.other_settings.work_mem_kb != statement.settings.work_mem_kb)
            PGANALYTICS_RETURN_IF_ERROR(measure_one(statement, statement.other_settings, false, Part::corpus));
    }
    return {};
}

base::Status SchemaMeasurement::measure_round(int round) {
    const auto begin = std::chrono::steady_clock::now();
    PGANALYTICS_RETURN_IF_ERROR(server_.use(database(plan_.scales.front())));
    state_ = {plan_.scales.front(), true};
    facts_ = facts_of_rounds_;
    Random random(plan_.seed, fmt::format("{}/round/{}", schema_.name, round));
    random.shuffle(repeated_);
    for (auto& statement : repeated_)
        PGANALYTICS_RETURN_IF_ERROR(measure_one(statement, statement.settings, random.chance(0.15), Part::repeated));
    counts_.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return {};
}

base::Status SchemaMeasurement::drop() {
    return server_.drop_database(database(plan_.scales.front()));
}

/// After one run that does not count: one run of what takes long and so varies little; the median of three; or, where a
/// run is near the clock's resolution of a microsecond, the mean of the middle five of eleven.
base::Result<double> SchemaMeasurement::warm_time(const Statement& statement, double& hit_ratio) {
    constexpr double long_ms = 400, short_ms = 0.2;
    PGANALYTICS_ASSIGN(const auto before, server_.execute(statement.text, statement.of->writes, true));
    hit_ratio = before.hit_ratio;
    const std::size_t runs = before.milliseconds > long_ms ? 1 : before.milliseconds > short_ms ? 3 : 11;
    std::vector<double> times;
    while (times.size() < runs) {
        PGANALYTICS_ASSIGN(const auto execution, server_.execute(statement.text, statement.of->writes, false));
        times.push_back(execution.milliseconds);
    }
    std::sort(times.begin(), times.end());
    if (runs <= 3) return times[runs / 2];
    return std::accumulate(times.begin() + 3, times.end() - 3, 0.0) / static_cast<double>(runs - 6);
}

base::Status SchemaMeasurement::measure_one(Statement& statement, const Settings& settings, bool cold, Part part) {
    if (statement.dropped) return {};
    PGANALYTICS_RETURN_IF_ERROR(server_.apply(settings));
    const auto plan = server_.explain(statement.text);
    double hit_ratio = 0;
    base::Result<double> milliseconds = 0.0;
    if (plan && cold) {
        PGANALYTICS_RETURN_IF_ERROR(server_.empty_caches());
        const auto execution = server_.execute(statement.text, statement.of->writes, false);
        milliseconds = execution ? base::Result<double>(execution->milliseconds) : execution.error();
    } else if (plan) {
        milliseconds = warm_time(statement, hit_ratio);
    }
    if (!plan || !milliseconds || *milliseconds <= 0) {
        statement.dropped = true;
        const bool slow = plan && !milliseconds && milliseconds.error().code == base::ErrorCode::too_large;
        ++(slow ? counts_.timed_out : counts_.failed);
        if (!slow) counts_.failures.insert(fmt::format("{}: {}", statement.of->name, reason_of(plan, milliseconds)));
        // A server that is gone must not look like a statement that it refused.
        return server_.connection().healthy() ? base::Status{} : base::Status(milliseconds.error());
    }
    std::set<std::string> relations;
    find_relations(plan->at("Plan"), relations);
    TableFacts sum;
    for (const auto& name : relations) {
        const auto& table = facts_[name];
        sum = {sum.rows + table.rows, sum.megabytes + table.megabytes, sum.indexes + table.indexes};
    }
    const double work_mem_bytes = 1024.0 * settings.work_mem_kb;
    json observation{{"work_mem_bytes", work_mem_bytes}, {"cache_hit_ratio", hit_ratio}};
    if (!relations.empty()) {
        observation["table_row_count"] = sum.rows;
        observation["mean_table_size_mb"] = sum.megabytes / static_cast<double>(relations.size());
        observation["index_count"] = sum.indexes;
    }
    const json line{{"id", statement.id},
                    {"schema", schema_.name},
                    {"template", schema_.name + "/" + statement.of->name},
                    {"group", schema_.name + "/" + statement.of->name},
                    {"statement", statement.id},
                    {"plan", json::array({*plan})},
                    {"runtime_ms", *milliseconds},
                    {"cache", cold ? "cold" : "warm"},
                    {"work_mem_bytes", work_mem_bytes},
                    {"workers", settings.parallel_workers},
                    {"indexes", state_.indexes},
                    {"scale", state_.scale},
                    {"at", base::to_rfc3339(base::SystemClock().now())},
                    {"observation", std::move(observation)}};
    write_(part, line.dump());
    ++(part == Part::corpus ? counts_.pairs : counts_.repeated);
    return {};
}

}  // namespace pganalytics::corpus
