#include "store/models.hpp"

#include <fmt/format.h>

#include "base/hash.hpp"
#include "store/values.hpp"

namespace pganalytics::store {
namespace {

using base::Error;
using base::ErrorCode;

std::string columns() {
    return "m.model_id, m.target_id, t.name, m.database_name, m.model_type, m.model_name, m.version, m.format_version, "
           "m.feature_version, m.training_samples, " +
           microseconds_of("m.training_date") + ", " + microseconds_of("m.trained_from") + ", " +
           microseconds_of("m.trained_to") +
           ", m.r_squared, m.rmse, m.mae, (m.q_error ->> 'p50')::double precision, "
           "(m.q_error ->> 'p90')::double precision, (m.q_error ->> 'p95')::double precision, m.interval_coverage, "
           "m.feature_names, m.feature_importance, m.details, m.drift, m.is_active, " +
           microseconds_of("m.activated_at") + ", m.job_id, length(m.content), m.content_sha256";
}

constexpr std::string_view source =
    " from pganalytics.query_performance_models as m left join pganalytics.targets as t using (target_id) ";

StoredModel model_of(const postgres::Rows& rows, std::size_t row) {
    StoredModel model;
    model.id = id_cell<base::ModelId>(rows, row, 0);
    if (const auto target = rows.integer(row, 1)) model.target_id = base::TargetId{*target};
    model.target_name = rows.text(row, 2);
    model.database_name = rows.text(row, 3);
    model.model_type = rows.text(row, 4);
    model.model_name = rows.text(row, 5);
    model.version = rows.text(row, 6);
    model.format_version = static_cast<int>(rows.integer(row, 7).value_or(0));
    model.feature_version = rows.integer(row, 8).value_or(0);
    model.training_samples = rows.integer(row, 9).value_or(0);
    model.training_date = time_cell(rows, row, 10);
    model.trained_from = optional_time_cell(rows, row, 11);
    model.trained_to = optional_time_cell(rows, row, 12);
    model.figures = {.r_squared = rows.number(row, 13),
                     .rmse = rows.number(row, 14),
                     .mae = rows.number(row, 15),
                     .q_error_p50 = rows.number(row, 16),
                     .q_error_p90 = rows.number(row, 17),
                     .q_error_p95 = rows.number(row, 18),
                     .interval_coverage = rows.number(row, 19)};
    model.feature_names = json_strings(rows, row, 20);
    model.feature_importance_json = rows.text(row, 21);
    model.details_json = rows.text(row, 22);
    model.drift_json = rows.text(row, 23);
    model.is_active = rows.boolean(row, 24);
    model.activated_at = optional_time_cell(rows, row, 25);
    if (const auto job = rows.integer(row, 26)) model.job_id = base::JobId{*job};
    model.content_bytes = rows.integer(row, 27).value_or(0);
    model.content_sha256 = rows.text(row, 28);
    return model;
}

Error no_such_model(base::ModelId id) {
    return {.code = ErrorCode::not_found,
            .message = "There is no model " + sql_text(id) + ".",
            .hint = "List them with: pganalytics models",
            .field = "model_id"};
}

base::Result<StoredModel> one_model(postgres::Connection& connection, base::ModelId id) {
    PGANALYTICS_ASSIGN(
        const auto rows,
        connection.query("select " + columns() + std::string(source) + "where m.model_id = $1", {sql_text(id)}));
    if (rows.empty()) return no_such_model(id);
    return model_of(rows, 0);
}

base::Result<std::vector<StoredModel>> models_of(postgres::Connection& connection, const std::string& rest,
                                                 const postgres::Parameters& parameters) {
    PGANALYTICS_ASSIGN(const auto rows,
                       connection.query("select " + columns() + std::string(source) + rest, parameters));
    std::vector<StoredModel> models;
    for (std::size_t row = 0; row < rows.size(); ++row) models.push_back(model_of(rows, row));
    return models;
}

/// Held until the transaction ends by whoever numbers or activates models of the database.
base::Status lock_database(postgres::Connection& connection, std::optional<base::TargetId> target,
                           const std::string& database_name) {
    auto locked = connection.query("select pg_advisory_xact_lock(hashtextextended('pganalytics model ' || $1, 0))",
                                   {(target ? sql_text(*target) : "0") + " " + database_name});
    if (!locked) return std::move(locked).error();
    return {};
}

std::string hex(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text = "\\x";
    text.reserve(2 + 2 * bytes.size());
    for (const char byte : bytes) {
        text += digits[static_cast<unsigned char>(byte) >> 4];
        text += digits[static_cast<unsigned char>(byte) & 15];
    }
    return text;
}

int hex_digit(char digit) {
    return digit <= '9' ? digit - '0' : digit - 'a' + 10;
}

std::string from_hex(std::string_view text) {
    std::string bytes;
    bytes.reserve(text.size() / 2);
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        bytes += static_cast<char>(hex_digit(text[i]) * 16 + hex_digit(text[i + 1]));
    }
    return bytes;
}

std::optional<std::string> q_error_json(const ModelFigures& figures) {
    if (!figures.q_error_p50) return std::nullopt;
    const auto number = [](const std::optional<double>& value) {
        return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
    };
    return nlohmann::json{{"p50", number(figures.q_error_p50)},
                          {"p90", number(figures.q_error_p90)},
                          {"p95", number(figures.q_error_p95)}}
        .dump();
}

// The database's models of that type are locked: the count cannot change meanwhile.
constexpr std::string_view insert_model =
    "with next as (select coalesce(max(version::integer), 0) + 1 as version from pganalytics.query_performance_models "
    "where target_id is not distinct from $1::integer and database_name = $2 and model_type = $3) "
    "insert into pganalytics.query_performance_models (target_id, database_name, model_type, model_name, version, "
    "format_version, feature_version, training_samples, trained_from, trained_to, r_squared, rmse, mae, q_error, "
    "interval_coverage, feature_names, feature_count, feature_importance, details, job_id, content, content_sha256) "
    "select $1::integer, $2, $3, $2 || ' ' || $3 || ' ' || next.version, next.version::text, $4::integer, $5::bigint, "
    "$6::bigint, $7::timestamptz, $8::timestamptz, $9::double precision, $10::double precision, $11::double precision, "
    "$12::jsonb, $13::double precision, $14::jsonb, jsonb_array_length($14::jsonb), $15::jsonb, $16::jsonb, "
    "$17::bigint, $18::bytea, $19 from next returning model_id";

postgres::Parameters insert_parameters(const NewModel& model) {
    const auto& figures = model.figures;
    return {sql_optional(model.target_id),
            model.database_name,
            model.model_type,
            std::to_string(model.format_version),
            std::to_string(model.feature_version),
            std::to_string(model.training_samples),
            sql_optional(model.trained_from),
            sql_optional(model.trained_to),
            sql_optional(figures.r_squared),
            sql_optional(figures.rmse),
            sql_optional(figures.mae),
            q_error_json(figures),
            sql_optional(figures.interval_coverage),
            nlohmann::json(model.feature_names).dump(),
            model.feature_importance_json,
            model.details_json,
            sql_optional(model.job_id),
            hex(model.content),
            base::sha256_hex(model.content)};
}

}  // namespace

