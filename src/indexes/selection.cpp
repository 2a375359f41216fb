#include "indexes/selection.hpp"

#include <algorithm>
#include <cmath>

namespace pganalytics::indexes {
namespace {

using Chosen = std::set<std::size_t>;

class Selector {
  public:
    Selector(std::span<const Candidate> pool, std::span<const SelectionSubject> subjects, CostEstimator& estimator,
             const std::vector<double>& write_costs, const SelectionLimits& limits)
        : pool_(pool), subjects_(subjects), estimator_(estimator), write_costs_(write_costs), limits_(limits) {}

    SelectionResult run() {
        while (extend()) {
        }
        while (extend_by_set()) {
        }
        remove_needless();
        SelectionResult result;
        Chosen before;
        for (const auto& members : steps_) {
            Step step = describe(before, members);
            before.insert(members.begin(), members.end());
            if (!step.effects.empty()) result.steps.push_back(std::move(step));
        }
        for (const auto& [candidate, rejection] : outweighed_) {
            if (!before.contains(candidate)) result.outweighed.push_back(rejection);
        }
        return result;
    }

  private:
    /// Cost of one subject when `chosen` exist; asked once for each part of `chosen` that matters to it.
    double cost(std::size_t subject, const Chosen& chosen) {
        const SelectionSubject& one = subjects_[subject];
        std::vector<std::size_t> relevant;
        std::ranges::set_intersection(one.relevant, chosen, std::back_inserter(relevant));
        if (relevant.empty()) return one.base_cost;
        const auto [place, fresh] = costs_.try_emplace({subject, relevant}, one.base_cost);
        if (!fresh) return place->second;
        std::vector<Candidate> candidates;
        for (const std::size_t number : relevant) candidates.push_back(pool_[number]);
        // A part that cannot be planned this time (a lock, a time-out) gains nothing: never a guess.
        if (const auto estimate = estimator_.estimate(one.subject, candidates)) {
            place->second = std::min(one.base_cost, estimate->cost);
        }
        return place->second;
    }

    static Chosen with(Chosen chosen, std::span<const std::size_t> more) {
        chosen.insert(more.begin(), more.end());
        return chosen;
    }

    [[nodiscard]] double write_cost(std::span<const std::size_t> members) const {
        double sum = 0;
        for (const std::size_t number : members) sum += write_costs_.empty() ? 0 : write_costs_[number];
        return sum;
    }

    Step describe(const Chosen& before, const std::vector<std::size_t>& members) {
        Step step{.candidates = members, .effects = {}, .gain = 0, .write_cost = write_cost(members)};
        const Chosen after = with(before, members);
        for (std::size_t i = 0; i < subjects_.size(); ++i) {
            if (!touches(i, members)) continue;
            const double cost_before = cost(i, before);
            // Nothing left to gain for this one: do not ask.
            if (!qualifies(cost_before, subjects_[i].least_cost, limits_)) continue;
            const double cost_after = cost(i, after);
            const double gain = (cost_before - cost_after) * subjects_[i].weight;
            step.gain += std::max(0.0, gain);
            if (qualifies(cost_before, cost_after, limits_)) step.effects.push_back({i, cost_before, cost_after, gain});
        }
        std::ranges::stable_sort(step.effects, std::ranges::greater{}, &StepEffect::gain);
        return step;
    }

    [[nodiscard]] bool touches(std::size_t subject, std::span<const std::size_t> members) const {
        return std::ranges::any_of(members, [&](std::size_t number) {
            return std::ranges::binary_search(subjects_[subject].relevant, number);
        });
    }

    bool pays(const Step& step) {
        if (step.effects.empty()) return false;
        if (step.write_cost <= 0 || step.gain > step.write_cost * limits_.minimum_gain_over_writes) return true;
        for (const std::size_t number : step.candidates) outweighed_[number] = {number, step.gain, step.write_cost};
        return false;
    }

    bool extend() {
        std::optional<Step> best;
        for (std::size_t number = 0; number < pool_.size(); ++number) {
            if (chosen_.contains(number)) continue;
            Step step = describe(chosen_, {number});
            if (!pays(step)) continue;
            if (!best || is_better(step, *best)) best = std::move(step);
        }
        if (!best) return false;
        take({narrowest(best->candidates.front())});
        return true;
    }

