#pragma once
// The databases that predictions are asked for, each with what is known of its times (database_predictor.hpp), in one
// snapshot that is switched atomically: a request works with the snapshot it began with, so that an activation never
// loses one. A thread asks the repository twice a second which models are active, and takes in newer history once a
// minute. What cannot be read leaves what serves in its place, and is logged once.
// Thread-safe.

#include <atomic>
#include <chrono>
#include <compare>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "workflow/database_predictor.hpp"

namespace pganalytics::workflow {

struct DatabaseName {
    base::TargetId target{};
    std::string database_name;
    friend auto operator<=>(const DatabaseName&, const DatabaseName&) = default;
};

struct ServingOptions {
    std::chrono::milliseconds look_every{500};     ///< for activations
    std::chrono::seconds newer_history_every{60};  ///< of databases that were asked for
};

class ServingModels {
  public:
    using Predictor = std::shared_ptr<const DatabasePredictor>;

    /// Repository and clock must outlive it.
    ServingModels(store::Repository& repository, const base::Clock& clock, base::Log log, ServingOptions options = {});
    ~ServingModels();
    ServingModels(const ServingModels&) = delete;
    ServingModels& operator=(const ServingModels&) = delete;

    /// Read at the first request for a database, from then on at hand. Errors as DatabasePredictor::read; what failed
    /// is tried again after a few seconds.
    [[nodiscard]] base::Result<Predictor> of(const DatabaseName& name);
    /// With a certain model, active or not; the few used last are kept.
    [[nodiscard]] base::Result<Predictor> of(const DatabaseName& name, base::ModelId model);
    /// Models that serve now.
    [[nodiscard]] std::vector<store::StoredModel> serving() const;

  private:
    using Snapshot = std::map<DatabaseName, Predictor>;

    void watch(const std::stop_token& stop);
    void look_for_activations();
    void take_in_newer_history();
    void publish(const DatabaseName& name, Predictor predictor);

    store::Repository& repository_;
    const base::Clock& clock_;
    const base::Log log_;
    const ServingOptions options_;
    std::atomic<std::shared_ptr<const Snapshot>> snapshot_;
    std::mutex reading_;  ///< one reads, those that came for the same wait for it
    std::map<DatabaseName, std::pair<base::Error, std::chrono::steady_clock::time_point>> failed_;
    std::map<std::pair<DatabaseName, base::ModelId>, std::pair<Predictor, std::chrono::steady_clock::time_point>>
        by_model_;
    std::map<DatabaseName, store::ActiveModel> known_active_;  ///< the thread's own
    std::string last_trouble_;                                 ///< the thread's own
    std::jthread thread_;                                      // last: it uses all of the above
};

}  // namespace pganalytics::workflow
