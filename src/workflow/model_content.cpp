#include "workflow/model_content.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <type_traits>

namespace pganalytics::workflow {

namespace {

using Json = nlohmann::json;

base::Error damaged() {
    return {base::ErrorCode::fix_input, "The stored model is damaged", "Train a new one: pganalytics train", {}};
}

/// A run as it is stored: names once, runs as places among them, at fixed width because a past of thousands of runs is
/// read whenever a server starts.
struct StoredRun {
    std::int64_t at = 0;  ///< microseconds since the epoch
    double log_ms = 0, model_log_ms = 0, center = 0, lower = 0, upper = 0, spread = 0, within_30_percent = 0;
    std::uint32_t statement = 0, group = 0;
    std::uint64_t cold = 0;
};
static_assert(sizeof(StoredRun) == 80 && std::is_trivially_copyable_v<StoredRun>,
              "no padding: the same bytes anywhere");
static_assert(std::endian::native == std::endian::little, "models are stored with the lowest byte first");

Json past_json(const std::vector<prediction::PastRun>& past) {
    std::map<std::string, std::uint32_t> positions;
    Json names = Json::array();
    const auto position = [&](const std::string& name) {
        const auto [found, is_new] = positions.try_emplace(name, static_cast<std::uint32_t>(positions.size()));
        if (is_new) names.push_back(name);
        return found->second;
    };
    std::vector<std::uint8_t> runs(past.size() * sizeof(StoredRun));
    for (std::size_t i = 0; i < past.size(); ++i) {
        const auto& run = past[i];
        StoredRun stored{run.at.time_since_epoch().count(),
                         run.log_ms,
                         run.model_log_ms,
                         run.unseen.center,
                         run.unseen.lower,
                         run.unseen.upper,
                         run.unseen.spread,
                         run.unseen.within_30_percent};
        stored.statement = position(run.statement);
        stored.group = position(run.group);
        stored.cold = run.cold ? 1 : 0;
        std::memcpy(runs.data() + i * sizeof stored, &stored, sizeof stored);
    }
    return {{"names", std::move(names)}, {"runs", Json::binary(std::move(runs))}};
}

/// Throws what nlohmann does, or out_of_range, where something is not as written above.
std::vector<prediction::PastRun> past_of(const Json& json) {
    const auto names = json.at("names").get<std::vector<std::string>>();
    const auto& runs = json.at("runs").get_binary();
    if (runs.size() % sizeof(StoredRun) != 0) throw std::out_of_range("half a run");
    std::vector<prediction::PastRun> past(runs.size() / sizeof(StoredRun));
    for (std::size_t i = 0; i < past.size(); ++i) {
        StoredRun stored;
        std::memcpy(&stored, runs.data() + i * sizeof stored, sizeof stored);
        past[i] = {names.at(stored.statement),
                   names.at(stored.group),
                   stored.log_ms,
                   stored.model_log_ms,
                   {stored.center, stored.lower, stored.upper, stored.spread, stored.within_30_percent},
                   base::Timestamp(std::chrono::microseconds(stored.at)),
                   stored.cold != 0};
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