    /// By net gain; of equals the shorter, then the one whose leading column tells more rows apart, since it is the
    /// more useful to statements that are not here yet.
    [[nodiscard]] bool is_better(const Step& a, const Step& b) const {
        const double net_a = a.gain - a.write_cost;
        const double net_b = b.gain - b.write_cost;
        constexpr double tie = 1e-3;
        if (std::abs(net_a - net_b) > tie * std::max(std::abs(net_a), std::abs(net_b))) return net_a > net_b;
        const Candidate& one = pool_[a.candidates.front()];
        const Candidate& other = pool_[b.candidates.front()];
        if (one.keys.size() != other.keys.size()) return one.keys.size() < other.keys.size();
        return leading_distinct(one) > leading_distinct(other);
    }

    static double leading_distinct(const Candidate& candidate) {
        const catalog::Column* column = candidate.relation->find_column(candidate.keys.front().column);
        if (column == nullptr || !column->statistics) return 0;
        return column->statistics->distinct_count(std::max(1.0, candidate.relation->rows));
    }

    /// The narrower index that does nearly as much for every subject, if there is one.
    std::size_t narrowest(std::size_t wide) {
        for (std::size_t number = 0; number < pool_.size(); ++number) {
            if (chosen_.contains(number) || !is_prefix(pool_[number], pool_[wide])) continue;
            if (!adds_over(wide, with(chosen_, std::span(&number, 1)))) return number;
        }
        return wide;
    }

    bool adds_over(std::size_t candidate, const Chosen& without) {
        const Chosen all = with(without, std::span(&candidate, 1));
        for (std::size_t i = 0; i < subjects_.size(); ++i) {
            if (!touches(i, std::span(&candidate, 1))) continue;
            if (qualifies(cost(i, without), cost(i, all), limits_)) return true;
        }
        return false;
    }

    /// Where no single index helps any more but a subject's whole set does.
    bool extend_by_set() {
        std::optional<Step> best;
        for (const SelectionSubject& subject : subjects_) {
            std::vector<std::size_t> members;
            std::ranges::set_difference(subject.together, chosen_, std::back_inserter(members));
            if (members.size() < 2) continue;
            members = without_passengers(std::move(members));
            Step step = describe(chosen_, members);
            if (pays(step) && (!best || step.gain - step.write_cost > best->gain - best->write_cost))
                best = std::move(step);
        }
        if (!best) return false;
        take(best->candidates);
        return true;
    }

    /// A set's members without those that it gains nothing from.
    std::vector<std::size_t> without_passengers(std::vector<std::size_t> members) {
        for (std::size_t i = 0; members.size() > 1 && i < members.size();) {
            std::vector<std::size_t> rest = members;
            rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
            if (adds_over(members[i], with(chosen_, rest))) {
                ++i;
            } else {
                members = std::move(rest);
            }
        }
        return members;
    }

    /// What was chosen early may be covered by what came later (a prefix of it, as a rule).
    void remove_needless() {
        for (std::size_t i = 0; i < steps_.size();) {
            Chosen rest = chosen_;
            for (const std::size_t number : steps_[i]) rest.erase(number);
            const bool needed =
                std::ranges::any_of(steps_[i], [&](std::size_t number) { return adds_over(number, rest); }) ||
                needed_together(steps_[i], rest);
            if (needed) {
                ++i;
                continue;
            }
            chosen_ = std::move(rest);
            steps_.erase(steps_.begin() + static_cast<std::ptrdiff_t>(i));
        }
    }

    bool needed_together(const std::vector<std::size_t>& members, const Chosen& rest) {
        return members.size() > 1 && !describe(rest, members).effects.empty();
    }

    void take(std::vector<std::size_t> members) {
        chosen_.insert(members.begin(), members.end());
        steps_.push_back(std::move(members));
    }

    std::span<const Candidate> pool_;
    std::span<const SelectionSubject> subjects_;
    CostEstimator& estimator_;
    const std::vector<double>& write_costs_;
    const SelectionLimits& limits_;
    Chosen chosen_;
    std::vector<std::vector<std::size_t>> steps_;
    std::map<std::pair<std::size_t, std::vector<std::size_t>>, double> costs_;
    std::map<std::size_t, Rejection> outweighed_;
};

}  // namespace

bool qualifies(double before, double after, const SelectionLimits& limits) {
    const double saved = before - after;
    return before > 0 && saved >= limits.minimum_cost_saved &&
           saved * 100 >= before * limits.minimum_improvement_percent;
}

SelectionResult select(std::span<const Candidate> pool, std::span<const SelectionSubject> subjects,
                       CostEstimator& estimator, const std::vector<double>& write_costs,
                       const SelectionLimits& limits) {
    return Selector(pool, subjects, estimator, write_costs, limits).run();
}

}  // namespace pganalytics::indexes
