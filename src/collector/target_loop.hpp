#pragma once
// One target, one thread: connect, sample counters every interval, activity more often, the catalog rarely, plans
// within their budget, and deliver. Fails soft: a lost connection, a missing extension or privilege becomes the
// target's state and a later try, never the end of the loop.
//
// Connections: one for the server as a whole, kept; one at a time for a database (catalog, plans, SQL_ASCII texts),
// closed after use. So at most 2 are open, whatever the number of databases.

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <stop_token>
#include <string>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/secret.hpp"
#include "base/units.hpp"
#include "collector/catalog_reader.hpp"
#include "collector/delivery_queue.hpp"
#include "collector/plan_capture.hpp"
#include "collector/server_facts.hpp"
#include "collector/statement_sampler.hpp"
#include "postgres/connection.hpp"

namespace pganalytics::collector {

struct CollectorOptions {
    std::chrono::milliseconds interval{std::chrono::seconds(60)};
    std::chrono::milliseconds activity_interval{std::chrono::seconds(10)};
    std::chrono::milliseconds catalog_interval{std::chrono::hours(1)};
    std::chrono::milliseconds retry_first{1000};
    std::chrono::milliseconds retry_longest{60000};
    bool spread =
        true;  ///< start each target at its own phase of the interval, its databases over the catalog interval
    bool capture_plans = true;
    bool read_catalogs = true;
    /// Keep a few texts with their literals a statement (pg_stat_activity), and plan with them too: a generic plan
    /// hides skew. They may hold personal data.
    bool keep_examples = true;
    SamplerOptions sampler;
    CatalogOptions catalog;
    PlanOptions plans;
    postgres::ConnectOptions connect;
    std::size_t queue_bytes = std::size_t{48} << 20;  ///< of the whole fleet
    int catalogs_at_once = 2;                         ///< of the whole fleet: a catalog is the largest thing in memory
};

struct TargetSpec {
    base::TargetId id{};
    std::string name;
    base::Secret conninfo;
    DatabaseFilter databases;

    /// Whether it is reached the same way and shows the same databases.
    [[nodiscard]] bool is_collected_like(const TargetSpec& other) const {
        return conninfo.reveal() == other.conninfo.reveal() && databases == other.databases;
    }
};

/// How one target is doing.
struct TargetStatus {
    base::TargetId id{};
    std::string name;
    std::string state = "new";  ///< new, ok, degraded, unreachable
    std::string detail;
    std::optional<base::Timestamp> last_sample_at;
    std::uint64_t samples = 0;
    std::uint64_t samples_skipped = 0;  ///< the queue was full
    std::uint64_t intervals = 0;        ///< statement rows
    std::uint64_t catalogs = 0;
    std::uint64_t plans = 0;
    std::uint64_t plan_failures = 0;
    std::uint64_t failures = 0;  ///< visits that ended in an error
    std::int64_t hidden = 0;     ///< entries hidden at the last sample
    std::chrono::milliseconds last_sample_took{0};
};

/// What the targets of a fleet share.
struct FleetResources {
    DeliveryQueue* queue = nullptr;
    Sink* sink = nullptr;
    std::counting_semaphore<64>* catalog_permits = nullptr;
    const base::Clock* clock = nullptr;
};

class TargetLoop {
  public:
    TargetLoop(TargetSpec spec, CollectorOptions options, FleetResources shared, base::Log log);
    ~TargetLoop();
    TargetLoop(const TargetLoop&) = delete;
    TargetLoop& operator=(const TargetLoop&) = delete;

    /// Until told to stop. Never throws, never returns earlier.
    void run(const std::stop_token& stop);
    [[nodiscard]] TargetStatus status() const;  ///< thread-safe

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace pganalytics::collector
