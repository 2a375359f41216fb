#include "patterns/smoothing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "patterns/robust.hpp"

namespace pganalytics::patterns {
namespace {

/// Level, first season, second season, slope, autoregression of the error.
using Parameters = std::array<double, 5>;
constexpr std::array<double, 5> lowest{0.0005, 0.0, 0.0, 0.0, -0.3};
constexpr std::array<double, 5> highest{0.99, 0.9, 0.9, 0.2, 0.97};
constexpr double damping = 0.98;

struct State {
    double level = 0;
    double slope = 0;
    double last_error = 0;
    std::vector<double> first;
    std::vector<double> second;
};

class Smoothing final : public ForecastMethod {
  public:
    explicit Smoothing(std::vector<std::size_t> seasons) : seasons_(std::move(seasons)) {}

    std::string name() const override {
        std::string text = "smoothing";
        for (const std::size_t season : seasons_) text += fmt::format("_{}", season);
        return text;
    }
    std::size_t minimum_history() const override { return seasons_.empty() ? 6 : 2 * seasons_.back() + 4; }

    void fit(std::span<const double> history) override {
        const State initial = initial_state(history);
        std::vector<double> naive_errors;
        const std::size_t lag = seasons_.empty() ? 1 : seasons_.front();
        for (std::size_t t = lag; t < history.size(); ++t) naive_errors.push_back(history[t] - history[t - lag]);
        bound_ = 3 * scale_of_residuals(naive_errors);
        double best = INFINITY;
        for (const Parameters& start : {Parameters{0.1, 0.1, 0.1, 0, 0.0}, Parameters{0.02, 0.15, 0.1, 0, 0.8},
                                        Parameters{0.5, 0.2, 0.05, 0.01, 0.0}}) {
            const double loss = run(history, start, initial, nullptr);
            if (loss < best) {
                best = loss;
                parameters_ = start;
            }
        }
        std::array<double, 5> stride{0.1, 0.1, 0.1, 0.02, 0.2};
        for (int round = 0; round < 8; ++round) {
            for (std::size_t i = 0; i < stride.size(); ++i) {
                if ((i == 1 && seasons_.empty()) || (i == 2 && seasons_.size() < 2)) continue;
                bool moved = false;
                for (const double direction : {stride[i], -stride[i]}) {
                    Parameters tried = parameters_;
                    tried[i] = std::clamp(tried[i] + direction, lowest[i], highest[i]);
                    const double loss = run(history, tried, initial, nullptr);
                    if (loss < best) {
                        best = loss;
                        parameters_ = tried;
                        moved = true;
                        break;
                    }
                }
                if (!moved) stride[i] *= 0.4;
            }
        }
    }

    std::vector<double> predict(std::span<const double> history, std::size_t horizon) const override {
        State state;
        run(history, parameters_, initial_state(history), &state);
        std::vector<double> result(horizon);
        double carried = state.last_error;
        double drift = 0;
        double fading = 1;
        for (std::size_t h = 0; h < horizon; ++h) {
            carried *= parameters_[4];
            fading *= damping;
            drift += fading * state.slope;
            const std::size_t t = history.size() + h;
            result[h] = state.level + drift + carried;
            if (!seasons_.empty()) result[h] += state.first[t % seasons_[0]];
            if (seasons_.size() > 1) result[h] += state.second[t % seasons_[1]];
        }
        return result;
    }

  private:
    // Seasons from the first cycles: the longer one takes what the shorter one leaves.
    [[nodiscard]] State initial_state(std::span<const double> history) const {
        State state;
        const std::size_t span = seasons_.empty() ? std::min<std::size_t>(history.size(), 10)
                                                  : std::min(history.size(), 2 * seasons_.back());
        state.slope = initial_slope(history.first(span));
        const double mean = std::accumulate(history.begin(), history.begin() + static_cast<std::ptrdiff_t>(span), 0.0) /
                            static_cast<double>(span);
        state.level = mean - state.slope * static_cast<double>(span + 1) / 2;
        if (!seasons_.empty()) state.first = means_by_place(history.first(span), seasons_[0], state, nullptr);
        if (seasons_.size() > 1) state.second = means_by_place(history.first(span), seasons_[1], state, &state.first);
        return state;
    }

    // From the first half of the span to the second; where there are seasons, each holds whole ones.
    [[nodiscard]] double initial_slope(std::span<const double> values) const {
        const std::size_t half = values.size() / 2;
        if (half == 0 || (!seasons_.empty() && values.size() < 2 * seasons_.back())) return 0;
        const double earlier = std::accumulate(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(half), 0.0);
        const double later = std::accumulate(values.end() - static_cast<std::ptrdiff_t>(half), values.end(), 0.0);
        return (later - earlier) / static_cast<double>(half * (values.size() - half));
    }

    static std::vector<double> means_by_place(std::span<const double> values, std::size_t season, const State& line,
                                              const std::vector<double>* inner) {
        std::vector<double> result(season, 0.0);
        std::vector<std::size_t> counts(season, 0);
        for (std::size_t t = 0; t < values.size(); ++t) {
            const double level = line.level + line.slope * static_cast<double>(t + 1);
            result[t % season] += values[t] - level - (inner != nullptr ? (*inner)[t % inner->size()] : 0.0);
            ++counts[t % season];
        }
        for (std::size_t i = 0; i < season; ++i) result[i] /= static_cast<double>(std::max<std::size_t>(1, counts[i]));
        return result;
    }

    // Sum of bounded squares of the one-step errors behind the warm-up; the last state, if wanted.
    double run(std::span<const double> history, const Parameters& p, const State& initial, State* last) const {
        State state = initial;
        const std::size_t warm_up = seasons_.empty() ? 2 : std::min(seasons_.back(), history.size() / 2);
        const double square_bound = bound_ * bound_;
        double loss = 0;
        std::size_t at_first = 0;
        std::size_t at_second = 0;
        for (std::size_t t = 0; t < history.size(); ++t) {
            double base = state.level + damping * state.slope;
            if (!seasons_.empty()) base += state.first[at_first];
            if (seasons_.size() > 1) base += state.second[at_second];
            const double raw = history[t] - base;
            const double error = raw - p[4] * state.last_error;
            if (t >= warm_up) {
                const double square = error * error;
                // Huber: quadratic while plain, linear beyond.
                loss += bound_ > 0 && square > square_bound ? 2 * bound_ * std::abs(error) - square_bound : square;
            }
            const double used = bound_ > 0 ? std::clamp(error, -2 * bound_, 2 * bound_) : error;
            const double level = state.level + damping * state.slope + p[0] * used;
            state.slope = damping * state.slope + p[0] * p[3] * used;
            state.level = level;
            if (!seasons_.empty()) {
                state.first[at_first] += p[1] * used;
                if (++at_first == seasons_[0]) at_first = 0;
            }
            if (seasons_.size() > 1) {
                state.second[at_second] += p[2] * used;
                if (++at_second == seasons_[1]) at_second = 0;
            }
            state.last_error = std::clamp(raw, -3 * std::max(bound_, 1e-300), 3 * std::max(bound_, 1e-300));
            if (bound_ <= 0) state.last_error = raw;
        }
        if (last != nullptr) *last = std::move(state);
        return loss;
    }

    std::vector<std::size_t> seasons_;
    Parameters parameters_{0.1, 0.1, 0.1, 0, 0};
    double bound_ = 0;
};

}  // namespace

std::unique_ptr<ForecastMethod> make_smoothing(std::vector<std::size_t> seasons) {
    return std::make_unique<Smoothing>(std::move(seasons));
}

}  // namespace pganalytics::patterns
