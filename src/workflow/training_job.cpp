#include "workflow/training_job.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "workflow/model_content.hpp"
#include "workflow/model_figures.hpp"
#include "workflow/training_samples.hpp"

namespace pganalytics::workflow {

namespace {

using GoOn = std::function<bool(double, std::string_view)>;

/// A training that loses its worker begins anew; a database on which it always does must not do so for ever.
constexpr int most_attempts = 5;
constexpr double held_out_share = 0.2;
constexpr std::size_t fewest_held_out = 10;
/// Runs that a model remembers: enough of each statement for its level and noise, few enough to be read in no time.
constexpr std::size_t most_runs_of_statement = 40;
constexpr std::size_t most_runs = 8'000;
/// Of each database and type.
constexpr std::size_t models_kept = 20;

base::Error bad_payload(std::string_view what) {
    return {base::ErrorCode::fix_input, fmt::format("The job's payload {}", what),
            R"(It is {"target_id", "database_name", "lookback_days", "model_type", "force_retrain"}.)", "payload"};
}

base::Error cancelled() {
    return {base::ErrorCode::conflict, "The training was cancelled", {}, {}};
}

store::Window window_of(const TrainingRequest& request, base::Timestamp now) {
    // To the end of the interval under way: what was collected a second ago counts.
    return {now - std::chrono::days(request.lookback_days), now + std::chrono::minutes(1)};
}

/// The older and the newer part of samples in order of time, cut where time goes on.
std::pair<prediction::Dataset, prediction::Dataset> split(const prediction::Dataset& data) {
    auto cut = static_cast<std::size_t>((1 - held_out_share) * static_cast<double>(data.size()));
    while (cut < data.size() && cut > 0 && data[cut].at == data[cut - 1].at) ++cut;
    const auto middle = data.begin() + static_cast<std::ptrdiff_t>(cut);
    return {{data.begin(), middle}, {middle, data.end()}};
}

/// The newest run of each statement, its next, and so on, until there are enough.
std::vector<prediction::PastRun> remembered(const prediction::Dataset& data, const prediction::Training& training) {
    std::map<std::string, std::size_t> taken;
    for (const auto& sample : data) taken.try_emplace(sample.id, 0);
    const std::size_t of_each =
        std::clamp<std::size_t>(most_runs / std::max<std::size_t>(1, taken.size()), 2, most_runs_of_statement);
    std::vector<prediction::PastRun> past;
    for (std::size_t i = data.size(); i > 0; --i) {
        const auto& sample = data[i - 1];
        if (++taken[sample.id] > of_each) continue;
        past.push_back({sample.id, sample.group, std::log(sample.runtime_ms),
                        training.model.predict(sample.features).center, training.unseen[i - 1], sample.at,
                        prediction::ran_cold(sample.features)});
    }
    std::reverse(past.begin(), past.end());
    return past;
}

/// What one training leaves, before it is stored.
struct Trained {
    ModelContent content;
    std::vector<AnsweredTime> unseen;  ///< each sample by models that had not seen its template
};

base::Result<Trained> train(const prediction::Dataset& data, const TrainingRequest& request, const GoOn& go_on,
                            double from, double to, std::string_view stages) {
    prediction::TrainOptions options;
    options.type = request.type;
    options.go_on = [&](std::string_view stage, double progress) {
        const std::string_view word = stage == "fitting" ? "training" : stage;
        return go_on(from + (to - from) * progress, fmt::format("{}{}", stages, word));
    };
    PGANALYTICS_ASSIGN(auto training, prediction::train_model(data, options));
    std::vector<AnsweredTime> unseen;
    for (std::size_t i = 0; i < data.size(); ++i) unseen.push_back({training.unseen[i], std::log(data[i].runtime_ms)});
    auto past = remembered(data, training);
    return Trained{{std::move(training.model), prediction::FeatureSpread::learn(data), std::move(past)},
                   std::move(unseen)};
}

std::vector<AnsweredTime> answers_of(const LoadedModel& model, const prediction::Dataset& data) {
    std::vector<AnsweredTime> answers;
    for (const auto& sample : data) {
        answers.push_back({model.answer(sample.id, sample.group, sample.features, sample.at).prediction,
                           std::log(sample.runtime_ms)});
    }
    return answers;
}

/// The challenger's figures on the newest time, and what it has to beat there.
struct Contest {
    store::ModelFigures figures;
    std::size_t held_out = 0;
    double challenger_error = 0;
    std::optional<double> champion_error;  ///< absent: there is none that can be read
    base::ModelId champion{};              ///< active when it was compared; 0 where none was
    std::string champion_name;