base::Result<StoredModel> ModelStore::save(const NewModel& model) {
    return repository_->with_transaction([&](postgres::Connection& connection) -> base::Result<StoredModel> {
        PGANALYTICS_RETURN_IF_ERROR(lock_database(connection, model.target_id, model.database_name));
        if (model.job_id) {
            PGANALYTICS_ASSIGN(auto saved, models_of(connection, "where m.job_id = $1", {sql_text(*model.job_id)}));
            if (!saved.empty()) return std::move(saved.front());
        }
        PGANALYTICS_ASSIGN(const auto rows, connection.query(insert_model, insert_parameters(model)));
        return one_model(connection, id_cell<base::ModelId>(rows, 0, 0));
    });
}

base::Result<StoredModel> ModelStore::activate(base::ModelId id, std::optional<base::ModelId> instead_of) {
    return repository_->with_transaction([&](postgres::Connection& connection) -> base::Result<StoredModel> {
        PGANALYTICS_ASSIGN(const auto model, one_model(connection, id));
        PGANALYTICS_RETURN_IF_ERROR(lock_database(connection, model.target_id, model.database_name));
        PGANALYTICS_ASSIGN(const auto active,
                           connection.query("select model_id from pganalytics.query_performance_models where is_active "
                                            "and target_id is not distinct from $1::integer and database_name = $2",
                                            {sql_optional(model.target_id), model.database_name}));
        const auto now_active = active.empty() ? base::ModelId{} : id_cell<base::ModelId>(active, 0, 0);
        if (now_active == id) return one_model(connection, id);
        if (instead_of && *instead_of != now_active) {
            return Error{
                .code = ErrorCode::conflict,
                .message = "Model " + sql_text(now_active) + " was activated meanwhile.",
                .hint = "Compare with that one, or activate by hand: pganalytics models activate " + sql_text(id),
                .field = "model_id"};
        }
        // First the old one: the unique index allows one active row at each moment.
        for (const auto& [model_id, assignments] :
             {std::pair{now_active, "is_active = false"}, std::pair{id, "is_active = true, activated_at = now()"}}) {
            PGANALYTICS_ASSIGN(const auto done,
                               connection.query(fmt::format("update pganalytics.query_performance_models set {} where "
                                                            "model_id = $1",
                                                            assignments),
                                                {sql_text(model_id)}));
        }
        return one_model(connection, id);
    });
}

