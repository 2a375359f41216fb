#include "collector/sink.hpp"

namespace pganalytics::collector {

namespace {

constexpr std::size_t text_overhead = 64;

struct Weigh {
    std::size_t operator()(const StatementDelivery& statements) const {
        std::size_t bytes = statements.intervals.size() * sizeof(workload::StatementInterval);
        for (const auto& statement : statements.statements) bytes += sizeof(statement) + statement.text.size();
        return bytes;
    }
    std::size_t operator()(const CatalogDelivery& catalog) const {
        std::size_t bytes = 0;
        for (const auto& relation : catalog.database.relations) {
            bytes += sizeof(relation) + relation.view_definition.size() +
                     relation.indexes.size() * (sizeof(catalog::Index) + 4 * text_overhead);
            for (const auto& column : relation.columns) {
                bytes += sizeof(column) + 2 * text_overhead;
                if (!column.statistics) continue;
                bytes += (column.statistics->most_common_values.size() + column.statistics->histogram_bounds.size()) *
                         text_overhead;
            }
        }
        return bytes;
    }
    std::size_t operator()(const PlanDelivery& plans) const {
        std::size_t bytes = 0;
        for (const auto& plan : plans.plans) bytes += sizeof(plan) + plan.plan_json.size() + plan.planned_text.size();
        return bytes;
    }
    std::size_t operator()(const ActivityDelivery& activity) const {
        return activity.samples.size() * (sizeof(store::ActivitySample) + text_overhead);
    }
    std::size_t operator()(const ExampleDelivery& examples) const {
        std::size_t bytes = sizeof(examples);
        for (const auto& text : examples.texts) bytes += text.size() + text_overhead;
        return bytes;
    }
    std::size_t operator()(const SettingsDelivery& settings) const {
        return settings.settings.size() * (sizeof(catalog::Setting) + text_overhead);
    }
    std::size_t operator()(const store::TargetFacts& facts) const { return sizeof(facts); }
    std::size_t operator()(const StateDelivery& state) const { return sizeof(state) + state.detail.size(); }
};

}  // namespace

std::size_t Delivery::weight() const {
    return sizeof(*this) + std::visit(Weigh{}, content);
}

}  // namespace pganalytics::collector
