#pragma once
// SIGINT and SIGTERM as a value to wait for: blocked in every thread from the start of the program, taken by the one
// that waits here, so that stopping is ordinary code and nothing runs in a signal handler.

#include <chrono>

namespace pganalytics::cli {

/// Call before any thread is made.
void block_stop_signals();
/// True once a stop was asked for; false when `span` has passed.
[[nodiscard]] bool wait_for_stop_signal(std::chrono::milliseconds span);

}  // namespace pganalytics::cli
