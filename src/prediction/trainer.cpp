// One training run: folds by group, what each candidate says of groups it did not see, the blend, the size and
// distribution of its errors, and the final fit on everything.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "prediction/level_fit.hpp"
#include "prediction/quantiles.hpp"
#include "prediction/training.hpp"

namespace pganalytics::prediction {

namespace {

/// More folds leave errors closer to those of the final model; many rows make them dear and needless.
int fold_count(std::size_t rows) {
    return rows <= 2000 ? 10 : 5;
}
/// Fold models learn from so many rows at most: the choice between candidates hardly changes beyond.
constexpr std::size_t most_fold_rows = 6000;

}  // namespace

class Trainer {
  public:
    Trainer(const Dataset& data, const TrainOptions& options) : options_(options), rows_(feature_definitions().size()) {
        for (const auto& sample : data) {
            rows_.add_row(sample.features);
            target_.push_back(std::log(sample.runtime_ms));
            cost_.push_back(sample.features[total_cost_feature()]);
            weight_.push_back(sample.weight);
            groups_.push_back(sample.group);
            templates_.push_back(sample.template_id);
        }
        // Weights relative to their mean, so that penalties and minimum child weights mean the same for any data.
        const double mean = std::accumulate(weight_.begin(), weight_.end(), 0.0) / static_cast<double>(weight_.size());
        for (auto& weight : weight_) weight /= mean;
        fold_ = group_folds(groups_, fold_count(data.size()), options.seed);
        folds_ = 1 + *std::max_element(fold_.begin(), fold_.end());
        for (const auto& group : groups_) ++group_size_[group];
        // Half by sample and half by group: neither one huge group nor many tiny ones decide.
        const double samples = static_cast<double>(groups_.size()), groups = static_cast<double>(group_size_.size());
        for (std::size_t i = 0; i < groups_.size(); ++i) {
            const double in_group = static_cast<double>(group_size_.at(groups_[i]));
            importance_.push_back(weight_[i] * 0.5 * (1 / samples + 1 / (groups * in_group)) * samples);
        }
    }

    base::Result<Training> run() {
        PGANALYTICS_RETURN_IF_ERROR(step("tuning", 0.05));
        PGANALYTICS_RETURN_IF_ERROR(tune());
        PGANALYTICS_RETURN_IF_ERROR(step("calibrating", 0.7));
        calibrate();
        PGANALYTICS_RETURN_IF_ERROR(step("fitting", 0.8));
        Training training;
        PGANALYTICS_RETURN_IF_ERROR(fit_all(training.model));
        Model& model = training.model;
        model.type_ = options_.type;
        model.level_ = options_.level;
        model.spread_linear_ = spread_;
        model.spread_floor_ = spread_floor_;
        model.spread_scale_ = scale_;
        model.errors_ = errors_;
        model.levelled_errors_ = levelled_errors_;
        for (std::size_t i = 0; i < target_.size(); ++i)
            training.unseen.push_back(around(unseen_[i], unseen_spread_[i], errors_, options_.level));
        return training;
    }

  private:
    base::Status step(std::string_view stage, double progress) const {
        if (!options_.go_on || options_.go_on(stage, progress)) return {};
        return base::Error{base::ErrorCode::conflict, "The training was cancelled", {}, {}};
    }

    /// Positions outside a fold, thinned evenly; all with fold −1 and `most` 0.
    [[nodiscard]] std::vector<std::size_t> outside(int fold, std::size_t most) const {
        std::vector<std::size_t> indices;
        for (std::size_t i = 0; i < target_.size(); ++i) {
            if (fold_[i] != fold) indices.push_back(i);
        }
        const std::size_t stride = most == 0 ? 1 : std::max<std::size_t>(1, (indices.size() + most - 1) / most);
        std::vector<std::size_t> thinned;
        for (std::size_t k = 0; k < indices.size(); k += stride) thinned.push_back(indices[k]);
        return thinned;
    }

    /// What corrections are learned from, and what they correct.
    struct Part {
        Matrix rows;
        std::vector<double> target, weight;
        CostFit cost;
        WorkFit work;
        [[nodiscard]] double base(const Candidate& candidate, std::span<const float> row) const {
            return candidate.work ? work.log_ms(row) : cost.log_ms(row[total_cost_feature()]);
        }
    };

    [[nodiscard]] Part part_of(const std::vector<std::size_t>& indices) const {
        Part part{Matrix(rows_.columns()), {}, {}, {}, {}};
        std::vector<double> costs, values(rows_.columns());
        std::set<std::string> groups;
        for (const auto i : indices) {
            const auto row = rows_.row(i);
            std::copy(row.begin(), row.end(), values.begin());
            part.rows.add_row(values);
            part.target.push_back(target_[i]);
            part.weight.push_back(weight_[i]);
            costs.push_back(cost_[i]);
            groups.insert(groups_[i]);
        }
        part.cost = fit_cost(costs, part.target, part.weight);
        const bool sums_work = std::any_of(recipe_.candidates.begin(), recipe_.candidates.end(),
                                           [](const Candidate& candidate) { return candidate.work; });
        // Samples of a group repeat each other in part: their worth lies between the groups' number and their own.
        const double evidence = std::sqrt(static_cast<double>(indices.size() * groups.size()));
        if (sums_work) part.work = WorkFit::fit(part.rows, part.target, part.weight, evidence);
        return part;
    }

