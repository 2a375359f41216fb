#include "workflow/serving_models.hpp"

#include <algorithm>

namespace pganalytics::workflow {

namespace {

constexpr std::chrono::seconds failure_holds{5};
constexpr std::chrono::minutes chosen_model_holds{1};
constexpr std::size_t most_chosen_models = 16;

}  // namespace

ServingModels::ServingModels(store::Repository& repository, const base::Clock& clock, base::Log log,
                             ServingOptions options)
    : repository_(repository),
      clock_(clock),
      log_(std::move(log)),
      options_(options),
      snapshot_(std::make_shared<const Snapshot>()),
      thread_([this](const std::stop_token& stop) { watch(stop); }) {}

ServingModels::~ServingModels() {
    thread_.request_stop();
    thread_.join();
}

base::Result<ServingModels::Predictor> ServingModels::of(const DatabaseName& name) {
    const auto find = [&]() -> Predictor {
        const auto snapshot = snapshot_.load();
        const auto found = snapshot->find(name);
        return found == snapshot->end() ? nullptr : found->second;
    };
    if (auto known = find()) return known;
    const std::lock_guard lock(reading_);
    if (auto known = find()) return known;
    const auto now = clock_.monotonic();
    if (const auto failure = failed_.find(name); failure != failed_.end()) {
        if (now < failure->second.second) return failure->second.first;
        failed_.erase(failure);
    }
    auto read = DatabasePredictor::read(repository_, name.target, name.database_name, clock_.now());
    if (!read) {
        failed_.insert_or_assign(name, std::pair(read.error(), now + failure_holds));
        return std::move(read).error();
    }
    for (const auto& refusal : (*read)->refused()) log_.warning("model_refused", {{"reason", refusal}});
    publish(name, *read);
    return *read;
}

base::Result<ServingModels::Predictor> ServingModels::of(const DatabaseName& name, base::ModelId model) {
    const std::lock_guard lock(reading_);
    const auto now = clock_.monotonic();
    std::erase_if(by_model_, [&](const auto& entry) { return entry.second.second <= now; });
    const std::pair key(name, model);
    if (const auto known = by_model_.find(key); known != by_model_.end()) return known->second.first;
    PGANALYTICS_ASSIGN(auto read,
                       DatabasePredictor::read(repository_, name.target, name.database_name, clock_.now(), model));
    if (by_model_.size() >= most_chosen_models) {
        by_model_.erase(std::min_element(by_model_.begin(), by_model_.end(), [](const auto& a, const auto& b) {
            return a.second.second < b.second.second;
        }));
    }
    by_model_.emplace(key, std::pair(read, now + chosen_model_holds));
    return read;
}

std::vector<store::StoredModel> ServingModels::serving() const {
    std::vector<store::StoredModel> models;
    const auto snapshot = snapshot_.load();
    for (const auto& [name, predictor] : *snapshot) {
        if (predictor->model()) models.push_back(*predictor->model());
    }
    return models;
}

void ServingModels::publish(const DatabaseName& name, Predictor predictor) {
    auto seen = snapshot_.load();
    while (true) {
        auto next = std::make_shared<Snapshot>(*seen);
        next->insert_or_assign(name, predictor);
        if (snapshot_.compare_exchange_strong(seen, std::shared_ptr<const Snapshot>(std::move(next)))) return;
    }
}

void ServingModels::watch(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any woken;
    auto last_history = clock_.monotonic();
    while (!stop.stop_requested()) {
        {
            std::unique_lock lock(mutex);
            woken.wait_for(lock, stop, options_.look_every, [] { return false; });
        }
        if (stop.stop_requested()) return;
        look_for_activations();
        if (clock_.monotonic() - last_history >= options_.newer_history_every) {
            take_in_newer_history();
            last_history = clock_.monotonic();
        }
    }
}

void ServingModels::look_for_activations() {
    const auto snapshot = snapshot_.load();
    if (snapshot->empty()) return;
    const auto active = store::ModelStore(repository_).active_models();
    if (!active) {
        if (active.error().message != last_trouble_)
            log_.warning("active_models_unknown", {{"problem", active.error().to_string()}});
        last_trouble_ = active.error().message;
        return;
    }
    last_trouble_.clear();
    for (const auto& [name, predictor] : *snapshot) {
        const auto found = std::find_if(active->begin(), active->end(), [&](const store::ActiveModel& model) {
            return model.database_name == name.database_name && (!model.target_id || *model.target_id == name.target);
        });
        const auto known = known_active_.find(name);
        if (found == active->end()) {
            if (known == known_active_.end() && !predictor->model()) continue;
        } else if (known != known_active_.end() ? known->second == *found
                                                : predictor->model() && predictor->model()->id == found->id) {
            continue;
        }
        auto read = DatabasePredictor::read(repository_, name.target, name.database_name, clock_.now());
        if (!read) {
            // What serves goes on. A model that cannot be read stays so; a repository that is away is asked again.
            if (read.error().code == base::ErrorCode::retry_later) continue;
            log_.warning("model_not_switched",
                         {{"database", name.database_name}, {"problem", read.error().to_string()}});
        } else {
            for (const auto& refusal : (*read)->refused()) log_.warning("model_refused", {{"reason", refusal}});
            log_.info("model_switched", {{"database", name.database_name}, {"model", (*read)->version()}});
            publish(name, std::move(*read));
        }
        if (found == active->end()) {
            known_active_.erase(name);
        } else {
            known_active_.insert_or_assign(name, *found);
        }
    }
}

void ServingModels::take_in_newer_history() {
    // Held here: publishing lets go of the map that is walked.
    const auto snapshot = snapshot_.load();
    for (const auto& [name, predictor] : *snapshot) {
        if (auto newer = predictor->with_newer(repository_, clock_.now())) publish(name, std::move(*newer));
    }
}

}  // namespace pganalytics::workflow