base::Result<StoredModel> ModelStore::find(base::ModelId id) {
    return repository_->with_connection([&](postgres::Connection& connection) { return one_model(connection, id); });
}

base::Result<std::optional<StoredModel>> ModelStore::of_job(base::JobId job) {
    return repository_->with_connection(
        [&](postgres::Connection& connection) -> base::Result<std::optional<StoredModel>> {
            PGANALYTICS_ASSIGN(auto models, models_of(connection, "where m.job_id = $1", {sql_text(job)}));
            if (models.empty()) return std::optional<StoredModel>();
            return std::optional(std::move(models.front()));
        });
}

base::Result<std::optional<StoredModel>> ModelStore::active(std::optional<base::TargetId> target,
                                                            const std::optional<std::string>& database_name) {
    return repository_->with_connection(
        [&](postgres::Connection& connection) -> base::Result<std::optional<StoredModel>> {
            PGANALYTICS_ASSIGN(auto models, models_of(connection,
                                                      "where m.is_active and ($1::integer is null or m.target_id = $1) "
                                                      "and ($2::text is null or m.database_name = $2) "
                                                      "order by m.activated_at desc, m.model_id desc limit 1",
                                                      {sql_optional(target), sql_optional(database_name)}));
            if (models.empty()) return std::optional<StoredModel>();
            return std::optional(std::move(models.front()));
        });
}

base::Result<std::vector<StoredModel>> ModelStore::serving_order(base::TargetId target,
                                                                 std::string_view database_name) {
    return repository_->with_connection([&](postgres::Connection& connection) {
        return models_of(connection,
                         "where m.target_id = $1 and m.database_name = $2 and m.activated_at is not null "
                         "order by m.is_active desc, m.activated_at desc, m.model_id desc",
                         {sql_text(target), std::string(database_name)});
    });
}

base::Result<std::vector<ActiveModel>> ModelStore::active_models() {
    return repository_->with_connection(
        [&](postgres::Connection& connection) -> base::Result<std::vector<ActiveModel>> {
            PGANALYTICS_ASSIGN(
                const auto rows,
                connection.query("select model_id, target_id, database_name, " + microseconds_of("activated_at") +
                                 " from pganalytics.query_performance_models where is_active order by model_id"));
            std::vector<ActiveModel> models;
            for (std::size_t row = 0; row < rows.size(); ++row) {
                ActiveModel model{.id = id_cell<base::ModelId>(rows, row, 0),
                                  .target_id = std::nullopt,
                                  .database_name = rows.text(row, 2),
                                  .activated_at = time_cell(rows, row, 3)};
                if (const auto target = rows.integer(row, 1)) model.target_id = base::TargetId{*target};
                models.push_back(std::move(model));
            }
            return models;
        });
}

base::Result<Page<StoredModel>> ModelStore::list(const ModelFilter& filter) {
    postgres::Parameters parameters{sql_optional(filter.target),
                                    sql_optional(filter.database_name),
                                    sql_optional(filter.model_type),
                                    std::nullopt,
                                    std::nullopt,
                                    std::to_string(filter.limit + 1)};
    if (filter.cursor) {
        PGANALYTICS_ASSIGN(const auto after, read_time_cursor("models", *filter.cursor));
        parameters[3] = after.rank;
        parameters[4] = after.id;
    }
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<Page<StoredModel>> {
        Page<StoredModel> page;
        PGANALYTICS_ASSIGN(
            page.items, models_of(connection,
                                  "where ($1::integer is null or m.target_id = $1) "
                                  "and ($2::text is null or m.database_name = $2) "
                                  "and ($3::text is null or m.model_type = $3) "
                                  "and ($4::timestamptz is null or (m.training_date, m.model_id) < ($4, $5::bigint)) "
                                  "order by m.training_date desc, m.model_id desc limit $6::bigint",
                                  parameters));
        if (page.items.size() > filter.limit) {
            page.items.pop_back();
            const auto& last = page.items.back();
            page.next_cursor =
                make_cursor("models", {last.training_date.time_since_epoch().count(), base::to_integer(last.id)});
        }
        return page;
    });
}

