#include "workflow/load_series.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

namespace pganalytics::workflow {

namespace {

constexpr base::Seconds hour{3600};
constexpr base::Seconds minute{60};
/// Of the time watched: above it a statement runs all the time, and has no start to find.
constexpr double idle_below = 0.5;

std::chrono::microseconds microseconds(double milliseconds) {
    return std::chrono::microseconds{static_cast<std::int64_t>(milliseconds * 1000)};
}

struct Amounts {
    std::vector<patterns::Amount> calls;
    std::vector<patterns::Amount> time_ms;

    void add(const store::LoadRow& row) {
        base::Timestamp begins = row.active_from;
        const base::Timestamp ends = std::max(row.active_to, begins + std::chrono::milliseconds{1});
        if (row.calls > 0) begins = std::min(begins, ends - microseconds(row.time_ms / row.calls));
        calls.push_back({begins, ends, row.calls});
        time_ms.push_back({begins, ends, row.time_ms});
    }
};

using AmountsByQuery = std::map<base::QueryHash, Amounts>;

AmountsByQuery by_query(std::span<const store::LoadRow> rows) {
    AmountsByQuery result;
    for (const store::LoadRow& row : rows) result[row.query_hash].add(row);
    return result;
}

double total_ms(const Amounts& amounts) {
    double sum = 0;
    for (const auto& amount : amounts.time_ms) sum += amount.value;
    return sum;
}

}  // namespace

std::vector<base::QueryHash> mostly_idle(std::span<const store::LoadRow> by_hour,
                                         std::span<const store::ObservedSpan> watched, std::size_t most) {
    double watched_s = 0;
    for (const auto& span : watched) watched_s += base::Seconds(span.ends - span.begins).count();
    struct Use {
        double active_s = 0;
        double time_ms = 0;
    };
    std::map<base::QueryHash, Use> uses;
    for (const store::LoadRow& row : by_hour) {
        Use& use = uses[row.query_hash];
        use.active_s += base::Seconds(row.active_to - row.active_from).count();
        use.time_ms += row.time_ms;
    }
    std::vector<std::pair<double, base::QueryHash>> idle;
    for (const auto& [query, use] : uses) {
        if (use.active_s < idle_below * watched_s) idle.emplace_back(use.time_ms, query);
    }
    std::sort(idle.begin(), idle.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    if (idle.size() > most) idle.resize(most);
    std::vector<base::QueryHash> queries;
    for (const auto& [time_ms, query] : idle) queries.push_back(query);
    return queries;
}

patterns::DatabaseHistory database_history(std::string database_name, patterns::TimeZone zone,
                                           const store::Window& window, std::span<const store::LoadRow> by_hour,
                                           std::span<const store::LoadRow> fine,
                                           std::span<const store::ObservedSpan> watched) {
    std::vector<patterns::Watch> watches;
    for (const auto& span : watched) watches.push_back({span.begins, span.ends});
    const auto lay = [&](const std::vector<patterns::Amount>& amounts, base::Seconds step) {
        return patterns::bucket_amounts(amounts, watches, window.from, window.to, {.step = step});
    };
    Amounts all;
    for (const store::LoadRow& row : by_hour) all.add(row);

    patterns::DatabaseHistory history;
    history.database_name = std::move(database_name);
    history.time_zone = std::move(zone);
    history.calls = lay(all.calls, hour);
    history.time_ms = lay(all.time_ms, hour);
    const AmountsByQuery fine_amounts = by_query(fine);
    std::vector<std::pair<double, patterns::QueryHistory>> weighed;
    for (const auto& [query, amounts] : by_query(by_hour)) {
        patterns::QueryHistory own;
        own.query_hash = query;
        own.calls = lay(amounts.calls, hour);
        own.time_ms = lay(amounts.time_ms, hour);
        if (const auto found = fine_amounts.find(query); found != fine_amounts.end()) {
            own.fine_calls = lay(found->second.calls, minute);
            own.fine_time_ms = lay(found->second.time_ms, minute);
        }
        weighed.emplace_back(total_ms(amounts), std::move(own));
    }
    std::stable_sort(weighed.begin(), weighed.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    for (auto& [time_ms, query] : weighed) history.queries.push_back(std::move(query));
    return history;
}

}  // namespace pganalytics::workflow
