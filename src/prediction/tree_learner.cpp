#include "prediction/tree_learner.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <xgboost/c_api.h>

#include <limits>
#include <string>

namespace pganalytics::prediction {

namespace {

base::Error refused(std::string_view doing) {
    return {base::ErrorCode::internal, fmt::format("XGBoost failed while {}", doing), XGBGetLastError(), {}};
}

class TrainingData {
  public:
    ~TrainingData() {
        if (handle_ != nullptr) XGDMatrixFree(handle_);
    }
    TrainingData() = default;
    TrainingData(const TrainingData&) = delete;
    TrainingData& operator=(const TrainingData&) = delete;

    base::Status fill(const Matrix& rows, std::span<const double> target, std::span<const double> weight) {
        const float missing = std::numeric_limits<float>::quiet_NaN();
        if (XGDMatrixCreateFromMat(rows.data(), rows.rows(), rows.columns(), missing, &handle_) != 0)
            return refused("taking the samples");
        const std::vector<float> labels(target.begin(), target.end()), weights(weight.begin(), weight.end());
        if (XGDMatrixSetFloatInfo(handle_, "label", labels.data(), labels.size()) != 0 ||
            XGDMatrixSetFloatInfo(handle_, "weight", weights.data(), weights.size()) != 0) {
            return refused("taking the targets");
        }
        return {};
    }
    [[nodiscard]] DMatrixHandle handle() const { return handle_; }

  private:
    DMatrixHandle handle_ = nullptr;
};

class Booster {
  public:
    ~Booster() {
        if (handle_ != nullptr) XGBoosterFree(handle_);
    }
    Booster() = default;
    Booster(const Booster&) = delete;
    Booster& operator=(const Booster&) = delete;

    base::Status create(const TrainingData& data) {
        const DMatrixHandle handles[] = {data.handle()};
        return XGBoosterCreate(handles, 1, &handle_) == 0 ? base::Status{} : refused("starting");
    }
    base::Status set(const std::string& name, const std::string& value) {
        return XGBoosterSetParam(handle_, name.c_str(), value.c_str()) == 0 ? base::Status{}
                                                                            : refused("setting " + name);
    }
    base::Status train(const TrainingData& data, int rounds) {
        for (int round = 0; round < rounds; ++round) {
            if (XGBoosterUpdateOneIter(handle_, round, data.handle()) != 0) return refused("learning");
        }
        return {};
    }
    base::Result<std::string> save() {
        bst_ulong length = 0;
        const char* bytes = nullptr;
        if (XGBoosterSaveModelToBuffer(handle_, R"({"format":"json"})", &length, &bytes) != 0) return refused("saving");
        return std::string(bytes, length);
    }

  private:
    BoosterHandle handle_ = nullptr;
};

}  // namespace

base::Result<FlatTrees> learn_trees(const Matrix& rows, std::span<const double> target, std::span<const double> weight,
                                    const TreeParameters& parameters) {
    TrainingData data;
    PGANALYTICS_RETURN_IF_ERROR(data.fill(rows, target, weight));
    Booster booster;
    PGANALYTICS_RETURN_IF_ERROR(booster.create(data));
    const bool forest = parameters.trees_a_round > 1;
    const bool robust = parameters.absolute_error_delta > 0;
    const std::vector<std::pair<std::string, std::string>> settings{
        {"booster", "gbtree"},
        {"tree_method", "hist"},
        {"objective", robust ? "reg:pseudohubererror" : "reg:squarederror"},
        {"huber_slope", fmt::format("{}", robust ? parameters.absolute_error_delta : 1.0)},
        {"base_score", "0"},
        {"max_depth", std::to_string(parameters.depth)},
        {"eta", fmt::format("{}", parameters.learning_rate)},
        {"subsample", fmt::format("{}", parameters.row_share)},
        {forest ? "colsample_bynode" : "colsample_bytree", fmt::format("{}", parameters.column_share)},
        {"num_parallel_tree", std::to_string(parameters.trees_a_round)},
        {"min_child_weight", fmt::format("{}", parameters.min_child_weight)},
        {"lambda", fmt::format("{}", parameters.l2)},
        {"seed", std::to_string(parameters.seed)},
        {"nthread", std::to_string(parameters.threads)},
        {"max_bin", std::to_string(parameters.bins)},
        {"verbosity", "0"},
    };
    for (const auto& [name, value] : settings) PGANALYTICS_RETURN_IF_ERROR(booster.set(name, value));
    if (!parameters.monotone.empty()) {
        PGANALYTICS_RETURN_IF_ERROR(
            booster.set("monotone_constraints", fmt::format("({})", fmt::join(parameters.monotone, ","))));
    }
    PGANALYTICS_RETURN_IF_ERROR(booster.train(data, parameters.rounds));
    PGANALYTICS_ASSIGN(const auto saved, booster.save());
    return FlatTrees::from_xgboost_json(saved);
}

}  // namespace pganalytics::prediction
