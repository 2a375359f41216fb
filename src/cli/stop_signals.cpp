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
    sigaddset(&set, SIGHUP);
    return set;
}

}  // namespace

void block_stop_signals() {
    const sigset_t set = stop_signals();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    // A reader that goes away must be an error of write(), not the end of the process.
    std::signal(SIGPIPE, SIG_IGN);
}

Asked wait_for_signal(std::chrono::milliseconds span) {
    const sigset_t set = stop_signals();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(span);
    const timespec timeout{seconds.count(),
                           std::chrono::duration_cast<std::chrono::nanoseconds>(span - seconds).count()};
    const int number = sigtimedwait(&set, nullptr, &timeout);
    if (number <= 0) return Asked::nothing;
    return number == SIGHUP ? Asked::reload : Asked::stop;
}

}  // namespace pganalytics::cli