    [[nodiscard]] bool won() const { return !champion_error || challenger_error < *champion_error; }
    [[nodiscard]] std::string words() const {
        if (base::to_integer(champion) == 0) return "no model was active";
        if (!champion_error) return fmt::format("{} could not be read", champion_name);
        return fmt::format("typical error on the newest {} samples: ×{:.3f}, {} ×{:.3f}", held_out,
                           std::exp(challenger_error), champion_name, std::exp(*champion_error));
    }
};

class TrainingRun {
  public:
    TrainingRun(store::Repository& repository, const TrainingRequest& request, std::optional<base::JobId> job,
                const GoOn& go_on)
        : repository_(repository), models_(repository), request_(request), job_(job), go_on_(go_on) {}

    base::Result<TrainedModel> run(base::Timestamp now) {
        if (job_) {
            PGANALYTICS_ASSIGN(auto saved, models_.of_job(*job_));
            if (saved) return resume(std::move(*saved));
        }
        if (!go_on_(0.01, "collecting samples")) return cancelled();
        const SampleRequest samples_of{request_.target, request_.database_name, window_of(request_, now)};
        PGANALYTICS_ASSIGN(const auto samples, collect_training_samples(repository_, samples_of));
        if (samples.data.size() < fewest_training_samples) {
            PGANALYTICS_ASSIGN(auto outlook, sample_outlook(repository_, samples_of, now));
            outlook.available = static_cast<std::int64_t>(samples.data.size());
            return too_few_samples(outlook, request_.database_name);
        }
        PGANALYTICS_ASSIGN(const auto contest, compete(samples.data));
        PGANALYTICS_ASSIGN(const auto trained, train(samples.data, request_, go_on_, 0.5, 0.97, ""));
        if (!go_on_(0.98, "storing")) return cancelled();
        PGANALYTICS_ASSIGN(auto saved, models_.save(to_store(samples, trained, contest)));
        PGANALYTICS_ASSIGN(auto result, settle(std::move(saved), contest));
        if (auto thinned = models_.thin(models_kept); !thinned) return std::move(thinned).error();
        return result;
    }

  private:
    /// Learns from the older part what is compared on the newer one.
    base::Result<Contest> compete(const prediction::Dataset& data) {
        Contest contest;
        auto [older, newer] = split(data);
        // Everything in one moment: there is no newer part, and templates not seen stand in.
        const bool timed = newer.size() >= fewest_held_out && older.size() >= prediction::Model::fewest_samples;
        PGANALYTICS_ASSIGN(auto trial, train(timed ? older : data, request_, go_on_, 0.05, 0.45, "validating: "));
        if (!timed) newer = data;
        const LoadedModel challenger(std::move(trial.content));
        const auto answers = timed ? answers_of(challenger, newer) : trial.unseen;
        contest.figures = figures_of(answers);
        contest.challenger_error = mean_log_error(answers);
        contest.held_out = newer.size();
        if (!go_on_(0.47, "validating")) return cancelled();
        PGANALYTICS_ASSIGN(const auto active, models_.active(request_.target, request_.database_name));
        if (!active) return contest;
        contest.champion = active->id;
        contest.champion_name = active->model_name;
        auto champion = load_model(repository_, *active);
        if (champion) {
            contest.champion_error = mean_log_error(answers_of(**champion, newer));
        } else if (champion.error().code == base::ErrorCode::retry_later) {
            return std::move(champion).error();
        }
        return contest;
    }

