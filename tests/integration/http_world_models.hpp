#pragma once
// Models and jobs of the world of http_world.hpp: a database with a trained model, a damaged one, and trainings that
// completed, failed and are under way. Throws where any of it cannot be had.

#include "base/ids.hpp"
#include "store/repository.hpp"

namespace pganalytics::test {

struct WorldModels {
    base::ModelId model{}, damaged_model{};
    base::JobId completed_training{}, failed_training{}, running_training{}, other_job{};
};

/// In database "trained" of the target.
[[nodiscard]] WorldModels add_models(store::Repository& repository, base::TargetId target);

}  // namespace pganalytics::test
