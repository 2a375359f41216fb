#pragma once
// Confidence as a Beta posterior: a rule's prior worth 20 observations, moved by each measured outcome of the rule
// (improved = success; no_effect, regressed = failure; inconclusive counts for nothing).

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace pganalytics::advice {

/// How a rule's advice has done when it was measured.
struct RuleRecord {
    int improved = 0;
    int no_effect = 0;
    int regressed = 0;
    int inconclusive = 0;
    friend bool operator==(const RuleRecord&, const RuleRecord&) = default;
};

/// Beta(α, β) over the probability that the advice helps. Value type.
class Confidence {
  public:
    static constexpr double prior_weight = 20;

    Confidence() = default;
    /// A prior with this mean (0 < mean < 1) worth `prior_weight` observations.
    [[nodiscard]] static Confidence prior(double mean);
    [[nodiscard]] Confidence updated(const RuleRecord& record) const;

    [[nodiscard]] double mean() const { return alpha_ / (alpha_ + beta_); }
    [[nodiscard]] double alpha() const { return alpha_; }
    [[nodiscard]] double beta() const { return beta_; }
    /// Central credible interval's bounds (numerically inverted regularised incomplete beta).
    [[nodiscard]] double quantile(double probability) const;

  private:
    double alpha_ = prior_weight / 2;
    double beta_ = prior_weight / 2;
};

/// I_x(a, b) for a, b > 0: the cumulative distribution of Beta(a, b) at x. Relative precision about 1e-13.
[[nodiscard]] double regularised_incomplete_beta(double a, double b, double x);

/// The prior of a rule: one number, or a range in which `strength` (0..1, the strength of the evidence) decides.
/// not_found for a name that is not registered.
[[nodiscard]] base::Result<Confidence> rule_prior(std::string_view rule, double strength = 0.5);

}  // namespace pganalytics::advice