    static base::Result<Correction> learn(const Candidate& candidate, const Part& part) {
        std::vector<double> residual;
        for (std::size_t i = 0; i < part.target.size(); ++i)
            residual.push_back(part.target[i] - part.base(candidate, part.rows.row(i)));
        PGANALYTICS_ASSIGN(auto correction, learn_correction(candidate, part.rows, residual, part.weight));
        // As in the trees: a costlier plan must never be faster for its cost alone.
        correction.linear.bound_slope(total_cost_feature(), candidate.work ? 0 : -part.cost.slope);
        return correction;
    }

    /// What each candidate says of the samples whose group it did not see.
    base::Status tune() {
        recipe_ = recipe_for(options_.type, target_.size(), options_.seed, options_.threads);
        std::vector<std::vector<double>> corrections(recipe_.candidates.size(), std::vector<double>(target_.size()));
        std::vector<double> base(target_.size()), residual(target_.size());
        for (int fold = 0; fold < folds_; ++fold) {
            const Part part = part_of(outside(fold, most_fold_rows));
            for (std::size_t c = 0; c < recipe_.candidates.size(); ++c) {
                const double done =
                    (fold + static_cast<double>(c) / static_cast<double>(recipe_.candidates.size())) / folds_;
                PGANALYTICS_RETURN_IF_ERROR(step("tuning", 0.05 + 0.65 * done));
                PGANALYTICS_ASSIGN(const auto correction, learn(recipe_.candidates[c], part));
                for (std::size_t i = 0; i < target_.size(); ++i) {
                    if (fold_[i] != fold) continue;
                    corrections[c][i] = part.base(recipe_.candidates[c], rows_.row(i)) - part.cost.log_ms(cost_[i]) +
                                        correction.predict(rows_.row(i));
                }
            }
            for (std::size_t i = 0; i < target_.size(); ++i) {
                if (fold_[i] != fold) continue;
                base[i] = part.cost.log_ms(cost_[i]);
                residual[i] = target_[i] - base[i];
            }
        }
        choose(corrections, residual);
        unseen_ = base;
        for (std::size_t c = 0; c < corrections.size(); ++c) {
            for (std::size_t i = 0; i < target_.size(); ++i) unseen_[i] += blend_[c] * corrections[c][i];
        }
        return {};
    }

    void choose(const std::vector<std::vector<double>>& corrections, const std::vector<double>& residual) {
        // Groups are what repeats; ten of them a candidate is little.
        const double prior = 10.0 * static_cast<double>(target_.size()) / static_cast<double>(group_size_.size());
        if (recipe_.blended) {
            blend_ = blend_weights(corrections, residual, importance_, prior);
            return;
        }
        double least = std::numeric_limits<double>::infinity();
        for (std::size_t c = 0; c < corrections.size(); ++c) {
            const double weight = blend_weights({corrections[c]}, residual, importance_, prior).front();
            double loss = 0;
            for (std::size_t i = 0; i < residual.size(); ++i)
                loss += importance_[i] * std::abs(residual[i] - weight * corrections[c][i]);
            if (loss >= least) continue;
            least = loss;
            blend_.assign(corrections.size(), 0.0);
            blend_[c] = weight;
        }
    }

    void calibrate() {
        std::vector<double> sizes;
        for (std::size_t i = 0; i < target_.size(); ++i) sizes.push_back(std::abs(target_[i] - unseen_[i]));
        spread_floor_ = std::max(0.005, quantile(sizes, 0.1));
        // The size of errors, learned without the fold it is then used on, so that its ratios are honest.
        std::vector<double> ratio(target_.size());
        unseen_spread_.resize(target_.size());
        for (int fold = 0; fold < folds_; ++fold) {
            const Ridge spread = fit_spread(sizes, fold);
            for (std::size_t i = 0; i < target_.size(); ++i) {
                if (fold_[i] != fold) continue;
                unseen_spread_[i] = std::max(spread_floor_, std::exp(spread.predict(rows_.row(i))));
                ratio[i] = (target_[i] - unseen_[i]) / unseen_spread_[i];
            }
        }
        spread_ = fit_spread(sizes, -1);
        const std::size_t groups = group_size_.size() < 2 ? target_.size() : group_size_.size();
        const std::set<std::string> templates(templates_.begin(), templates_.end());
        // Templates of one group repeat each other in part, groups do not: what is independent lies between.
        const double units = std::sqrt(static_cast<double>(groups * std::max(groups, templates.size())));
        scale_ = SpreadScale::fit(unseen_, ratio, importance_, units, options_.level);
        for (std::size_t i = 0; i < target_.size(); ++i) {
            unseen_spread_[i] *= scale_.at(unseen_[i]);
            ratio[i] /= scale_.at(unseen_[i]);
        }
        errors_ = ErrorDistribution(ratio, importance_, units);
        calibrate_confidence(errors_, ratio, unseen_spread_, importance_);
        calibrate_levelled();
    }

