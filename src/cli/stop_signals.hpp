#pragma once
// SIGINT and SIGTERM (stop) and SIGHUP (read files again) as a value to wait for: blocked in every thread from the
// start of the program, taken by the one that waits here, so that stopping is ordinary code and nothing runs in a
// signal handler.

#include <chrono>

namespace pganalytics::cli {

/// Call before any thread is made.
void block_stop_signals();
enum class Asked { nothing, stop, reload };
/// What a signal asked for, or nothing when `span` has passed.
[[nodiscard]] Asked wait_for_signal(std::chrono::milliseconds span);

}  // namespace pganalytics::cli
