#include "workflow/model_watch.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "prediction/quantiles.hpp"

namespace pganalytics::workflow {

namespace {

using Json = nlohmann::json;

/// Answers that "rolling" means.
constexpr std::size_t rolling = 2000;
constexpr std::size_t most_statements = 2000;
constexpr std::size_t most_errors = 50;
constexpr auto recent = std::chrono::hours(24);
constexpr double share_that_counts = 0.05;
constexpr double importance_that_counts = 0.02;

std::int64_t number(base::Timestamp time) {
    return time.time_since_epoch().count();
}
base::Timestamp time_of(const Json& json) {
    return base::Timestamp(std::chrono::microseconds(json.get<std::int64_t>()));
}

Json as_json(const MovedErrors& moved) {
    return {{"statement", moved.statement},
            {"query_hash", base::to_integer(moved.query_hash)},
            {"query_hash_text", std::to_string(base::to_integer(moved.query_hash))},
            {"factor", moved.factor},
            {"at", base::to_rfc3339(moved.at)},
            {"features", moved.features}};
}
Json as_json(const MovedInput& moved) {
    return {{"feature", moved.feature},
            {"index", moved.index},
            {"threshold", moved.threshold},
            {"importance", moved.importance}};
}

}  // namespace

std::optional<double> ModelWatch::observe(const std::string& statement, const prediction::LogPrediction& said,
                                          double log_ms, base::Timestamp at) {
    const auto promised = interval_.adjust(said);
    latest_.push_back({std::abs(log_ms - said.center), std::max(0.0, 1 - std::abs(std::exp(said.center - log_ms) - 1)),
                       log_ms >= promised.lower && log_ms <= promised.upper});
    if (latest_.size() > rolling) latest_.pop_front();
    interval_.observe(said, log_ms);
    ++intervals_;
    auto& own = statements_[statement];
    own.seen_at = at;
    const auto shift = own.errors.observe(log_ms - said.center, at);
    if (statements_.size() > most_statements) forget_the_oldest();
    return shift ? std::optional(shift->log_factor) : std::nullopt;
}

void ModelWatch::forget_the_oldest() {
    statements_.erase(std::min_element(statements_.begin(), statements_.end(), [](const auto& a, const auto& b) {
        return a.second.seen_at < b.second.seen_at;
    }));
}

void ModelWatch::note(MovedErrors moved) {
    errors_.push_back(std::move(moved));
    if (errors_.size() > most_errors) errors_.erase(errors_.begin());
}

void ModelWatch::note(std::vector<MovedInput> moved, base::Timestamp at) {
    inputs_ = std::move(moved);
    inputs_looked_at_ = at;
}

std::vector<std::string> ModelWatch::reasons(base::Timestamp now) const {
    std::vector<std::string> words;
    std::size_t moved = 0;
    for (const auto& error : errors_) moved += now - error.at <= recent ? 1 : 0;
    if (moved > 0 && static_cast<double>(moved) >= share_that_counts * static_cast<double>(statements_.size())) {
        words.push_back(fmt::format("the times of {} of {} statements moved within a day (the last by ×{:.2f})", moved,
                                    statements_.size(), errors_.back().factor));
    }
    std::vector<std::string> inputs;
    for (const auto& input : inputs_) {
        if (input.importance >= importance_that_counts) inputs.push_back(input.feature);
    }
    if (!inputs.empty()) words.push_back(fmt::format("inputs that matter moved: {}", fmt::join(inputs, ", ")));
    return words;
}

Json ModelWatch::summary(base::Timestamp watched_to) const {
    Json result{{"watched_to", base::to_rfc3339(watched_to)},
                {"intervals", intervals_},
                {"statements", statements_.size()},
                {"accuracy_score", nullptr},
                {"coverage", nullptr},
                {"q_error_p50", nullptr},
                {"miss_rate", interval_.miss_rate()},
                {"inputs", Json::array()},
                {"errors", Json::array()}};
    if (!latest_.empty()) {
        double accuracy = 0, inside = 0;
        std::vector<double> errors;
        for (const auto& seen : latest_) {
            accuracy += seen.accuracy;
            inside += seen.inside ? 1 : 0;
            errors.push_back(seen.log_error);
        }
        const auto count = static_cast<double>(latest_.size());
        result["accuracy_score"] = accuracy / count;
        result["coverage"] = inside / count;
        result["q_error_p50"] = std::exp(prediction::median(errors));
    }
    for (const auto& input : inputs_) result["inputs"].push_back(as_json(input));
    for (auto moved = errors_.rbegin(); moved != errors_.rend(); ++moved) result["errors"].push_back(as_json(*moved));
    const auto why = reasons(watched_to);
    result["status"] = why.empty() ? "stable" : "drifting";
    result["reasons"] = why;
    return result;
}

Json ModelWatch::to_json() const {
    Json statements = Json::object(), latest = Json::array(), errors = Json::array(), inputs = Json::array();
    for (const auto& [name, own] : statements_) statements[name] = {number(own.seen_at), own.errors.to_json()};
    // To a thousandth: nobody reads more of a mean of two thousand, and it is written every few minutes.
    const auto rounded = [](double value) { return std::round(value * 1000) / 1000; };
    for (const auto& seen : latest_)
        latest.push_back({rounded(seen.log_error), rounded(seen.accuracy), seen.inside ? 1 : 0});
    for (const auto& moved : errors_) {
        errors.push_back(
            {moved.statement, base::to_integer(moved.query_hash), moved.factor, number(moved.at), moved.features});
    }
    for (const auto& moved : inputs_) inputs.push_back({moved.feature, moved.index, moved.threshold, moved.importance});
    return {{"interval", interval_.to_json()},
            {"statements", std::move(statements)},
            {"latest", std::move(latest)},
            {"intervals", intervals_},
            {"errors", std::move(errors)},
            {"inputs", std::move(inputs)},
            {"inputs_looked_at", inputs_looked_at_ ? Json(number(*inputs_looked_at_)) : Json(nullptr)}};
}

ModelWatch ModelWatch::from_json(const Json& json, double level) {
    ModelWatch watch(level);
    try {
        if (auto interval = prediction::AdaptiveInterval::from_json(json.at("interval")))
            watch.interval_ = std::move(*interval);
        for (const auto& [name, stored] : json.at("statements").items()) {
            auto errors = prediction::ErrorDrift::from_json(stored.at(1));
            if (errors) watch.statements_[name] = {std::move(*errors), time_of(stored.at(0))};
        }
        for (const auto& seen : json.at("latest"))
            watch.latest_.push_back({seen.at(0).get<double>(), seen.at(1).get<double>(), seen.at(2).get<int>() == 1});
        watch.intervals_ = json.at("intervals").get<std::int64_t>();
        for (const auto& moved : json.at("errors")) {
            watch.errors_.push_back({moved.at(0).get<std::string>(), base::QueryHash{moved.at(1).get<std::int64_t>()},
                                     moved.at(2).get<double>(), time_of(moved.at(3)),
                                     moved.at(4).get<std::vector<std::string>>()});
        }
        for (const auto& moved : json.at("inputs")) {
            watch.inputs_.push_back({moved.at(0).get<std::string>(), moved.at(1).get<double>(),
                                     moved.at(2).get<double>(), moved.at(3).get<double>()});
        }
        if (const auto& at = json.at("inputs_looked_at"); !at.is_null()) watch.inputs_looked_at_ = time_of(at);
    } catch (const Json::exception&) {
        return ModelWatch(level);
    }
    return watch;
}

}  // namespace pganalytics::workflow