    /// Errors of groups whose level is known from half of their statements, on the other half.
    void calibrate_levelled() {
        std::vector<LevelledRun> runs;
        for (std::size_t i = 0; i < target_.size(); ++i)
            runs.push_back({groups_[i], templates_[i], target_[i], unseen_[i]});
        const auto shifts = shifts_of_other_half(runs, options_.seed);
        std::vector<double> ratio, spread, weight;
        std::set<std::string> statements;
        for (std::size_t i = 0; i < target_.size(); ++i) {
            if (shifts[i] == 0) continue;
            ratio.push_back((target_[i] - unseen_[i] - shifts[i]) / unseen_spread_[i]);
            spread.push_back(unseen_spread_[i]);
            weight.push_back(importance_[i]);
            statements.insert(groups_[i] + '\n' + templates_[i]);
        }
        // A tenth must be able to miss on both sides before anything else is promised than without a level.
        if (statements.size() < 40) return;
        levelled_errors_ = ErrorDistribution(ratio, weight, static_cast<double>(statements.size()));
        calibrate_confidence(levelled_errors_, ratio, spread, weight);
    }

    /// What `errors` promise of each sample, against whether it was kept.
    static void calibrate_confidence(ErrorDistribution& errors, const std::vector<double>& ratio,
                                     const std::vector<double>& spread, const std::vector<double>& weight) {
        const double low = std::log(0.7), high = std::log(1.3);
        std::vector<double> said, kept;
        for (std::size_t i = 0; i < ratio.size(); ++i) {
            const double error = ratio[i] * spread[i];
            said.push_back(errors.share_within(low / spread[i], high / spread[i]));
            kept.push_back(error >= low && error <= high ? 1 : 0);
        }
        errors.calibrate(ConfidenceScale::fit(said, kept, weight, errors.units()));
    }

    [[nodiscard]] Ridge fit_spread(const std::vector<double>& sizes, int left_out) const {
        Matrix rows(rows_.columns());
        std::vector<double> log_size, weight, values(rows_.columns());
        for (const auto i : outside(left_out, 20'000)) {
            const auto row = rows_.row(i);
            std::copy(row.begin(), row.end(), values.begin());
            rows.add_row(values);
            log_size.push_back(std::log(std::max(sizes[i], spread_floor_)));
            weight.push_back(importance_[i]);
        }
        constexpr double strong_penalty = 3;
        return Ridge::fit(rows, log_size, weight, strong_penalty);
    }

    base::Status fit_all(Model& model) const {
        const Part everything = part_of(outside(-1, 0));
        model.cost_fit_ = everything.cost;
        model.work_ = everything.work;
        double left = 1;
        for (std::size_t c = 0; c < recipe_.candidates.size(); ++c) {
            if (blend_[c] == 0) continue;
            PGANALYTICS_ASSIGN(const auto correction, learn(recipe_.candidates[c], everything));
            if (recipe_.candidates[c].work) model.work_share_ += blend_[c];
            model.linear_.add(correction.linear, blend_[c]);
            model.trees_.add(correction.trees, blend_[c]);
            model.chosen_ += fmt::format("{:.2f} × ({}) + ", blend_[c], recipe_.candidates[c].words);
            left -= blend_[c];
        }
        model.chosen_ += left > 0.005 ? fmt::format("cost fit, correction held back by {:.2f}", left) : "cost fit";
        return {};
    }

    const TrainOptions& options_;
    Matrix rows_;
    std::vector<double> target_, cost_, weight_, importance_;
    std::vector<std::string> groups_, templates_;
    std::map<std::string, std::size_t> group_size_;
    std::vector<int> fold_;
    int folds_ = 1;
    Recipe recipe_;
    std::vector<double> blend_;
    std::vector<double> unseen_, unseen_spread_;
    Ridge spread_;
    double spread_floor_ = 0.01;
    SpreadScale scale_;
    ErrorDistribution errors_, levelled_errors_;
};

base::Result<Training> train_model(const Dataset& data, const TrainOptions& options) {
    if (data.size() < Model::fewest_samples) {
        return base::Error{base::ErrorCode::unprocessable,
                           fmt::format("{} samples are too few to learn from", data.size()),
                           fmt::format("At least {} are needed.", Model::fewest_samples), "samples"};
    }
    return Trainer(data, options).run();
}

}  // namespace pganalytics::prediction
