#pragma once
// A repository with two days of a simulated shop in it, a copy for each test.

#include "simulation/history_writer.hpp"
#include "store/jobs.hpp"
#include "store_fixture.hpp"
#include "workflow/job_runner.hpp"
#include "workflow/model_content.hpp"
#include "workflow/training_job.hpp"

namespace pganalytics::workflow {

class TrainingTest : public store::StoreTest {
  protected:
    void SetUp() override;

    [[nodiscard]] store::Repository& filled() { return *repository_; }
    [[nodiscard]] const base::Secret& filled_conninfo() const { return conninfo_; }
    [[nodiscard]] TrainingRequest request(prediction::ModelType type = prediction::ModelType::linear_regression) const;
    [[nodiscard]] TrainedModel trained(const TrainingRequest& asked, std::optional<base::JobId> job = {});
    /// Queued and claimed.
    [[nodiscard]] store::Job claimed(const TrainingRequest& asked);
    void run(std::string_view statement);
    [[nodiscard]] std::int64_t number(std::string_view statement);

    base::SystemClock clock_;

  private:
    static std::string template_database_;
    static base::TargetId target_;
    base::Secret conninfo_;
    std::unique_ptr<store::Repository> repository_;
};

}  // namespace pganalytics::workflow
