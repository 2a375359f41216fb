#include "workflow/observation.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>

#include "store/load_history.hpp"
#include "store/training_history.hpp"

namespace pganalytics::workflow {

namespace {

using namespace std::chrono_literals;

constexpr auto memory = std::chrono::days(7);
constexpr auto lately = std::chrono::days(1);
constexpr auto activity_span = 1h;
/// An hour watched for less than this share is no hour: its calls would look like few.
constexpr double least_watched = 0.5;
constexpr double bytes_a_megabyte = 1024.0 * 1024.0;

struct HourSum {
    base::Timestamp begins;
    double calls = 0, rows = 0, blocks_hit = 0, blocks_read = 0, temp_blocks = 0;
};

struct SettingValue {
    base::Timestamp from;
    double bytes = 0;
};

}  // namespace

struct Observations::Data {
    std::unordered_map<base::QueryHash, std::vector<HourSum>> hours;  ///< of statements, oldest first
    std::vector<base::Timestamp> watched;                             ///< hours, oldest first
    std::vector<store::ActivityMean> activity;
    std::optional<double> first_work_mem;  ///< before any change that is known
    std::vector<SettingValue> work_mem;    ///< oldest first
    catalog::Database catalog;
    std::unordered_map<std::string, const catalog::Relation*> by_name;  ///< found without a schema

    void add_hours(const std::vector<store::StatementRow>& rows) {
        for (const auto& row : rows) {
            auto& own = hours[row.query_hash];
            const auto hour = std::chrono::floor<std::chrono::hours>(row.begins);
            if (own.empty() || own.back().begins != hour) own.push_back({.begins = hour});
            own.back().calls += row.calls;
            own.back().rows += row.rows;
            own.back().blocks_hit += row.blocks_hit;
            own.back().blocks_read += row.blocks_read;
            own.back().temp_blocks += row.temp_blocks;
        }
    }

    void add_watched(const std::vector<store::ObservedSpan>& spans) {
        std::map<base::Timestamp, base::Seconds> seconds;
        for (const auto& span : spans) {
            for (auto hour = std::chrono::floor<std::chrono::hours>(span.begins); hour < span.ends; hour += 1h) {
                const base::Timestamp from = hour;
                seconds[hour] += std::min<base::Timestamp>(span.ends, from + 1h) - std::max(span.begins, from);
            }
        }
        for (const auto& [hour, length] : seconds) {
            if (length >= least_watched * base::Seconds(1h)) watched.push_back(hour);
        }
    }

    void add_catalog(catalog::Database database) {
        catalog = std::move(database);
        for (const auto& relation : catalog.relations) {
            by_name[relation.name] = catalog.find_relation("", relation.name);
        }
    }

    void add_work_mem(const std::vector<store::SettingChange>& changes) {
        const auto bytes = [](const std::string& value) -> std::optional<double> {
            const auto parsed = base::parse_memory(value);
            return parsed ? std::optional(static_cast<double>(parsed->value)) : std::nullopt;
        };
        for (const auto& change : changes) {
            if (change.name != "work_mem") continue;
            if (work_mem.empty() && change.old_value) first_work_mem = bytes(*change.old_value);
            if (const auto value = bytes(change.new_value)) work_mem.push_back({change.changed_at, *value});
        }
        std::stable_sort(work_mem.begin(), work_mem.end(),
                         [](const auto& a, const auto& b) { return a.from < b.from; });
        if (!work_mem.empty() || first_work_mem) return;
        if (const auto now = catalog.memory_setting("work_mem")) first_work_mem = static_cast<double>(now->value);
    }

    [[nodiscard]] std::optional<double> work_mem_at(base::Timestamp at) const {
        std::optional<double> value = first_work_mem;
        for (const auto& change : work_mem) {
            if (change.from <= at) value = change.bytes;
        }
        return value;
    }

    [[nodiscard]] const catalog::Relation* relation_of(const plan::Node& node) const {
        if (!node.schema.empty()) return catalog.find_relation(node.schema, node.relation);
        const auto found = by_name.find(node.relation);
        return found == by_name.end() ? nullptr : found->second;
    }

    void observe_tables(const plan::Plan& plan, prediction::Observation& into) const {
        std::set<const catalog::Relation*> relations;
        plan::for_each_node(plan.root, [&](const plan::Node& node, int) {
            if (node.relation.empty()) return;
            if (const auto* relation = relation_of(node)) relations.insert(relation);
        });
        if (relations.empty()) return;
        double megabytes = 0, indexes = 0, rows = 0;
        bool rows_known = false;
        for (const auto* relation : relations) {
            megabytes += static_cast<double>(relation->size.value) / bytes_a_megabyte;
            indexes += static_cast<double>(relation->indexes.size());
            if (relation->rows < 0) continue;
            rows += relation->rows;
            rows_known = true;
        }
        into.mean_table_size_mb = megabytes / static_cast<double>(relations.size());
        into.index_count = indexes;
        if (rows_known) into.table_row_count = rows;
    }

