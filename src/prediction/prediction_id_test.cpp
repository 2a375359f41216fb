#include "prediction/prediction_id.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <nlohmann/json.hpp>

#include "prediction/prediction_json.hpp"

namespace pganalytics::prediction {
namespace {

const base::Secret key(std::string(32, 'k'));

Prediction some_prediction() {
    Prediction prediction;
    prediction.prediction_id = "p1.x.y";
    prediction.query_hash = base::QueryHash{4611686018427387905};
    prediction.target_id = base::TargetId{3};
    prediction.database_name = "shop";
    prediction.predicted_ms = 12.5;
    prediction.within_30_percent = 0.7;
    prediction.lower_ms = 6;
    prediction.upper_ms = 25;
    prediction.std_dev_ms = 5;
    prediction.model_id = base::ModelId{9};
    prediction.model_version = "gradient_boosting 3";
    prediction.predicted_at = base::Timestamp(std::chrono::microseconds(1'700'000'000'123'456));
    prediction.source = PredictionSource::history;
    prediction.parts = {{"base", {}, 10}, {"root_total_cost", 77.0, 2.5}};
    prediction.why = "Because.";
    prediction.notes = {"One."};
    prediction.features = {{"index_count", 2.0}};
    return prediction;
}

TEST(PredictionId, SaysWhatWasPredicted) {
    const auto id = sign(claim_of(some_prediction()), key);
    const auto claim = verify(id, key);
    ASSERT_TRUE(claim) << claim.error().to_string();
    EXPECT_EQ(claim->query_hash, base::QueryHash{4611686018427387905});
    EXPECT_EQ(claim->predicted_ms, 12.5);
    EXPECT_EQ(claim->model_id, base::ModelId{9});
    EXPECT_EQ(claim->predicted_at, some_prediction().predicted_at);
    EXPECT_FALSE(verify(id, base::Secret(std::string(32, 'x'))));
}

RC_GTEST_PROP(PredictionId, NoByteCanBeChanged, ()) {
    auto id = sign(claim_of(some_prediction()), key);
    const auto position = *rc::gen::inRange<std::size_t>(0, id.size());
    const auto byte = static_cast<char>(*rc::gen::inRange(0, 256));
    RC_PRE(id[position] != byte);
    id[position] = byte;
    RC_ASSERT(!verify(id, key));
}

RC_GTEST_PROP(PredictionId, AnyTextIsRefused, (const std::string& text)) {
    RC_ASSERT(!verify(text, key));
    RC_ASSERT(!verify("p1." + text, key));
}

TEST(Validation, FollowsTheFormulas) {
    const auto claim = claim_of(some_prediction());
    const auto close = validate(claim, 10);
    EXPECT_DOUBLE_EQ(close.error_percent, 25);
    EXPECT_DOUBLE_EQ(close.accuracy_score, 0.75);
    EXPECT_EQ(close.within_interval, true);
    const auto far = validate(claim, 1);
    EXPECT_EQ(far.accuracy_score, 0);
    EXPECT_EQ(far.within_interval, false);
}

TEST(PredictionJson, ComesBackAsItWas) {
    const auto before = some_prediction();
    const auto text = to_json(before).dump();
    const auto after = prediction_from_json(nlohmann::ordered_json::parse(text));
    ASSERT_TRUE(after) << after.error().to_string();
    EXPECT_EQ(to_json(*after).dump(), text);
    auto unbounded = before;
    unbounded.upper_ms.reset();
    EXPECT_TRUE(to_json(unbounded)["confidence_interval"]["upper_bound_ms"].is_null());
    EXPECT_FALSE(prediction_from_json(nlohmann::ordered_json::parse(R"({"prediction_id": 3})")));
    EXPECT_FALSE(prediction_from_json(nlohmann::ordered_json::parse("[]")));
}

}  // namespace
}  // namespace pganalytics::prediction
