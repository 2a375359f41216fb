#include "postgres/child_process.hpp"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace pganalytics::postgres {
namespace {

using base::Error;
using base::ErrorCode;

constexpr std::size_t output_cap = 65536;

Error system_error(std::string what) {
    return {
        .code = ErrorCode::internal, .message = std::move(what) + ": " + std::strerror(errno), .hint = {}, .field = {}};
}

/// Arguments and environment as exec wants them, made before the fork.
class ExecImage {
  public:
    explicit ExecImage(const ChildCommand& command) : arguments_(command.arguments) {
        for (auto& argument : arguments_) argument_pointers_.push_back(argument.data());
        argument_pointers_.push_back(nullptr);
        // Not our own environment: a PGDATA, PGPORT or LC_ALL in it would reach the server.
        const char* path = std::getenv("PATH");
        environment_.push_back(std::string("PATH=") + (path != nullptr ? path : "/usr/bin:/bin"));
        environment_.emplace_back("LC_ALL=C.UTF-8");
        environment_.emplace_back("TZ=UTC");
        if (const char* libraries = std::getenv("LD_LIBRARY_PATH"); libraries != nullptr) {
            environment_.push_back(std::string("LD_LIBRARY_PATH=") + libraries);
        }
        for (auto& variable : environment_) environment_pointers_.push_back(variable.data());
        environment_pointers_.push_back(nullptr);
        folder_ = command.working_folder.string();
    }

    /// In the child. Does not return.
    [[noreturn]] void become(const ProcessUser& user, bool end_with_parent, pid_t parent) const {
        // 126: "found but could not be run", as shells have it.
        if (user.drops_root && (setgroups(1, &user.gid) != 0 || setgid(user.gid) != 0 || setuid(user.uid) != 0))
            _exit(126);
        if (end_with_parent) {
            // After setuid, which clears it.
            prctl(PR_SET_PDEATHSIG, SIGINT);
            if (getppid() != parent) _exit(126);
            setsid();
        }
        umask(077);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, nullptr);
        for (const int number : {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGPIPE, SIGCHLD}) ::signal(number, SIG_DFL);
        if (chdir(folder_.c_str()) != 0) _exit(126);
        execve(argument_pointers_[0], argument_pointers_.data(), environment_pointers_.data());
        _exit(127);
    }

  private:
    std::vector<std::string> arguments_, environment_;
    mutable std::vector<char*> argument_pointers_, environment_pointers_;
    std::string folder_;
};

void redirect(int input, int output) {
    dup2(input, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
}

int wait_for(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

base::Result<ChildOutput> run_child(const ChildCommand& command) {
    const ExecImage image(command);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return system_error("No pipe for a child process");
    const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const pid_t pid = fork();
    if (pid == 0) {
        redirect(nothing, ends[1]);
        image.become(command.user, false, 0);
    }
    close(nothing);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return system_error("No child process");
    }
    ChildOutput output;
    char buffer[4096];
    for (;;) {
        const ssize_t count = read(ends[0], buffer, sizeof buffer);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        const auto room = output_cap - std::min(output_cap, output.text.size());
        output.text.append(buffer, std::min(room, static_cast<std::size_t>(count)));
    }
    close(ends[0]);
    output.exit_status = wait_for(pid);
    return output;
}

base::Result<std::unique_ptr<ServerProcess>> ServerProcess::start(const ChildCommand& command,
                                                                  const std::filesystem::path& output_file) {
    const int output = open(output_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (output < 0) return system_error("Cannot write " + output_file.string());
    if (command.user.drops_root && fchown(output, command.user.uid, command.user.gid) != 0) {
        close(output);
        return system_error("Cannot hand over " + output_file.string());
    }
    std::unique_ptr<ServerProcess> server(new ServerProcess());
    server->watcher_ = std::thread([raw = server.get(), command, output] { raw->watch(command, output); });
    std::unique_lock lock(server->mutex_);
    server->changed_.wait(lock, [&] { return server->forked_; });
    const bool failed = server->pid_ < 0;
    lock.unlock();
    if (failed)
        return Error{
            .code = ErrorCode::internal, .message = "No child process for a private server.", .hint = {}, .field = {}};
    return server;
}

void ServerProcess::watch(const ChildCommand& command, int output_descriptor) {
    const ExecImage image(command);
    const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
        redirect(nothing, output_descriptor);
        image.become(command.user, true, parent);
    }
    close(nothing);
    close(output_descriptor);
    {
        const std::lock_guard lock(mutex_);
        pid_ = pid;
        forked_ = true;
        ended_ = pid < 0;
    }
    changed_.notify_all();
    if (pid < 0) return;
    // Without reaping yet, so that `signal` cannot meet a recycled pid.
    siginfo_t info;
    while (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
    }
    {
        const std::lock_guard lock(mutex_);
        ended_ = true;
        wait_for(pid);
    }
    changed_.notify_all();
}

ServerProcess::~ServerProcess() {
    if (watcher_.joinable()) watcher_.join();
}

bool ServerProcess::running() const {
    const std::lock_guard lock(mutex_);
    return !ended_;
}

bool ServerProcess::wait_for_end(std::chrono::milliseconds timeout) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, timeout, [&] { return ended_; });
}

void ServerProcess::signal(int number) const {
    const std::lock_guard lock(mutex_);
    if (!ended_) kill(pid_, number);
}

}  // namespace pganalytics::postgres
