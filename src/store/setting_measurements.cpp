#include "store/setting_measurements.hpp"

#include <nlohmann/json.hpp>

#include "store/records.hpp"

namespace pganalytics::store {
namespace {

constexpr Columns measurement_columns(
    column("query_hash", &SettingMeasurement::query_hash), column("setting", &SettingMeasurement::setting),
    column("current_value", &SettingMeasurement::current_value),
    column("tried_value", &SettingMeasurement::tried_value), column("plan_shape", &SettingMeasurement::plan_shape),
    column("temp_blocks", &SettingMeasurement::temp_blocks),
    column("spill_removed", &SettingMeasurement::spill_removed), column("helped", &SettingMeasurement::helped),
    column("gain_percent", &SettingMeasurement::gain_percent), column("facts", &SettingMeasurement::facts),
    column("measured_at", &SettingMeasurement::measured_at));

}  // namespace

base::Status SettingMeasurements::save(base::TargetId target, std::string_view database_name,
                                       const SettingMeasurement& measurement) {
    auto facts = nlohmann::json::array();
    for (const auto& fact : measurement.facts) facts.push_back(storable(fact));
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Status {
        PGANALYTICS_ASSIGN(
            const auto saved,
            connection.query(
                "insert into pganalytics.setting_measurements (target_id, database_name, query_hash, setting, "
                "current_value, tried_value, plan_shape, temp_blocks, spill_removed, helped, gain_percent, facts, "
                "measured_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) "
                "on conflict (target_id, database_name, query_hash, setting) do update set current_value = "
                "excluded.current_value, tried_value = excluded.tried_value, plan_shape = excluded.plan_shape, "
                "temp_blocks = excluded.temp_blocks, spill_removed = excluded.spill_removed, helped = "
                "excluded.helped, gain_percent = excluded.gain_percent, facts = excluded.facts, measured_at = "
                "excluded.measured_at",
                {sql_text(target), storable(database_name), sql_text(measurement.query_hash), measurement.setting,
                 measurement.current_value, measurement.tried_value, std::to_string(measurement.plan_shape),
                 sql_text(measurement.temp_blocks), sql_text(measurement.spill_removed), sql_text(measurement.helped),
                 sql_text(measurement.gain_percent), facts.dump(), sql_text(measurement.measured_at)}));
        (void)saved;
        return {};
    });
}

base::Result<std::vector<SettingMeasurement>> SettingMeasurements::list(base::TargetId target,
                                                                        std::string_view database_name) {
    return repository_->with_connection(
        [&](postgres::Connection& connection) -> base::Result<std::vector<SettingMeasurement>> {
            PGANALYTICS_ASSIGN(const auto rows,
                               connection.query("select " + measurement_columns.list() +
                                                    " from pganalytics.setting_measurements where target_id = $1 and "
                                                    "database_name = $2 order by query_hash, setting",
                                                {sql_text(target), storable(database_name)}));
            return measurement_columns.read_all(rows);
        });
}

}  // namespace pganalytics::store
