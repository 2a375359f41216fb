#include "collector/store_sink.hpp"

namespace pganalytics::collector {

namespace {

struct Deliver {
    base::TargetId target;
    store::Ingest& ingest;
    store::TargetStore& targets;

    base::Status operator()(const StatementDelivery& delivery) const {
        if (!delivery.statements.empty())
            PGANALYTICS_RETURN_IF_ERROR(ingest.upsert_statements(target, delivery.statements));
        // The first sample of a run is a baseline: it has texts, but nothing that happened.
        if (delivery.begins >= delivery.ends) return {};
        store::IntervalBatch batch;
        batch.begins = delivery.begins;
        batch.ends = delivery.ends;
        batch.statements = delivery.intervals;
        batch.evicted_entries = delivery.evicted;
        batch.counters_reset = delivery.counters_reset;
        batch.hidden_calls = delivery.hidden;
        if (auto report = ingest.intervals(target, {&batch, 1}); !report) return std::move(report).error();
        return {};
    }
    base::Status operator()(const CatalogDelivery& delivery) const {
        return ingest.catalog(target, delivery.database, delivery.taken_at);
    }
    base::Status operator()(const PlanDelivery& delivery) const { return ingest.plans(target, delivery.plans); }
    base::Status operator()(const ActivityDelivery& delivery) const {
        return ingest.activity(target, delivery.samples);
    }
    base::Status operator()(const ExampleDelivery& delivery) const {
        return ingest.examples(target, delivery.database_name, delivery.query_hash, delivery.texts);
    }
    base::Status operator()(const SettingsDelivery& delivery) const {
        if (auto changed = ingest.settings(target, delivery.database_name, delivery.settings, delivery.seen_at);
            !changed)
            return std::move(changed).error();
        return {};
    }
    base::Status operator()(const store::TargetFacts& facts) const { return targets.record_facts(target, facts); }
    base::Status operator()(const StateDelivery& delivery) const {
        return targets.record_state(target, delivery.state, delivery.detail);
    }
};

}  // namespace

base::Status StoreSink::deliver(const Delivery& delivery) {
    return std::visit(Deliver{delivery.target, ingest_, targets_}, delivery.content);
}

base::Result<std::vector<store::KnownStatement>> StoreSink::known_statements(base::TargetId target) {
    return ingest_.known_statements(target);
}

}  // namespace pganalytics::collector
