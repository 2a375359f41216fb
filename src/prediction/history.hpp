#pragma once
// The ladder of a prediction: what the same statement took, what others of its template took, what the model says. They
// are combined by precision, not by thresholds: each is a normal belief about the statement's log time, and the noise
// within statements, between statements of a template and of the model are estimated from the past itself (empirical
// Bayes; Efron & Morris 1975, in the two-level form of Gelman & Hill 2006, ch. 12). Robust throughout: medians for
// places, mean absolute deviations for spreads.
//
// Newer runs count more where that predicted the next run better in the past. Where the model tells runs of one
// statement apart (other literals, cache, load), only what it leaves over is averaged, as far as that helped.
// Intervals are conformal on each run predicted without itself (from its past alone where times are known).
//
// Log milliseconds. Immutable after learning; thread-safe.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "prediction/error_distribution.hpp"
#include "prediction/model.hpp"

namespace pganalytics::prediction {

/// One past run and what the model says of it.
struct PastRun {
    std::string statement;  ///< empty: not known to be any other run's
    std::string group;      ///< its template
    double log_ms = 0;
    double model_log_ms = 0;  ///< of the model in use
    LogPrediction unseen;     ///< of a model that had not seen the group (Training::unseen)
    base::Timestamp at{};
};

class History {
  public:
    /// Knows no run: every answer is the model's.
    History() = default;
    [[nodiscard]] static History learn(const std::vector<PastRun>& past, double level = 0.9);

    enum class Source { model, template_history, statement_history };
    struct Answer {
        LogPrediction prediction;
        Source source = Source::model;
        double history_share = 0;  ///< 0 … 1: how far the past moved the model's word
    };
    /// `model` is the model's prediction of this run; `level` of the interval, absent: the one of learning.
    [[nodiscard]] Answer answer(const std::string& statement, const std::string& group, const LogPrediction& model,
                                base::Timestamp at, std::optional<double> level = {}) const;

    /// What learning found, for the model's page.
    struct Found {
        double noise = 0;                                ///< within a statement, standard deviation
        std::optional<double> between;                   ///< between statements of a template
        double statement_slope = 0, template_slope = 0;  ///< share of the model's differences that is believed
        std::optional<double> half_life_days;            ///< of a run's weight; absent: all count alike
    };
    [[nodiscard]] const Found& found() const { return found_; }

  private:
    struct Run {
        double log_ms = 0, model_log_ms = 0;
        base::Timestamp at{};
        double distance = 0;  ///< from the middle of its statement, corrected for being part of it
    };
    struct Statement {
        std::string group;
        std::vector<Run> runs;  ///< oldest first
    };
    /// A normal belief about the log time of one run to come, its own noise left out.
    struct Belief {
        double mean = 0, variance = 0;
    };
    struct Place {
        double center = 0, runs = 0;  ///< runs: effective number
    };

    [[nodiscard]] Place place_of(const std::vector<Run>& runs, std::size_t left_out, double slope,
                                 base::Timestamp at) const;
    /// A statement's own noise, shrunk to everyone's.
    [[nodiscard]] double noise_of(const std::vector<Run>& runs, std::size_t left_out) const;
    [[nodiscard]] Belief of_model(const LogPrediction& model) const;
    [[nodiscard]] Belief with_template(const Belief& prior, double model_log_ms, const std::string& group,
                                       const Statement* left_out, bool& used) const;
    [[nodiscard]] Belief with_statement(const Belief& prior, double model_log_ms, const Place& place,
                                        double noise) const;
    void choose_slopes();
    void choose_half_life();
    void measure_noise();
    void measure_between();
    void calibrate(const std::map<std::string, std::vector<LogPrediction>>& unseen);

    std::map<std::string, Statement> statements_;
    std::map<std::string, std::vector<double>> template_places_;  ///< of its statements, rising
    std::map<std::string, double> own_place_;                     ///< of each statement in its template's slope
    Found found_;
    bool timed_ = false;
    double level_ = 0.9;
    ErrorDistribution statement_errors_, template_errors_;
};

}  // namespace pganalytics::prediction
