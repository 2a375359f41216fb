#include "workflow/measured_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/text.hpp"
#include "base/units.hpp"

namespace pganalytics::workflow {

namespace {

using store::SettingMeasurement;

// Of the blocks written, and of the memory: within this factor it is the same situation.
constexpr double about_the_same = 1.5;
// A spill that stayed says nothing of a value that is larger by more than this.
constexpr double hardly_larger = 1.1;

double bytes_of(const std::string& setting) {
    const auto memory = base::parse_memory(setting);
    return memory ? static_cast<double>(memory->value) : 0;
}

std::string when(const SettingMeasurement& measurement) {
    return base::to_rfc3339(measurement.measured_at).substr(0, 10);
}

const SettingMeasurement* measurement_of(const std::vector<SettingMeasurement>& measurements,
                                         const RankedAdvice& ranked) {
    if (!is_setting_advice(ranked) || ranked.advice.served.empty()) return nullptr;
    const auto found =
        std::find_if(measurements.begin(), measurements.end(), [&ranked](const SettingMeasurement& measurement) {
            return measurement.setting == measured_setting &&
                   measurement.query_hash == ranked.advice.served.front().query_hash;
        });
    return found == measurements.end() ? nullptr : &*found;
}

}  // namespace

bool is_setting_advice(const RankedAdvice& ranked) {
    return ranked.parameter && (ranked.parameter->name == "work_mem" || ranked.parameter->name == "sort_mem");
}

void take_over_measured(double gain_percent, std::string checked, RankedAdvice& ranked) {
    auto& advice = ranked.advice;
    advice.evidence.basis = advice::Basis::measured_time;
    advice.evidence.checked.push_back(std::move(checked));
    advice.estimated_improvement_percent = gain_percent;
    for (auto& served : advice.served) served.improvement_percent = gain_percent;
    // What was measured is the strongest evidence that there is.
    if (const auto prior = advice::rule_prior(advice.rule, 1.0)) {
        advice.confidence = prior->updated(advice.evidence.record);
    }
    auto parameter = std::move(ranked.parameter);
    ranked = rank(std::move(advice));
    ranked.parameter = std::move(parameter);
}

std::string what_changed_since(const SettingMeasurement& measurement, const ParameterChange& change) {
    if (measurement.plan_shape != change.plan_shape) return "its plan is another one";
    if (measurement.current_value != change.current_value) {
        return fmt::format("{} was {} then", measurement.setting, measurement.current_value);
    }
    const double blocks = change.temp_blocks / std::max(1.0, measurement.temp_blocks);
    if (blocks > about_the_same || blocks < 1 / about_the_same) {
        return fmt::format("a call writes {:.0f} temporary blocks instead of {:.0f}", change.temp_blocks,
                           measurement.temp_blocks);
    }
    const double memory = bytes_of(change.recommended_value) / std::max(1.0, bytes_of(measurement.tried_value));
    // More than enough is enough; less than what was tried may be too little.
    const double most = measurement.spill_removed ? HUGE_VAL : hardly_larger;
    if (memory > most || memory < 1 / about_the_same) {
        return fmt::format("{} is advised, and {} was tried", change.recommended_value, measurement.tried_value);
    }
    return "";
}

void recall_measured(const std::vector<SettingMeasurement>& measurements, Analysis& analysis) {
    std::vector<RankedAdvice> kept;
    for (auto& ranked : analysis.advice) {
        const auto* measurement = measurement_of(measurements, ranked);
        if (measurement == nullptr || ranked.advice.evidence.basis == advice::Basis::measured_time) {
            kept.push_back(std::move(ranked));
            continue;
        }
        const auto facts = base::join(measurement->facts, "; ");
        const auto changed = what_changed_since(*measurement, *ranked.parameter);
        if (!changed.empty()) {
            ranked.advice.evidence.not_checked.push_back(fmt::format(
                "A measured run: that of {} ({}) no longer counts, because {}", when(*measurement), facts, changed));
        } else if (measurement->helped) {
            take_over_measured(
                measurement->gain_percent,
                fmt::format("Run on {} with {} and without: {}", when(*measurement), measurement->tried_value, facts),
                ranked);
        } else {
            analysis.notes.push_back(
                {"parameters", measurement->query_hash,
                 fmt::format("{}: {} will not help, as measured on {}: {}. That counts until the plan or what it "
                             "writes changes; `pganalytics parameters --verify` measures again",
                             ranked.parameter->name, measurement->tried_value, when(*measurement), facts)});
            continue;
        }
        kept.push_back(std::move(ranked));
    }
    analysis.advice = std::move(kept);
    sort_by_return(analysis);
}

base::Status recall_measured(store::Repository& repository, base::TargetId target, Analysis& analysis) {
    PGANALYTICS_ASSIGN(const auto measurements,
                       store::SettingMeasurements(repository).list(target, analysis.database_name));
    recall_measured(measurements, analysis);
    return {};
}

}  // namespace pganalytics::workflow
