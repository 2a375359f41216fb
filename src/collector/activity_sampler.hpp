#pragma once
// pg_stat_activity at one moment: who runs, who waits for a lock, per database, and which statements wait (query_id,
// 14). One round trip. Our own backends are left out. Values only; a Connection is used by one thread.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "postgres/connection.hpp"

namespace pganalytics::collector {

struct DatabaseActivity {
    base::Oid database{};
    std::string database_name;
    int total = 0;   ///< client backends
    int active = 0;  ///< running a statement
    int idle_in_transaction = 0;
    int waiting_for_lock = 0;
    std::optional<double> longest_transaction_seconds;
    std::vector<std::pair<base::QueryId, int>> running;     ///< statements seen running, with backends; empty on 13
    std::vector<std::pair<base::QueryId, int>> lock_waits;  ///< of those, waiting for a lock
};

/// A statement as it was sent, with its literals.
struct SeenExample {
    base::Oid database{};
    base::QueryId query_id{};
    std::string text;
};

struct ActivityReading {
    base::Timestamp at;             ///< server's clock
    base::Timestamp configured_at;  ///< pg_conf_load_time(): settings may have changed since
    std::vector<DatabaseActivity> databases;
    /// Texts with literals and without parameters, whole (not cut by track_activity_query_size), since 14; a few at a
    /// time.
    std::vector<SeenExample> examples;
    int hidden = 0;  ///< backends whose state the role may not see
};

[[nodiscard]] base::Result<ActivityReading> sample_activity(postgres::Connection& connection);

}  // namespace pganalytics::collector
