#include "patterns/changes.hpp"

#include <algorithm>
#include <cmath>

#include "patterns/robust.hpp"

namespace pganalytics::patterns {
namespace {

struct Step {
    std::size_t at = 0;
    double height = 0;
};

// A step's height is its jump beyond the slope that leads to it.
std::vector<Step> steps_of(const Decomposition& model) {
    std::vector<Step> steps;
    const std::vector<double>& trend = model.trend;
    for (const std::size_t at : model.steps) {
        if (at < 2 || at >= trend.size()) continue;
        const double jump = trend[at] - trend[at - 1] - (trend[at - 1] - trend[at - 2]);
        steps.push_back({at, jump});
    }
    return steps;
}

double level(std::span<const double> values, const Decomposition& model, std::size_t from, std::size_t to) {
    std::vector<double> known;
    for (std::size_t t = from; t < to; ++t) {
        if (!std::isnan(values[t])) known.push_back(values[t] - model.seasonal[t]);
    }
    return median(std::move(known));
}

class ChangeSearch {
  public:
    ChangeSearch(std::span<const double> values, const Decomposition& model)
        : values_(values),
          model_(model),
          longest_incident_(std::max<std::size_t>(12, values.size() / 20)),
          bound_(std::sqrt(2 * std::log(static_cast<double>(values.size()) / 0.01))) {
        std::vector<double> sizes;
        for (std::size_t t = 0; t < values.size(); ++t) {
            if (std::isnan(values[t])) continue;
            is_amount_ = is_amount_ && values[t] >= 0;
            sizes.push_back(std::abs(expected(t)));
        }
        usual_ = median(std::move(sizes));
        if (is_amount_ && usual_ > 0) growth_ = growth_of_scatter();
    }

    Changes run() {
        from_steps();
        from_residuals();
        const auto in_time = [](const auto& a, const auto& b) { return place(a) < place(b); };
        std::sort(found_.outliers.begin(), found_.outliers.end(), in_time);
        std::sort(found_.level_shifts.begin(), found_.level_shifts.end(), in_time);
        return std::move(found_);
    }

  private:
    static std::size_t place(const Outlier& outlier) { return outlier.first; }
    static std::size_t place(const LevelShift& shift) { return shift.at; }

    [[nodiscard]] double expected(std::size_t t) const { return model_.trend[t] + model_.seasonal[t]; }

    // A busy hour scatters more than a quiet one: as a power of its size (Taylor 1961), from the root, as counts do, to
    // the size itself, as people do. Told by the busiest tenth beside the rest.
    [[nodiscard]] double growth_of_scatter() const {
        constexpr double least = 0.5;
        constexpr std::size_t least_busy = 12;
        std::vector<double> sizes;
        for (std::size_t t = 0; t < values_.size(); ++t) {
            if (!std::isnan(values_[t])) sizes.push_back(expected(t));
        }
        if (sizes.size() < 10 * least_busy) return least;
        const double busy_from = quantile(sizes, 0.9);
        std::vector<double> of_busy;
        std::vector<double> busy_sizes;
        for (std::size_t t = 0; t < values_.size(); ++t) {
            if (std::isnan(values_[t]) || expected(t) < busy_from) continue;
            of_busy.push_back(model_.remainder[t]);
            busy_sizes.push_back(expected(t));
        }
        const double ratio = median(std::move(busy_sizes)) / usual_;
        const double scatter = scale_of_residuals(of_busy) / model_.noise_scale;
        if (ratio < 1.5 || scatter <= 1) return least;
        return std::clamp(std::log(scatter) / std::log(ratio), least, 1.0);
    }

    [[nodiscard]] double scale(std::size_t t) const {
        if (!is_amount_ || usual_ <= 0) return model_.noise_scale;
        return model_.noise_scale * std::pow(std::max(1.0, expected(t) / usual_), growth_);
    }

    [[nodiscard]] bool is_gross(std::size_t t) const { return std::abs(model_.remainder[t]) > bound_ * scale(t); }

    void from_steps() {
        const std::vector<Step> steps = steps_of(model_);
        for (std::size_t i = 0; i < steps.size(); ++i) {
            const bool is_back = i + 1 < steps.size() && steps[i].height * steps[i + 1].height < 0 &&
                                 std::abs(steps[i].height + steps[i + 1].height) < 0.5 * std::abs(steps[i].height) &&
                                 steps[i + 1].at - steps[i].at <= longest_incident_;
            if (is_back) {
                add_outlier(steps[i].at, steps[i + 1].at - 1, steps[i].height);
                ++i;
            } else if (std::abs(steps[i].height) > model_.noise_scale) {
                const std::size_t from = i == 0 ? 0 : steps[i - 1].at;
                const std::size_t to = i + 1 < steps.size() ? steps[i + 1].at : values_.size();
                add_shift(steps[i].at, from, to);
            }
        }
    }

    void from_residuals() {
        const std::vector<double>& rest = model_.remainder;
        for (std::size_t t = 0; t < rest.size(); ++t) {
            if (!is_gross(t)) continue;
            std::size_t last = t;
            // Two plain samples in a row end an event.
            for (std::size_t next = t + 1; next < rest.size() && next <= last + 2; ++next) {
                if (is_gross(next) && rest[next] * rest[t] > 0) last = next;
            }
            if (last - t < longest_incident_) {
                add_outlier(t, last, 0);
            } else {
                add_shift(t, 0, last + 1);
                if (last + 1 + longest_incident_ < rest.size()) add_shift(last + 1, t, rest.size());
            }
            t = last;
        }
    }

    // `lifted` is what the trend's own step adds in [first, last] beyond what was to be expected.
    void add_outlier(std::size_t first, std::size_t last, double lifted) {
        Outlier outlier{first, last, first, 0, 0, 0};
        for (std::size_t t = first; t <= last; ++t) {
            if (std::isnan(values_[t])) continue;
            const double usual = expected(t) - lifted;
            const double score = (values_[t] - usual) / scale(t);
            if (std::abs(score) < std::abs(outlier.score)) continue;
            outlier.at = t;
            outlier.value = values_[t];
            outlier.expected = usual;
            outlier.score = score;
        }
        found_.outliers.push_back(outlier);
    }

    void add_shift(std::size_t at, std::size_t from, std::size_t to) {
        LevelShift shift{at, level(values_, model_, from, at), level(values_, model_, at, to), 0};
        shift.score = std::abs(shift.after - shift.before) / model_.noise_scale;
        found_.level_shifts.push_back(shift);
    }

    std::span<const double> values_;
    const Decomposition& model_;
    std::size_t longest_incident_;
    double bound_;           // in scales
    bool is_amount_ = true;  // never below 0
    double usual_ = 0;       // median of what is expected
    double growth_ = 0.5;    // exponent of the scatter of amounts
    Changes found_;
};

}  // namespace

Changes find_changes(std::span<const double> values, const Decomposition& model) {
    if (values.size() < 8 || !(model.noise_scale > 0)) return {};
    return ChangeSearch(values, model).run();
}

}  // namespace pganalytics::patterns
