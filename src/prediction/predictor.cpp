#include "prediction/predictor.hpp"

#include <fmt/format.h>

#include <array>

namespace pganalytics::prediction {

namespace {

template <typename T>
struct Named {
    T value;
    std::string_view name;
};

constexpr std::array scenarios{Named<Scenario>{Scenario::current, "current"},
                               Named<Scenario>{Scenario::optimized, "optimized"}};
constexpr std::array sources{Named<PredictionSource>{PredictionSource::model, "model"},
                             Named<PredictionSource>{PredictionSource::history, "history"},
                             Named<PredictionSource>{PredictionSource::fallback, "fallback"},
                             Named<PredictionSource>{PredictionSource::unknown, "unknown"}};

}  // namespace

std::string_view to_string(Scenario scenario) {
    return scenarios[static_cast<std::size_t>(scenario)].name;
}

base::Result<Scenario> parse_scenario(std::string_view name) {
    for (const auto& known : scenarios) {
        if (known.name == name) return known.value;
    }
    return base::Error{base::ErrorCode::fix_input, fmt::format("Unknown scenario \"{}\"", name),
                       "Choose current or optimized.", "scenario"};
}

std::string_view to_string(PredictionSource source) {
    return sources[static_cast<std::size_t>(source)].name;
}

base::Result<PredictionSource> parse_prediction_source(std::string_view name) {
    for (const auto& known : sources) {
        if (known.name == name) return known.value;
    }
    return base::Error{base::ErrorCode::fix_input, fmt::format("Unknown source \"{}\"", name), {}, "source"};
}

}  // namespace pganalytics::prediction
