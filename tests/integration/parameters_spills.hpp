#pragma once
// Statements that spill, generated, and what is true of them: the least work_mem that keeps each in memory (found by
// bisection) and the time that memory gives back (interleaved runs). For the tests of parameters.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "parameters/parameters.hpp"
#include "postgres/server_planner.hpp"
#include "support/test_cluster.hpp"

namespace pganalytics::test_support {

struct SpillCase {
    std::string name;
    std::string text;
    std::string work_mem = "4MB";
    bool timed_io = true;  ///< track_io_timing
};

/// Sorts, bounded sorts, hash joins and hash aggregates over int, text and wide rows. The same seed, the same cases.
[[nodiscard]] std::vector<SpillCase> generated_cases(std::size_t count, std::uint64_t seed);

struct SpillTruth {
    double temp_written = 0, temp_read = 0;  ///< blocks of one execution
    double spilling_ms = 0, in_memory_ms = 0;
    double least_kb = 0;  ///< work_mem that removes the spill, to 3 %

    [[nodiscard]] double effect() const { return spilling_ms > 0 ? 1 - in_memory_ms / spilling_ms : 0; }
};

/// A private server with the tables of the cases.
class SpillServer {
  public:
    SpillServer();

    /// Runs the statement as it is and gives what a workload would show of it.
    [[nodiscard]] workload::Workload observe(const SpillCase& one);
    [[nodiscard]] catalog::Database database(const SpillCase& one) const;
    [[nodiscard]] plan::Planner& planner(const SpillCase& one);
    /// Temporary blocks written at this work_mem.
    [[nodiscard]] double spill_at(const SpillCase& one, const std::string& work_mem);
    [[nodiscard]] double least_work_mem_kb(const SpillCase& one, double low_kb, double high_kb);
    /// Plans with workers from now on, however small the table.
    void allow_workers();
    /// Medians of alternating runs.
    void time(const SpillCase& one, const std::string& enough, int rounds, SpillTruth& truth);

  private:
    struct Run {
        double time_ms = 0, written = 0, read = 0;
        std::optional<double> temp_io_ms;
    };
    [[nodiscard]] Run run(const SpillCase& one, const std::string& work_mem);

    TestCluster cluster_;
    postgres::Connection connection_;
    std::unique_ptr<postgres::ServerPlanner> planner_;
};

}  // namespace pganalytics::test_support