base::Result<std::int64_t> ModelStore::count(const ModelFilter& filter) {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<std::int64_t> {
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query(
                "select count(*) from pganalytics.query_performance_models "
                "where ($1::integer is null or target_id = $1) and ($2::text is null or database_name = "
                "$2) and ($3::text is null or model_type = $3)",
                {sql_optional(filter.target), sql_optional(filter.database_name), sql_optional(filter.model_type)}));
        return rows.integer(0, 0).value_or(0);
    });
}

base::Result<std::string> ModelStore::content(base::ModelId id) {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<std::string> {
        PGANALYTICS_ASSIGN(const auto rows, connection.query("select encode(content, 'hex'), content_sha256 from "
                                                             "pganalytics.query_performance_models where model_id = $1",
                                                             {sql_text(id)}));
        if (rows.empty()) return no_such_model(id);
        auto bytes = from_hex(*rows.cell(0, 0));
        if (base::sha256_hex(bytes) != rows.text(0, 1)) {
            return Error{.code = ErrorCode::fix_input,
                         .message = "Model " + sql_text(id) + " is damaged: its bytes are not those that were stored.",
                         .hint = "Train a new one, or activate another: pganalytics models",
                         .field = "model_id"};
        }
        return bytes;
    });
}

base::Status ModelStore::set_drift(base::ModelId id, std::string_view drift_json) {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Status {
        PGANALYTICS_ASSIGN(
            const auto done,
            connection.query("update pganalytics.query_performance_models set drift = $2::jsonb where model_id = $1",
                             {sql_text(id), std::string(drift_json)}));
        if (done.affected() == 0) return no_such_model(id);
        return {};
    });
}

base::Result<std::optional<ModelStore::Watch>> ModelStore::watch(base::ModelId id) {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<std::optional<Watch>> {
        PGANALYTICS_ASSIGN(const auto rows,
                           connection.query("select " + microseconds_of("watched_to") +
                                                ", state from pganalytics.model_watches where model_id = $1",
                                            {sql_text(id)}));
        if (rows.empty()) return std::optional<Watch>();
        return std::optional(Watch{time_cell(rows, 0, 0), rows.text(0, 1)});
    });
}

base::Status ModelStore::set_watch(base::ModelId id, const Watch& watch, std::optional<base::Timestamp> before) {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Status {
        PGANALYTICS_ASSIGN(
            const auto done,
            connection.query("insert into pganalytics.model_watches as w (model_id, watched_to, state) "
                             "select $1::bigint, $2::timestamptz, $3::jsonb where exists (select from "
                             "pganalytics.query_performance_models where model_id = $1::bigint) "
                             "on conflict (model_id) do update set watched_to = excluded.watched_to, "
                             "state = excluded.state, updated_at = now() where w.watched_to = $4::timestamptz",
                             {sql_text(id), sql_text(watch.watched_to), watch.state_json, sql_optional(before)}));
        if (done.affected() > 0) return {};
        return Error{.code = ErrorCode::conflict,
                     .message = "Model " + sql_text(id) + " was watched by another worker meanwhile, or is gone.",
                     .hint = {},
                     .field = "model_id"};
    });
}

base::Result<std::size_t> ModelStore::thin(std::size_t keep) {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<std::size_t> {
        PGANALYTICS_ASSIGN(const auto gone,
                           connection.query("delete from pganalytics.query_performance_models where model_id in ("
                                            "select model_id from (select model_id, is_active, activated_at, "
                                            "row_number() over (partition by target_id, database_name, model_type "
                                            "order by training_date desc, model_id desc) as age, "
                                            "row_number() over (partition by target_id, database_name "
                                            "order by activated_at desc nulls last, model_id desc) as activation "
                                            "from pganalytics.query_performance_models) as m "
                                            "where not is_active and age > $1::bigint "
                                            "and (activated_at is null or activation > $1::bigint))",
                                            {std::to_string(keep)}));
        return static_cast<std::size_t>(gone.affected());
    });
}

}  // namespace pganalytics::store
