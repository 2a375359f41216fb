#include "postgres/blocking_calls.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace pganalytics::postgres {
namespace {

struct Call {
    std::function<void()> function;
    bool done = false;
    bool abandoned = false;
};

}  // namespace

struct BlockingCalls::State {
    std::mutex mutex;
    std::condition_variable finished;
    std::deque<std::shared_ptr<Call>> waiting;
    std::size_t threads = 0;
    std::size_t max_threads = 1;
};

BlockingCalls::BlockingCalls(std::size_t max_threads) : state_(std::make_shared<State>()) {
    state_->max_threads = max_threads > 0 ? max_threads : 1;
}

BlockingCalls& BlockingCalls::of_process() {
    // Never destroyed: a stuck thread may still hold its state while the process ends.
    static auto* const calls = new BlockingCalls(8);
    return *calls;
}

void BlockingCalls::work(const std::shared_ptr<State>& state) {
    std::unique_lock lock(state->mutex);
    while (!state->waiting.empty()) {
        const auto call = state->waiting.front();
        state->waiting.pop_front();
        if (call->abandoned) continue;
        lock.unlock();
        call->function();
        lock.lock();
        call->done = true;
        state->finished.notify_all();
    }
    --state->threads;
}

bool BlockingCalls::run(std::function<void()> function, base::Deadline deadline) {
    const auto call = std::make_shared<Call>();
    call->function = std::move(function);
    std::unique_lock lock(state_->mutex);
    state_->waiting.push_back(call);
    if (state_->threads < state_->max_threads) {
        ++state_->threads;
        std::thread(work, state_).detach();
    }
    const bool done = state_->finished.wait_for(lock, deadline.left(), [&] { return call->done; });
    call->abandoned = !done;
    return done;
}

}  // namespace pganalytics::postgres
