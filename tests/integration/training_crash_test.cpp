// Workers killed in the middle of a training, at moments spread over all of it: the job runs again to its end, its
// model is stored once, and what is active can always be read.

#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <random>
#include <thread>

#include "training_world.hpp"

extern char** environ;

namespace pganalytics::workflow {
namespace {

using namespace std::chrono_literals;
using store::expect_value;

/// A process of ours, killed at the latest with this object.
class Worker {
  public:
    explicit Worker(const base::Secret& conninfo) {
        std::array<int, 2> ends{};
        if (pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        posix_spawn_file_actions_addclose(&actions, ends[0]);
        std::string program = TRAINING_WORKER, argument = conninfo.reveal();
        std::array<char*, 3> arguments{program.data(), argument.data(), nullptr};
        const int failed = posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        close(ends[1]);
        if (failed != 0) throw std::runtime_error("no worker");
        // Until it holds the job.
        char first = 0;
        claimed_ = read(ends[0], &first, 1) == 1;
        close(ends[0]);
    }
    ~Worker() { kill_now(); }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    [[nodiscard]] bool claimed() const { return claimed_; }
    /// Whether it was still at work.
    bool kill_now() {
        if (pid_ == 0) return false;
        kill(pid_, SIGKILL);
        int status = 0;
        waitpid(pid_, &status, 0);
        pid_ = 0;
        return WIFSIGNALED(status);
    }
    void finish() {
        int status = 0;
        waitpid(pid_, &status, 0);
        pid_ = 0;
    }

  private:
    pid_t pid_ = 0;
    bool claimed_ = false;
};

class TrainingCrashTest : public TrainingTest {
  protected:
    /// As if the dead worker's lease had run out.
    void end_leases() { run("update pganalytics.jobs set lease_until = now() - interval '1 second'"); }

    /// What is active can be read, whatever happened.
    void expect_sound() {
        EXPECT_LE(number("select count(*) from pganalytics.query_performance_models where is_active"), 1);
        const auto serving = load_serving_model(filled(), request().target, "shop");
        ASSERT_TRUE(serving) << serving.error().to_string();
        if (*serving) {
            EXPECT_TRUE((*serving)->refused.empty());
        }
    }

    void survive(int kills) {
        auto asked = request();
        // How long one takes undisturbed, so that the kills are spread over all of it.
        ASSERT_TRUE(expect_value(enqueue_training(filled(), asked, clock_.now())).id != base::JobId{});
        const auto begun = std::chrono::steady_clock::now();
        Worker(filled_conninfo()).finish();
        const auto whole = std::chrono::steady_clock::now() - begun;
        expect_sound();
        const auto seed = static_cast<std::uint32_t>(std::chrono::system_clock::now().time_since_epoch().count());
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937 random(seed);
        std::uniform_real_distribution<double> share(0, 1.05);
        int killed_at_work = 0, finished = 1;
        while (killed_at_work < kills) {
            const auto job = expect_value(enqueue_training(filled(), asked, clock_.now()));
            for (int round = 0; round < 4; ++round) {
                Worker worker(filled_conninfo());
                ASSERT_TRUE(worker.claimed());
                std::this_thread::sleep_for(whole * share(random));
                if (!worker.kill_now()) break;
                ++killed_at_work;
                expect_sound();
                end_leases();
            }
            if (expect_value(store::JobStore(filled()).find(job.id)).status != store::JobStatus::completed) {
                Worker(filled_conninfo()).finish();
            }
            const auto ended = expect_value(store::JobStore(filled()).find(job.id));
            EXPECT_EQ(ended.status, store::JobStatus::completed) << ended.error;
            EXPECT_EQ(number("select count(*) from pganalytics.query_performance_models where job_id = " +
                             std::to_string(base::to_integer(job.id))),
                      1)
                << "each job stores its model once";
            ++finished;
            expect_sound();
        }
        RecordProperty("killed", killed_at_work);
        RecordProperty("jobs", finished);
    }
};

TEST_F(TrainingCrashTest, ATrainingSurvivesItsWorkers) {
    survive(TRAINING_KILLS);
}

}  // namespace
}  // namespace pganalytics::workflow
