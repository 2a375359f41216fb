#pragma once
// Runs calls that can block for as long as the network likes (name look-up, PQcancel) on a bounded number of threads,
// so that the caller keeps its deadline. A call that is still stuck when its caller gave up goes on alone: it occupies
// one of the threads until it returns, later calls wait in line, and none of them waits longer than its own deadline.
// Thread-safe. Threads start when needed, end when idle, and may outlive this object.

#include <functional>
#include <memory>

#include "base/clock.hpp"

namespace pganalytics::postgres {

class BlockingCalls {
  public:
    explicit BlockingCalls(std::size_t max_threads);

    /// Whether `call` finished before the deadline. What it shares with the caller must be owned by it (shared_ptr).
    [[nodiscard]] bool run(std::function<void()> call, base::Deadline deadline);

    /// The process's own, of 8 threads: the bound is on the process, so it is one for all connections.
    [[nodiscard]] static BlockingCalls& of_process();

  private:
    struct State;
    static void work(const std::shared_ptr<State>& state);
    std::shared_ptr<State> state_;
};

}  // namespace pganalytics::postgres