    [[nodiscard]] store::NewModel to_store(const TrainingSamples& samples, const Trained& trained,
                                           const Contest& contest) const {
        const auto& model = trained.content.model;
        store::NewModel stored;
        stored.target_id = request_.target;
        stored.database_name = request_.database_name;
        stored.model_type = prediction::to_string(request_.type);
        stored.format_version = model_format_version;
        stored.feature_version = prediction::feature_version();
        stored.training_samples = static_cast<std::int64_t>(samples.data.size());
        stored.trained_from = samples.data.front().at;
        stored.trained_to = samples.data.back().at;
        stored.figures = contest.figures;
        nlohmann::ordered_json importance;
        const auto shares = model.importance();
        const auto features = prediction::feature_definitions();
        for (std::size_t i = 0; i < features.size(); ++i) {
            stored.feature_names.push_back(features[i].name);
            importance[features[i].name] = shares[i];
        }
        stored.feature_importance_json = importance.dump();
        stored.details_json = details(samples, trained, contest).dump();
        stored.job_id = job_;
        stored.content = to_bytes(trained.content);
        return stored;
    }

    [[nodiscard]] nlohmann::json details(const TrainingSamples& samples, const Trained& trained,
                                         const Contest& contest) const {
        const auto unseen = figures_of(trained.unseen);
        const auto number = [](const std::optional<double>& value) {
            return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
        };
        return {{"chosen", trained.content.model.chosen()},
                {"reason", request_.reason},
                {"lookback_days", request_.lookback_days},
                {"statements", samples.statements},
                {"samples_without_plan", samples.without_plan},
                {"held_out_samples", contest.held_out},
                {"unseen_templates",
                 {{"q_error",
                   {{"p50", number(unseen.q_error_p50)},
                    {"p90", number(unseen.q_error_p90)},
                    {"p95", number(unseen.q_error_p95)}}},
                  {"interval_coverage", number(unseen.interval_coverage)}}},
                {"contest",
                 {{"champion", base::to_integer(contest.champion)},
                  {"won", contest.won()},
                  {"mean_log_error", contest.challenger_error},
                  {"champion_mean_log_error", number(contest.champion_error)},
                  {"words", contest.words()}}}};
    }

    base::Result<TrainedModel> settle(store::StoredModel saved, const Contest& contest) {
        TrainedModel result{std::move(saved), false, contest.words()};
        if (!contest.won()) return result;
        auto active = models_.activate(result.stored.id, contest.champion);
        if (active) {
            result.stored = std::move(*active);
            result.activated = true;
        } else if (active.error().code == base::ErrorCode::conflict) {
            result.comparison += "; " + active.error().message;
        } else {
            return std::move(active).error();
        }
        return result;
    }

    /// The worker died between storing and completing: what it stored is whole, and says how the comparison went.
    base::Result<TrainedModel> resume(store::StoredModel saved) {
        Contest contest;
        std::string words;
        bool won = false;
        const auto details = nlohmann::json::parse(saved.details_json, nullptr, false);
        if (details.is_object() && details.contains("contest")) {
            const auto& stored = details["contest"];
            contest.champion = base::ModelId{stored.value("champion", std::int64_t{0})};
            won = stored.value("won", false);
            words = stored.value("words", "");
        }
        if (saved.is_active) return TrainedModel{std::move(saved), true, words};
        if (!won) return TrainedModel{std::move(saved), false, words};
        PGANALYTICS_ASSIGN(auto result, settle(std::move(saved), contest));
        if (result.activated) result.comparison = words;
        return result;
    }

