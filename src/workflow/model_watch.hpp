#pragma once
// What watching one model has seen so far: errors of its answers, interval by interval, and what moved. A value that is
// stored between looks. Internal to `workflow`; not thread-safe.

#include <deque>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"
#include "prediction/adaptive_interval.hpp"
#include "prediction/drift.hpp"
#include "prediction/history.hpp"

namespace pganalytics::workflow {

/// A statement whose errors moved.
struct MovedErrors {
    std::string statement;  ///< statement_key
    base::QueryHash query_hash{};
    double factor = 1;  ///< its times are so many times what the model expects, beyond what was normal
    base::Timestamp at{};
    std::vector<std::string> features;  ///< inputs that moved with it, what matters most first
};

struct MovedInput {
    std::string feature;
    double index = 0, threshold = 0;
    double importance = 0;  ///< of the feature in the model
};

class ModelWatch {
  public:
    explicit ModelWatch(double level = 0.9) : interval_(level) {}

    /// One interval of one statement. Its errors' lasting change of level, where it shows now.
    [[nodiscard]] std::optional<double> observe(const std::string& statement, const prediction::LogPrediction& said,
                                                double log_ms, base::Timestamp at);
    void note(MovedErrors moved);
    void note(std::vector<MovedInput> moved, base::Timestamp at);

    [[nodiscard]] const prediction::AdaptiveInterval& interval() const { return interval_; }
    [[nodiscard]] std::optional<base::Timestamp> inputs_looked_at() const { return inputs_looked_at_; }
    /// Sentences: why the model should be trained anew, as of `now`. One statement among many is none; a twentieth of
    /// them within a day is, and so is an input that matters to the model.
    [[nodiscard]] std::vector<std::string> reasons(base::Timestamp now) const;

    /// For readers (API field `drift`).
    [[nodiscard]] nlohmann::json summary(base::Timestamp watched_to) const;
    [[nodiscard]] nlohmann::json to_json() const;
    /// A fresh one where it is damaged: it learns anew.
    [[nodiscard]] static ModelWatch from_json(const nlohmann::json& json, double level);

  private:
    struct Statement {
        prediction::ErrorDrift errors;
        base::Timestamp seen_at{};
    };
    struct Seen {
        double log_error = 0, accuracy = 0;
        bool inside = false;
    };
    void forget_the_oldest();

    prediction::AdaptiveInterval interval_;
    std::map<std::string, Statement> statements_;
    std::deque<Seen> latest_;
    std::int64_t intervals_ = 0;
    std::vector<MovedErrors> errors_;  ///< oldest first
    std::vector<MovedInput> inputs_;
    std::optional<base::Timestamp> inputs_looked_at_;
};

}  // namespace pganalytics::workflow