    void observe_activity(base::Timestamp ends, prediction::Observation& into) const {
        const auto before = [](const store::ActivityMean& mean, base::Timestamp at) { return mean.begins < at; };
        double active = 0, samples = 0, memory_sum = 0, memory_samples = 0;
        auto mean = std::lower_bound(activity.begin(), activity.end(), ends - activity_span, before);
        for (; mean != activity.end() && mean->begins < ends; ++mean) {
            active += mean->active;
            ++samples;
            if (!mean->available_memory_percent) continue;
            memory_sum += *mean->available_memory_percent;
            ++memory_samples;
        }
        if (samples > 0) into.concurrent_queries_avg = active / samples;
        if (memory_samples > 0) into.available_memory_pct = memory_sum / memory_samples;
    }

    void observe_calls(base::QueryHash statement, base::Timestamp begins, prediction::Observation& into) const {
        const auto known = hours.find(statement);
        if (known == hours.end()) return;
        // The hour under way is not over: what is known of it depends on when one asks.
        const auto to = std::chrono::floor<std::chrono::hours>(begins);
        const auto before = [](const HourSum& hour, base::Timestamp at) { return hour.begins < at; };
        const auto first = std::lower_bound(known->second.begin(), known->second.end(), to - memory, before);
        const auto last = std::lower_bound(first, known->second.end(), to, before);
        if (first == last) return;
        double calls = 0, squares = 0, most = 0;
        for (auto hour = first; hour != last; ++hour) {
            calls += hour->calls;
            squares += hour->calls * hour->calls;
            most = std::max(most, hour->calls);
        }
        const auto watched_from = std::lower_bound(watched.begin(), watched.end(), to - memory);
        const auto watched_to = std::lower_bound(watched_from, watched.end(), to);
        const double count =
            std::max(static_cast<double>(last - first), static_cast<double>(watched_to - watched_from));
        into.query_calls_per_hour = calls / count;
        into.peak_hour_calls = most;
        if (count > 1) into.std_dev_calls = std::sqrt(std::max(0.0, squares / count - std::pow(calls / count, 2)));
        observe_latest(first, last, into);
    }

    /// Of the last day that ends with its last hour.
    static void observe_latest(std::vector<HourSum>::const_iterator first, std::vector<HourSum>::const_iterator last,
                               prediction::Observation& into) {
        HourSum sum;
        const auto from = std::prev(last)->begins + 1h - lately;
        for (auto hour = last; hour != first && std::prev(hour)->begins >= from; --hour) {
            const HourSum& each = *std::prev(hour);
            sum.calls += each.calls;
            sum.rows += each.rows;
            sum.blocks_hit += each.blocks_hit;
            sum.blocks_read += each.blocks_read;
            sum.temp_blocks += each.temp_blocks;
        }
        if (sum.calls <= 0) return;
        into.rows_per_call = sum.rows / sum.calls;
        into.temp_blocks_per_call = sum.temp_blocks / sum.calls;
        const double blocks = sum.blocks_hit + sum.blocks_read;
        if (blocks > 0) into.cache_hit_ratio = sum.blocks_hit / blocks;
    }
};

base::Result<Observations> Observations::read(store::Repository& repository, base::TargetId target,
                                              const std::string& database_name, const store::Window& moments) {
    const store::Window window{std::chrono::floor<std::chrono::hours>(moments.from) - memory,
                               moments.to + std::chrono::microseconds(1)};
    auto data = std::make_shared<Data>();
    store::TrainingHistory training(repository);
    store::History history(repository);
    PGANALYTICS_ASSIGN(const auto rows, training.rows(target, database_name, window, store::Grain::hours));
    data->add_hours(rows);
    PGANALYTICS_ASSIGN(const auto spans, store::LoadHistory(repository).observed_spans(target, window));
    data->add_watched(spans);
    PGANALYTICS_ASSIGN(data->activity,
                       training.activity(target, database_name, {moments.from - activity_span, window.to}));
    auto catalog = history.latest_catalog(target, database_name);
    if (catalog) {
        data->add_catalog(std::move(*catalog));
    } else if (catalog.error().code != base::ErrorCode::not_found) {
        return std::move(catalog).error();
    }
    PGANALYTICS_ASSIGN(const auto changes, history.setting_changes(target, window));
    data->add_work_mem(changes);
    return Observations(std::move(data));
}

prediction::Observation Observations::of(std::optional<base::QueryHash> statement, const plan::Plan& plan,
                                         base::Timestamp begins, base::Timestamp ends,
                                         std::optional<base::Bytes> work_mem) const {
    prediction::Observation observation;
    data_->observe_tables(plan, observation);
    data_->observe_activity(ends, observation);
    if (statement) data_->observe_calls(*statement, begins, observation);
    observation.work_mem_bytes =
        work_mem ? std::optional(static_cast<double>(work_mem->value)) : data_->work_mem_at(begins);
    return observation;
}

}  // namespace pganalytics::workflow