    store::Repository& repository_;
    store::ModelStore models_;
    const TrainingRequest& request_;
    std::optional<base::JobId> job_;
    const GoOn& go_on_;
};

}  // namespace

nlohmann::json to_json(const TrainingRequest& request) {
    return {{"target_id", base::to_integer(request.target)}, {"database_name", request.database_name},
            {"lookback_days", request.lookback_days},        {"model_type", prediction::to_string(request.type)},
            {"force_retrain", request.force_retrain},        {"reason", request.reason}};
}

base::Result<TrainingRequest> read_training_request(std::string_view payload_json) {
    const auto json = nlohmann::json::parse(payload_json, nullptr, false);
    if (!json.is_object()) return bad_payload("is not a JSON object");
    TrainingRequest request;
    try {
        request.target = base::TargetId{json.at("target_id").get<std::int64_t>()};
        request.database_name = json.at("database_name").get<std::string>();
        request.lookback_days = json.value("lookback_days", default_training_days);
        request.force_retrain = json.value("force_retrain", false);
        request.reason = json.value("reason", "asked");
        PGANALYTICS_ASSIGN(request.type, prediction::parse_model_type(json.value("model_type", "gradient_boosting")));
    } catch (const nlohmann::json::exception&) {
        return bad_payload("lacks a member, or has one of the wrong kind");
    }
    if (request.lookback_days < least_training_days || request.lookback_days > most_training_days) {
        return bad_payload(fmt::format("has lookback_days outside {} to {}", least_training_days, most_training_days));
    }
    return request;
}

base::Result<base::TargetId> target_of_database(store::Repository& repository, std::optional<base::TargetId> target,
                                                const std::string& database_name) {
    return repository.with_connection([&](postgres::Connection& connection) -> base::Result<base::TargetId> {
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query("select distinct k.target_id, t.name from pganalytics.statement_keys as k "
                             "join pganalytics.targets as t using (target_id) where k.database_name = $1 "
                             "and ($2::integer is null or k.target_id = $2) and t.removed_at is null order by 1",
                             {database_name, target ? std::optional(std::to_string(base::to_integer(*target)))
                                                    : std::optional<std::string>()}));
        if (rows.empty()) {
            return base::Error{base::ErrorCode::not_found,
                               fmt::format("Nothing was collected of database \"{}\"", database_name),
                               "`pganalytics targets list` shows what is collected.", "database_name"};
        }
        if (rows.size() == 1) return base::TargetId{rows.integer(0, 0).value_or(0)};
        std::vector<std::string> names;
        for (std::size_t row = 0; row < rows.size(); ++row) {
            names.push_back(fmt::format("{} ({})", rows.text(row, 0), rows.text(row, 1)));
        }
        return base::Error{base::ErrorCode::conflict,
                           fmt::format("{} targets have a database \"{}\"", rows.size(), database_name),
                           fmt::format("Name one as target: {}.", base::join(names, ", ")), "target"};
    });
}

base::Result<store::Job> enqueue_training(store::Repository& repository, const TrainingRequest& request,
                                          base::Timestamp now) {
    PGANALYTICS_ASSIGN(
        const auto outlook,
        sample_outlook(repository, {request.target, request.database_name, window_of(request, now)}, now));
    if (!outlook.enough()) return too_few_samples(outlook, request.database_name);
    store::NewJob job;
    job.kind = training_job_kind;
    job.target_id = request.target;
    job.payload_json = to_json(request).dump();
    job.max_attempts = most_attempts;
    if (!request.force_retrain) {
        job.unique_key = fmt::format("{}/{}/{}", base::to_integer(request.target), request.database_name,
                                     prediction::to_string(request.type));
    }
    return store::JobStore(repository).enqueue(job);
}

base::Result<TrainedModel> train_performance_model(store::Repository& repository, const base::Clock& clock,
                                                   const TrainingRequest& request, std::optional<base::JobId> job,
                                                   const GoOn& go_on) {
    const GoOn always = [](double, std::string_view) { return true; };
    return TrainingRun(repository, request, job, go_on ? go_on : always).run(clock.now());
}

nlohmann::json to_json(const TrainedModel& trained) {
    const auto number = [](const std::optional<double>& value) {
        return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
    };
    const auto& figures = trained.stored.figures;
    return {{"model_id", base::to_integer(trained.stored.id)},
            {"r_squared", number(figures.r_squared)},
            {"rmse", number(figures.rmse)},
            {"mae", number(figures.mae)},
            {"training_samples", trained.stored.training_samples},
            {"activated", trained.activated},
            {"comparison", trained.comparison}};
}

}  // namespace pganalytics::workflow
