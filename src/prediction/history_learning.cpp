#include <algorithm>
#include <array>
#include <cmath>

#include "prediction/drift.hpp"
#include "prediction/history.hpp"
#include "prediction/history_parts.hpp"
#include "prediction/quantiles.hpp"

namespace pganalytics::prediction {

using namespace history_parts;

namespace {

/// Older runs than these no longer matter to a median.
constexpr std::size_t most_runs = 128;
constexpr std::array slopes{0.0, 0.25, 0.5, 0.75, 1.0};
/// A choice must be this much better than the simplest one.
constexpr double clearly = 0.99;
/// Fewer statements that ran cold and warm do not tell how the one follows from the other.
constexpr std::size_t fewest_transfers = 5;

/// Mean absolute error when each value is predicted by the median of the others.
struct LeaveOneOut {
    double sum = 0, count = 0;
    void add(std::vector<double> values) {
        if (values.size() < 2) return;
        std::sort(values.begin(), values.end());
        for (std::size_t k = 0; k < values.size(); ++k) sum += std::abs(values[k] - median_without(values, k));
        count += static_cast<double>(values.size());
    }
    [[nodiscard]] double mean() const { return count > 0 ? sum / count : 0; }
};

/// Of several losses the first, unless another is clearly less.
std::size_t simplest_good(const std::vector<double>& losses) {
    const auto least = static_cast<std::size_t>(std::min_element(losses.begin(), losses.end()) - losses.begin());
    return losses[least] < clearly * losses.front() ? least : 0;
}

}  // namespace

History History::learn(const std::vector<PastRun>& past, double level) {
    History history;
    history.level_ = level;
    // Slopes are judged by a model as blind to the group as it is to what comes; so they err towards trust in the past.
    history.add_runs(past);
    history.choose_slopes();
    history.forget_what_moved();
    history.choose_half_life();
    history.measure_noise();
    history.measure_transfer();
    history.measure_between();
    const auto runs = history.judged(past);
    history.choose_doubt(runs);
    history.calibrate(runs);
    history.measure_misjudged(past);
    // From here on runs are seen by the model in use.
    for (auto& [name, statement] : history.statements_) {
        for (auto& cell : statement.runs) {
            for (auto& run : cell) run.model_log_ms = past[run.past].model_log_ms;
        }
    }
    history.measure_between();
    return history;
}

void History::add_runs(const std::vector<PastRun>& past) {
    std::vector<std::size_t> order(past.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return past[a].at < past[b].at; });
    timed_ = !past.empty() && past[order.front()].at != past[order.back()].at;
    for (const auto i : order) {
        // A run of nobody is a statement of its own.
        const std::string name =
            past[i].statement.empty() ? '\n' + std::to_string(statements_.size()) : past[i].statement;
        auto& statement = statements_[name];
        statement.group = past[i].group;
        statement.runs[past[i].cold ? 1 : 0].push_back({past[i].log_ms, past[i].unseen.center, past[i].at, i});
    }
    for (auto& [name, statement] : statements_) {
        for (auto& cell : statement.runs) {
            if (cell.size() > most_runs)
                cell.erase(cell.begin(), cell.begin() + static_cast<std::ptrdiff_t>(cell.size() - most_runs));
        }
    }
}

void History::choose_slopes() {
    std::vector<double> within, between;
    for (const double slope : slopes) {
        LeaveOneOut runs, statements;
        ByCache<std::map<std::string, std::vector<double>>> places;
        for (const auto& [name, statement] : statements_) {
            for (std::size_t cold = 0; cold < 2; ++cold) {
                if (statement.runs[cold].empty()) continue;
                std::vector<double> left;
                for (const auto& run : statement.runs[cold]) left.push_back(run.log_ms - slope * run.model_log_ms);
                places[cold][statement.group].push_back(median(left));
                runs.add(std::move(left));
            }
        }
        for (auto& of_cache : places) {
            for (auto& [group, values] : of_cache) statements.add(std::move(values));
        }
        within.push_back(runs.mean());
        between.push_back(statements.mean());
    }
    found_.statement_slope = slopes[simplest_good(within)];
    found_.template_slope = slopes[simplest_good(between)];
}

void History::forget_what_moved() {
    if (!timed_) return;
    for (auto& [name, statement] : statements_) {
        for (auto& cell : statement.runs) {
            ErrorDrift drift;
            std::size_t begin = 0;
            for (std::size_t k = 0; k < cell.size(); ++k) {
                const auto& run = cell[k];
                const auto shift = drift.observe(run.log_ms - found_.statement_slope * run.model_log_ms, run.at);
                if (shift) begin = k + 1 - std::min(shift->intervals, k + 1);
            }
            cell.erase(cell.begin(), cell.begin() + static_cast<std::ptrdiff_t>(begin));
        }
    }
}

