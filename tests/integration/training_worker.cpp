// A worker that takes one training job and does it, to be killed by training_crash_test.cpp at any moment.
// usage: training_worker <repository conninfo>

#include <array>
#include <cstdio>

#include "base/clock.hpp"
#include "workflow/job_runner.hpp"
#include "workflow/server_roles.hpp"
#include "workflow/training_job.hpp"

#include <nlohmann/json.hpp>

int main(int argc, char** argv) {
    using namespace pganalytics;
    if (argc != 2) return 2;
    store::Repository repository{base::Secret(argv[1])};
    const std::array kinds{std::string(workflow::training_job_kind)};
    const auto job = store::JobStore(repository).claim(workflow::worker_name(), kinds, workflow::job_lease);
    if (!job || !*job) return 1;
    std::puts("claimed");
    std::fflush(stdout);
    workflow::run_claimed_job(
        repository, **job, {},
        [&](const workflow::JobGoOn& go_on) -> base::Result<std::string> {
            PGANALYTICS_ASSIGN(const auto request, workflow::read_training_request((*job)->payload_json));
            PGANALYTICS_ASSIGN(const auto trained, workflow::train_performance_model(repository, base::SystemClock(),
                                                                                     request, (*job)->id, go_on));
            return workflow::to_json(trained).dump();
        },
        base::Log());
    return 0;
}
