#pragma once
// Why a prediction is what it is: each feature's part in milliseconds, and the same in words.
//
// A model explains in factors of the time (log_factor); parts in milliseconds that add up are their share of the
// difference between base and prediction, weighted by the logarithmic mean of the two: the only weights under which
// nothing is left over and the order of features does not matter (Ang, "The LMDI approach to decomposition analysis",
// Energy Policy 33, 2005; the same as integrating along the straight path, Sundararajan et al. 2017).
// Pure functions, thread-safe.

#include <span>
#include <string>
#include <vector>

#include "plan/plan.hpp"
#include "prediction/model.hpp"
#include "prediction/predictor.hpp"

namespace pganalytics::prediction {

/// `contributions` as Model::explain gives them (base first); `center` is the log time that is served. What history
/// moved it beyond the model is a part of its own. The parts sum to exp(center). Those beyond the largest `most` become
/// one, "others".
[[nodiscard]] std::vector<TimePart> parts_in_ms(std::span<const Contribution> contributions, double center,
                                                std::size_t most = 12);

/// Sentences: the operator that costs most, and the features that make it slower than the base.
[[nodiscard]] std::string why_slow(const plan::Plan& plan, std::span<const TimePart> parts);

}  // namespace pganalytics::prediction