void History::choose_half_life() {
    if (!timed_) return;
    base::Timestamp first = base::Timestamp::max(), last = base::Timestamp::min();
    for (const auto& [name, statement] : statements_) {
        for (const auto& cell : statement.runs) {
            if (cell.empty()) continue;
            first = std::min(first, cell.front().at);
            last = std::max(last, cell.back().at);
        }
    }
    // How fast times move is a matter of the workload, not of the calendar.
    constexpr std::array parts{3.0, 10.0, 30.0, 100.0, 300.0};
    const double span = days_between(first, last);
    std::vector<double> losses;
    for (std::size_t c = 0; c <= parts.size(); ++c) {
        found_.half_life_days = c == 0 ? std::nullopt : std::optional(span / parts[c - 1]);
        double loss = 0;
        for (const auto& [name, statement] : statements_) {
            for (const auto& cell : statement.runs) {
                for (std::size_t k = 1; k < cell.size(); ++k) {
                    const auto place = place_of(Runs(cell).first(k), none, found_.statement_slope, cell[k].at);
                    loss += std::abs(cell[k].log_ms - found_.statement_slope * cell[k].model_log_ms - place.center);
                }
            }
        }
        losses.push_back(loss);
    }
    const auto best = simplest_good(losses);
    found_.half_life_days = best == 0 ? std::nullopt : std::optional(span / parts[best - 1]);
}

void History::measure_noise() {
    ByCache<std::vector<double>> noises, weights;
    std::vector<double> logs, chance;
    for (const auto& [name, statement] : statements_) {
        for (std::size_t cold = 0; cold < 2; ++cold) {
            const auto& cell = statement.runs[cold];
            if (cell.size() < 2) continue;
            std::vector<double> values;
            for (const auto& run : cell) values.push_back(run.log_ms - found_.statement_slope * run.model_log_ms);
            noises[cold].push_back(std::max(1e-3, robust_deviation(values)));
            weights[cold].push_back(static_cast<double>(values.size()) - 1);
        }
    }
    const auto usual = [&](std::size_t cold, double otherwise) {
        return noises[cold].empty() ? otherwise : weighted_quantile(noises[cold], weights[cold], 0.5);
    };
    found_.noise = usual(0, usual(1, 0.2));
    found_.cold_noise = usual(1, found_.noise);
    // Statements differ in noise by more than chance lets their few runs look: by so much less the usual one counts.
    // 0.57 / (n − 1): variance of the logarithm of a deviation that n runs tell, by absolute distances.
    double chances = 0, count = 0;
    for (std::size_t cold = 0; cold < 2; ++cold) {
        for (std::size_t k = 0; k < noises[cold].size(); ++k) {
            logs.push_back(std::log(noises[cold][k] / usual_noise(cold == 1)));
            chances += 0.57 / weights[cold][k];
            ++count;
        }
    }
    constexpr double most_prior = 50, least_prior = 0.5;
    found_.noise_prior_runs = most_prior;
    if (logs.size() < 2) return;
    const double differ = std::pow(robust_deviation(logs), 2) - chances / count;
    if (differ > 0) found_.noise_prior_runs = std::clamp(0.5 / differ, least_prior, most_prior);
}

void History::measure_transfer() {
    std::vector<double> losses;
    std::array<double, slopes.size()> deviations{};
    std::size_t pairs = 0;
    // Simplest is to believe the model's difference: no statement's cold runs are like its warm ones.
    for (std::size_t s = slopes.size(); s-- > 0;) {
        std::vector<double> left;
        for (const auto& [name, statement] : statements_) {
            const auto& [warm, cold] = statement.runs;
            if (warm.empty() || cold.empty()) continue;
            const auto newest = std::max(warm.back().at, cold.back().at);
            left.push_back(place_of(cold, none, slopes[s], newest).center -
                           place_of(warm, none, slopes[s], newest).center);
        }
        pairs = left.size();
        double loss = 0;
        for (const double value : left) loss += std::abs(value);
        losses.push_back(loss);
        deviations[s] = pairs > 0 ? deviation_a_mean * loss / static_cast<double>(pairs) : 0;
    }
    if (pairs < fewest_transfers) return;
    const std::size_t best = slopes.size() - 1 - simplest_good(losses);
    found_.transfer_slope = slopes[best];
    found_.transfer = std::max(1e-3, deviations[best]);
}

