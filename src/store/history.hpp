#pragma once
// What the collector wrote, read back: the workload of a window, statements, their history and plans, catalogs,
// settings. A window takes the intervals that begin in [from, to). Each part of it is read from the coarsest roll-up
// that is exact for it. Errors as store/repository.hpp; not_found where the thing named was never seen; conflict where
// a query_hash is ambiguous without target and database (the choices are in the hint); fix_input for a cursor that is
// not ours.

#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"
#include "catalog/catalog.hpp"
#include "store/ingest.hpp"
#include "store/repository.hpp"
#include "workload/statement.hpp"

namespace pganalytics::store {

struct Window {
    base::Timestamp from;
    base::Timestamp to;
};

enum class StatementOrder { total_time, calls, mean_time, rows, blocks_read, temp_blocks, last_seen };
[[nodiscard]] base::Result<StatementOrder> parse_statement_order(std::string_view name);

struct StatementFilter {
    Window window;
    std::optional<base::TargetId> target;
    std::optional<std::string> database_name;
    std::optional<std::string> user_name;
    std::optional<std::string> text_contains;  ///< case-insensitive
    std::optional<double> min_mean_time_ms;
    std::optional<std::int64_t> min_calls;
    StatementOrder order = StatementOrder::total_time;
    bool descending = true;
    std::size_t limit = 50;
    std::optional<std::string> cursor;  ///< pins window and order of the first page
};

struct StatementSummary {
    base::TargetId target_id{};
    workload::ObservedStatement statement;
    double calls_per_minute = 0;
    std::vector<std::string> user_names;
    base::Timestamp first_seen{};
    base::Timestamp last_seen{};
};

/// Where a query_hash was seen.
struct StatementPlace {
    base::TargetId target_id{};
    std::string target_name;
    std::string database_name;
};

/// What a query_hash stands for, wherever it ran.
struct StatementText {
    std::string text;  ///< as first seen
    bool has_literals = false;
    std::optional<base::FingerprintHash> fingerprint_hash;
};

struct HistoryPoint {
    base::Timestamp begins;
    base::Seconds length{0};      ///< 60 s, 10 min, 1 h
    base::Timestamp active_from;  ///< begin of the first and end of the last raw interval in which it ran
    base::Timestamp active_to;
    workload::Counters sum;
};

struct StoredPlan : CapturedPlan {
    base::TargetId target_id{};
    base::Timestamp last_seen_at;
};

struct SettingChange {
    std::string database_name;  ///< "" server-wide
    std::string name;
    std::optional<std::string> old_value;
    std::string new_value;
    std::string unit;
    base::Timestamp changed_at;  ///< when it was first seen
};

class History {
  public:
    explicit History(Repository& repository) : repository_(&repository) {}

    /// Databases of which statements were seen in the window, busiest first.
    [[nodiscard]] base::Result<std::vector<std::string>> databases(base::TargetId target, const Window& window);
    /// Statements of one database aggregated by query_hash, heaviest first, at most `max_statements`.
    [[nodiscard]] base::Result<workload::Workload> workload(base::TargetId target, std::string_view database_name,
                                                            const Window& window, std::size_t max_statements = 5000);
    [[nodiscard]] base::Result<Page<StatementSummary>> statements(const StatementFilter& filter);
    [[nodiscard]] base::Result<std::vector<StatementPlace>> places(base::QueryHash query_hash);
    [[nodiscard]] base::Result<StatementText> text(base::QueryHash query_hash);
    /// The one place that fits; conflict with the choices when more than one does.
    [[nodiscard]] base::Result<StatementPlace> resolve(base::QueryHash query_hash, std::optional<base::TargetId> target,
                                                       std::optional<std::string> database_name);
    [[nodiscard]] base::Result<StatementSummary> statement(const StatementPlace& place, base::QueryHash query_hash,
                                                           const Window& window);
    /// Oldest first; `step` absent: the finest kept.
    [[nodiscard]] base::Result<std::vector<HistoryPoint>> statement_history(const StatementPlace& place,
                                                                            base::QueryHash query_hash,
                                                                            const Window& window,
                                                                            std::optional<base::Seconds> step = {});
    /// All statements of the database together.
    [[nodiscard]] base::Result<std::vector<HistoryPoint>> database_history(base::TargetId target,
                                                                           std::string_view database_name,
                                                                           const Window& window,
                                                                           std::optional<base::Seconds> step = {});
    [[nodiscard]] base::Result<std::vector<StoredPlan>> plans(const StatementPlace& place, base::QueryHash query_hash,
                                                              std::size_t limit = 20);
    [[nodiscard]] base::Result<catalog::Database> latest_catalog(base::TargetId target, std::string_view database_name);
    [[nodiscard]] base::Result<std::vector<SettingChange>> setting_changes(base::TargetId target, const Window& window);
    [[nodiscard]] base::Result<std::vector<ActivitySample>> activity(base::TargetId target,
                                                                     std::string_view database_name,
                                                                     const Window& window);
    /// How long was really observed in the window.
    [[nodiscard]] base::Result<base::Minutes> observed(base::TargetId target, const Window& window);

  private:
    Repository* repository_;
};

}  // namespace pganalytics::store
