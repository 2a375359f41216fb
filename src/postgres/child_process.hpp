#pragma once
// Children that run as another user, and a postmaster that does not outlive us. Between fork and exec only
// async-signal-safe calls are made, because other threads may hold locks at that moment.

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "postgres/private_cluster.hpp"

namespace pganalytics::postgres {

struct ChildCommand {
    std::vector<std::string> arguments;  ///< program first, as a path
    ProcessUser user;
    std::filesystem::path working_folder = "/";
};

struct ChildOutput {
    int exit_status = 0;  ///< 128 + signal where a signal ended it
    std::string text;     ///< stdout and stderr, at most 64 kB
};

/// Runs to its end. Errors: internal (no process, no pipe).
[[nodiscard]] base::Result<ChildOutput> run_child(const ChildCommand& command);

/// A server in a session of its own (Ctrl-C in our terminal is ours alone), watched by a thread that also is its
/// parent: the kernel sends SIGINT (fast shutdown) to the server when that thread ends, however this process ends.
/// Thread-safe.
class ServerProcess {
  public:
    /// stdout and stderr are appended to `output_file`, which is made for the user.
    [[nodiscard]] static base::Result<std::unique_ptr<ServerProcess>> start(const ChildCommand& command,
                                                                            const std::filesystem::path& output_file);
    /// Waits for the server to end; whoever destroys it has stopped the server.
    ~ServerProcess();
    ServerProcess(const ServerProcess&) = delete;
    ServerProcess& operator=(const ServerProcess&) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] bool running() const;
    /// False on time-out.
    [[nodiscard]] bool wait_for_end(std::chrono::milliseconds timeout) const;
    /// To this child only, and only while it has not been reaped.
    void signal(int number) const;

  private:
    ServerProcess() = default;
    void watch(const ChildCommand& command, int output_descriptor);

    pid_t pid_ = -1;
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    bool forked_ = false;
    bool ended_ = false;
    std::thread watcher_;
};

}  // namespace pganalytics::postgres