void History::measure_between() {
    template_places_ = {};
    double sum = 0, count = 0;
    for (std::size_t cold = 0; cold < 2; ++cold) {
        for (const auto& [name, statement] : statements_) {
            const auto& runs = statement.runs[cold];
            if (runs.empty()) continue;
            template_places_[cold][statement.group].push_back(
                place_of(runs, none, found_.template_slope, runs.back().at).center);
        }
        for (auto& [group, places] : template_places_[cold]) {
            std::sort(places.begin(), places.end());
            if (places.size() < 2) continue;
            const double middle = median(places), statements = static_cast<double>(places.size());
            for (const double place : places) {
                sum += std::abs(place - middle) * std::sqrt(statements / (statements - 1));
                ++count;
            }
        }
    }
    found_.between = count > 0 ? std::optional(std::max(1e-3, deviation_a_mean * sum / count)) : std::nullopt;
}

void History::measure_misjudged(const std::vector<PastRun>& past) {
    for (auto& [name, statement] : statements_) {
        std::vector<double> parts;
        for (const auto& cell : statement.runs) {
            for (const auto& run : cell) {
                const auto& said = past[run.past].unseen;
                const double error = run.log_ms - said.center;
                const double reach = error < 0 ? said.center - said.lower : said.upper - said.center;
                if (reach > 0 && std::isfinite(reach)) parts.push_back(std::abs(error) / reach);
            }
        }
        if (!parts.empty()) statement.misjudged = median(parts);
    }
}

std::vector<History::Judged> History::judged(const std::vector<PastRun>& past) const {
    std::vector<Judged> all;
    for (const auto& [name, statement] : statements_) {
        for (std::size_t cold = 0; cold < 2; ++cold) {
            const auto& runs = statement.runs[cold];
            const auto& others = statement.runs[1 - cold];
            if (runs.empty()) continue;
            const double own_place = place_of(runs, none, found_.template_slope, runs.back().at).center;
            for (std::size_t k = 0; k < runs.size(); ++k) {
                const auto& run = runs[k];
                const auto earlier = timed_
                                         ? std::lower_bound(others.begin(), others.end(), run.at,
                                                            [](const Run& o, base::Timestamp at) { return o.at < at; })
                                         : others.end();
                all.push_back({run.log_ms, past[run.past].unseen,
                               own_past(timed_ ? Runs(runs).first(k) : Runs(runs), timed_ ? none : k,
                                        Runs(others.begin(), earlier), cold == 1, run.at),
                               template_past(statement.group, cold == 1, own_place), cold == 1, k == 0});
            }
        }
    }
    return all;
}

void History::choose_doubt(const std::vector<Judged>& runs) {
    constexpr std::array doubts{1.0, 4.0, 16.0, 256.0};
    std::vector<double> losses;
    for (const double doubt : doubts) {
        found_.doubt = doubt;
        double loss = 0;
        for (const auto& run : runs) {
            if (!run.own.known()) continue;
            const Belief prior = with_template(of_model(run.model, run.cold), run.model.center, run.of_template);
            loss += std::abs(run.log_ms - with_statement(prior, run.model.center, run.own).mean);
        }
        losses.push_back(loss);
    }
    found_.doubt = doubts[simplest_good(losses)];
}

void History::calibrate(const std::vector<Judged>& runs) {
    std::vector<double> of_statements, of_templates;
    ByCache<std::vector<double>> by_cache;
    for (const auto& run : runs) {
        const Belief prior = with_template(of_model(run.model, run.cold), run.model.center, run.of_template);
        if (run.own.known()) {
            const Belief belief = with_statement(prior, run.model.center, run.own);
            of_statements.push_back((run.log_ms - belief.mean) / spread_of(belief, run.own.noise));
            by_cache[run.cold ? 1 : 0].push_back(of_statements.back());
        }
        // A statement's first run is what a new statement of the template looks like.
        if (run.of_template.statements > 0 && (run.first || !run.own.known()))
            of_templates.push_back((run.log_ms - prior.mean) / spread_of(prior, usual_noise(run.cold)));
    }
    const auto distribution = [](const std::vector<double>& ratios) {
        return ErrorDistribution(ratios, std::vector<double>(ratios.size(), 1.0), static_cast<double>(ratios.size()));
    };
    statement_errors_ = distribution(of_statements);
    errors_by_cache_ = {distribution(by_cache[0]), distribution(by_cache[1])};
    template_errors_ = distribution(of_templates);
}

}  // namespace pganalytics::prediction
