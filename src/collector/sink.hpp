#pragma once
// Where the collector delivers. A port, so that the loop runs against the repository (store_sink.hpp), or against
// memory.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "catalog/catalog.hpp"
#include "store/ingest.hpp"
#include "store/targets.hpp"

namespace pganalytics::collector {

/// Counters of one visit and the texts that came with them; texts go first.
struct StatementDelivery {
    std::vector<store::KnownStatement> statements;
    base::Timestamp begins;
    base::Timestamp ends;
    std::vector<workload::StatementInterval> intervals;
    std::int64_t hidden = 0;
    std::int64_t evicted = 0;
    bool counters_reset = false;
};
struct CatalogDelivery {
    catalog::Database database;
    base::Timestamp taken_at;
};
struct PlanDelivery {
    std::vector<store::CapturedPlan> plans;
};
struct ActivityDelivery {
    std::vector<store::ActivitySample> samples;
};
struct ExampleDelivery {
    std::string database_name;
    base::QueryHash query_hash{};
    std::vector<std::string> texts;
};
struct SettingsDelivery {
    std::string database_name;  ///< "" server-wide
    std::vector<catalog::Setting> settings;
    base::Timestamp seen_at;
};
struct StateDelivery {
    std::string state;   ///< "ok", "unreachable", "degraded"
    std::string detail;  ///< a sentence; never a secret
};
using DeliveryContent = std::variant<StatementDelivery, CatalogDelivery, PlanDelivery, ActivityDelivery,
                                     ExampleDelivery, SettingsDelivery, store::TargetFacts, StateDelivery>;

struct Delivery {
    base::TargetId target{};
    DeliveryContent content;
    /// Rough size in memory, for the queue's bound.
    [[nodiscard]] std::size_t weight() const;
};

class Sink {
  public:
    virtual ~Sink() = default;
    /// retry_later: the same delivery is offered again later. Any other error: it is dropped, and said.
    [[nodiscard]] virtual base::Status deliver(const Delivery& delivery) = 0;
    /// What an earlier run knew of the target's statements.
    [[nodiscard]] virtual base::Result<std::vector<store::KnownStatement>> known_statements(base::TargetId target) = 0;
};

}  // namespace pganalytics::collector
