#include "workflow/model_content.hpp"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

namespace pganalytics::workflow {

namespace {

using Json = nlohmann::json;

base::Error damaged() {
    return {base::ErrorCode::fix_input, "The stored model is damaged", "Train a new one: pganalytics train", {}};
}

/// Names once, runs as numbers that point at them.
Json past_json(const std::vector<prediction::PastRun>& past) {
    std::map<std::string, std::size_t> positions;
    Json names = Json::array();
    const auto position = [&](const std::string& name) {
        const auto [found, is_new] = positions.try_emplace(name, positions.size());
        if (is_new) names.push_back(name);
        return found->second;
    };
    Json runs = Json::array();
    for (const auto& run : past) {
        runs.push_back({position(run.statement), position(run.group), run.at.time_since_epoch().count(), run.log_ms,
                        run.model_log_ms, run.unseen.center, run.unseen.lower, run.unseen.upper, run.unseen.spread,
                        run.unseen.within_30_percent, run.cold});
    }
    return {{"names", std::move(names)}, {"runs", std::move(runs)}};
}

/// Throws what nlohmann does where something is not as written above.
std::vector<prediction::PastRun> past_of(const Json& json) {
    const auto names = json.at("names").get<std::vector<std::string>>();
    std::vector<prediction::PastRun> past;
    past.reserve(json.at("runs").size());
    for (const auto& stored : json.at("runs")) {
        prediction::PastRun run;
        run.statement = names.at(stored.at(0).get<std::size_t>());
        run.group = names.at(stored.at(1).get<std::size_t>());
        run.at = base::Timestamp(std::chrono::microseconds(stored.at(2).get<std::int64_t>()));
        run.log_ms = stored.at(3).get<double>();
        run.model_log_ms = stored.at(4).get<double>();
        run.unseen = {stored.at(5).get<double>(), stored.at(6).get<double>(), stored.at(7).get<double>(),
                      stored.at(8).get<double>(), stored.at(9).get<double>()};
        // Models stored before runs told how they began know of none that began cold.
        run.cold = stored.size() > 10 && stored.at(10).get<bool>();
        past.push_back(std::move(run));
    }
    return past;
}

std::string refusal(const store::StoredModel& model, const base::Error& error) {
    return fmt::format("model {} ({}) cannot serve: {}", base::to_integer(model.id), model.model_name,
                       error.to_string());
}

}  // namespace

std::string to_bytes(const ModelContent& content) {
    const std::string model = content.model.to_bytes();
    const Json json{{"format", model_format_version},
                    {"model", Json::binary({model.begin(), model.end()})},
                    {"spread", content.spread.to_json()},
                    {"past", past_json(content.past)}};
    std::string bytes;
    Json::to_cbor(json, bytes);
    return bytes;
}

base::Result<ModelContent> read_model_content(std::string_view bytes) {
    const Json json = Json::from_cbor(bytes, true, false);
    if (!json.is_object()) return damaged();
    try {
        if (const int format = json.at("format").get<int>(); format != model_format_version) {
            return base::Error{
                base::ErrorCode::unsupported,
                fmt::format("The stored model has format {}, this program reads {}", format, model_format_version),
                "Train a new one, or use the program that made it.",
                {}};
        }
        const auto& stored = json.at("model").get_binary();
        PGANALYTICS_ASSIGN(
            auto model, prediction::Model::from_bytes({reinterpret_cast<const char*>(stored.data()), stored.size()}));
        PGANALYTICS_ASSIGN(auto spread, prediction::FeatureSpread::from_json(json.at("spread")));
        return ModelContent{std::move(model), std::move(spread), past_of(json.at("past"))};
    } catch (const Json::exception&) {
        return damaged();
    } catch (const std::out_of_range&) {
        return damaged();
    }
}

LoadedModel::LoadedModel(ModelContent content)
    : content_(std::make_shared<const ModelContent>(std::move(content))),
      history_(prediction::History::learn(content_->past)) {}

prediction::History::Answer LoadedModel::answer(const std::string& statement, const std::string& group,
                                                std::span<const double> features, base::Timestamp at) const {
    return history_.answer(statement, group, content_->model.predict(features), at, {}, prediction::ran_cold(features));
}

LoadedModel LoadedModel::with_newer(std::vector<prediction::PastRun> newer) const {
    LoadedModel longer = *this;
    std::vector<prediction::PastRun> past = content_->past;
    past.insert(past.end(), std::make_move_iterator(newer.begin()), std::make_move_iterator(newer.end()));
    longer.history_ = prediction::History::learn(past);
    return longer;
}

base::Result<std::shared_ptr<const LoadedModel>> load_model(store::Repository& repository,
                                                            const store::StoredModel& stored) {
    if (stored.format_version != model_format_version) {
        return base::Error{base::ErrorCode::unsupported,
                           fmt::format("model {} has format {}, this program reads {}", base::to_integer(stored.id),
                                       stored.format_version, model_format_version),
                           "Train a new one, or use the program that made it.", "model_id"};
    }
    PGANALYTICS_ASSIGN(const auto bytes, store::ModelStore(repository).content(stored.id));
    PGANALYTICS_ASSIGN(auto content, read_model_content(bytes));
    return std::shared_ptr<const LoadedModel>(std::make_shared<LoadedModel>(std::move(content)));
}

base::Result<std::optional<ServingModel>> load_serving_model(store::Repository& repository, base::TargetId target,
                                                             std::string_view database_name) {
    PGANALYTICS_ASSIGN(auto candidates, store::ModelStore(repository).serving_order(target, database_name));
    std::vector<std::string> refused;
    std::optional<base::Error> first;
    for (auto& candidate : candidates) {
        auto loaded = load_model(repository, candidate);
        if (loaded) return std::optional(ServingModel{std::move(candidate), std::move(*loaded), std::move(refused)});
        // A repository that went away says nothing against the model.
        if (loaded.error().code == base::ErrorCode::retry_later) return std::move(loaded).error();
        refused.push_back(refusal(candidate, loaded.error()));
        if (!first) first = loaded.error();
    }
    if (first) return std::move(*first);
    return std::optional<ServingModel>();
}

base::Result<store::StoredModel> activate_model(store::Repository& repository, base::ModelId id) {
    store::ModelStore models(repository);
    PGANALYTICS_ASSIGN(const auto stored, models.find(id));
    if (auto loaded = load_model(repository, stored); !loaded) {
        auto error = std::move(loaded).error();
        if (error.code == base::ErrorCode::retry_later) return error;
        return base::Error{base::ErrorCode::unprocessable, refusal(stored, error), "The active model goes on serving.",
                           "model_id"};
    }
    return models.activate(id);
}

}  // namespace pganalytics::workflow
