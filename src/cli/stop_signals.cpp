#include "cli/stop_signals.hpp"

#include <csignal>
#include <ctime>

namespace pganalytics::cli {

namespace {

sigset_t stop_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return set;
}

}  // namespace

void block_stop_signals() {
    const sigset_t set = stop_signals();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    // A reader that goes away must be an error of write(), not the end of the process.
    std::signal(SIGPIPE, SIG_IGN);
}

bool wait_for_stop_signal(std::chrono::milliseconds span) {
    const sigset_t set = stop_signals();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(span);
    const timespec timeout{seconds.count(),
                           std::chrono::duration_cast<std::chrono::nanoseconds>(span - seconds).count()};
    return sigtimedwait(&set, nullptr, &timeout) > 0;
}

}  // namespace pganalytics::cli
