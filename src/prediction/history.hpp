#pragma once
// The ladder of a prediction: what the same statement took, what others of its template took, what the model says. They
// are combined by precision, not by thresholds: each is a normal belief about the statement's log time, and the noise
// within statements, between statements of a template and of the model are estimated from the past itself (empirical
// Bayes; Efron & Morris 1975, in the two-level form of Gelman & Hill 2006, ch. 12). Robust throughout: medians for
// places, mean absolute deviations for spreads. How noisy one statement is is shrunk towards what is usual as far as
// statements are alike in it (Smyth 2004), and the model's own error is scaled by what predicted past runs best, so
// that a model that knows less than the past does not pull answers away from it.
//
// Runs from before a lasting change of a statement's times (drift.hpp) say nothing of it any more and are forgotten.
// Newer runs count more where that predicted the next run better in the past. Where the model tells runs of one
// statement apart (other literals, load), only what it leaves over is averaged, as far as that helped.
// Runs that began with a cold cache and with a warm one have a place and a noise each. From the one place the other is
// known up to what the model's difference between the two left over in statements that have run both ways.
// Intervals are conformal on each run predicted without itself (from its past alone where times are known).
//
// Log milliseconds. Immutable after learning; thread-safe.

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <span>
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
    bool cold = false;  ///< began with nothing in cache
};
/// Whether features say so; false where they do not tell.
[[nodiscard]] bool ran_cold(std::span<const double> features);

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
                                base::Timestamp at, std::optional<double> level = {}, bool cold = false) const;

    /// How far a model that had not seen the statement was from its runs, in parts of the way to the end of the
    /// interval that it promised; over 1: its times contradict what can be known of it from a plan. 0 where it never
    /// ran.
    [[nodiscard]] double misjudged(const std::string& statement) const;

    /// What learning found, for the model's page.
    struct Found {
        double noise = 0, cold_noise = 0;  ///< usual within a statement, standard deviation
        double noise_prior_runs = 0;       ///< the usual noise counts as so many runs beside a statement's own
        std::optional<double> between;     ///< between statements of a template
        /// Between what a statement's warm runs tell of its cold ones, and what they took.
        std::optional<double> transfer;
        double statement_slope = 0, template_slope = 0;  ///< share of the model's differences that is believed
        double transfer_slope = 1;
        std::optional<double> half_life_days;  ///< of a run's weight; absent: all count alike
        double doubt = 1;                      ///< the variance that the model admits is multiplied by it
    };
    [[nodiscard]] const Found& found() const { return found_; }

  private:
    struct Run {
        double log_ms = 0, model_log_ms = 0;
        base::Timestamp at{};
        std::size_t past = 0;  ///< where it stands in what was learned from
    };
    using Runs = std::span<const Run>;
    /// By whether they began cold.
    template <typename T>
    using ByCache = std::array<T, 2>;
    struct Statement {
        std::string group;
        ByCache<std::vector<Run>> runs;  ///< oldest first
        double misjudged = 0;
    };
    /// A normal belief about the log time of one run to come, its own noise left out.
    struct Belief {
        double mean = 0, variance = 0;
    };
    struct Place {
        double center = 0, runs = 0;  ///< runs: effective number
    };
    /// What its statement says of a run: from runs that began alike, and from the others.
    struct OwnPast {
        Place alike, other;
        double noise = 0, other_noise = 0;
        [[nodiscard]] bool known() const { return alike.runs > 0 || other.runs > 0; }
    };
    /// What its template says of a run.
    struct TemplatePast {
        double middle = 0, statements = 0;
    };
    /// A past run, as it would have been predicted.
    struct Judged {
        double log_ms = 0;
        LogPrediction model;
        OwnPast own;
        TemplatePast of_template;
        bool cold = false, first = false;
    };

    [[nodiscard]] Place place_of(Runs runs, std::size_t left_out, double slope, base::Timestamp at) const;
    /// A statement's own noise, shrunk to what is usual.
    [[nodiscard]] double noise_of(Runs runs, bool cold, std::size_t left_out) const;
    [[nodiscard]] OwnPast own_past(Runs alike, std::size_t left_out, Runs other, bool cold, base::Timestamp at) const;
    /// Of the errors of statements, those that tell of runs that begin so.
    [[nodiscard]] const ErrorDistribution& statement_errors(bool cold) const;
    [[nodiscard]] double usual_noise(bool cold) const { return cold ? found_.cold_noise : found_.noise; }
    [[nodiscard]] TemplatePast template_past(const std::string& group, bool cold,
                                             const std::optional<double>& left_out) const;
    [[nodiscard]] Belief of_model(const LogPrediction& model, bool cold) const;
    [[nodiscard]] Belief with_template(const Belief& prior, double model_log_ms, const TemplatePast& past) const;
    [[nodiscard]] Belief with_statement(const Belief& prior, double model_log_ms, const OwnPast& past) const;
    [[nodiscard]] double spread_of(const Belief& belief, double noise) const;

    void add_runs(const std::vector<PastRun>& past);
    void choose_slopes();
    void forget_what_moved();
    void choose_half_life();
    void measure_noise();
    void measure_transfer();
    void measure_between();
    void measure_misjudged(const std::vector<PastRun>& past);
    [[nodiscard]] std::vector<Judged> judged(const std::vector<PastRun>& past) const;
    void choose_doubt(const std::vector<Judged>& runs);
    void calibrate(const std::vector<Judged>& runs);

    std::map<std::string, Statement> statements_;
    ByCache<std::map<std::string, std::vector<double>>> template_places_;  ///< of its statements, rising
    Found found_;
    bool timed_ = false;
    double level_ = 0.9;
    ErrorDistribution statement_errors_, template_errors_;
    ByCache<ErrorDistribution> errors_by_cache_;
};

}  // namespace pganalytics::prediction
