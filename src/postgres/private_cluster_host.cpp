// What a private cluster needs to know about the machine: users, folders, server binaries, who else is there.

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/clock.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "postgres/child_process.hpp"
#include "postgres/private_cluster.hpp"
#include "postgres/private_cluster_host.hpp"

namespace pganalytics::postgres {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

constexpr int newest_known_major = 18;

std::optional<ProcessUser> user_named(const char* name) {
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    if (getpwnam_r(name, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return std::nullopt;
    return ProcessUser{.uid = entry.pw_uid, .gid = entry.pw_gid, .name = name, .drops_root = true};
}

bool has_server(const fs::path& folder) {
    return access((folder / "initdb").c_str(), X_OK) == 0 && access((folder / "postgres").c_str(), X_OK) == 0;
}

/// Debian keeps each major version in a folder of its own, newest first here.
std::vector<fs::path> debian_folders() {
    std::vector<fs::path> folders;
    for (int major = newest_known_major; major >= PrivateCluster::oldest_supported_major; --major) {
        folders.emplace_back("/usr/lib/postgresql/" + std::to_string(major) + "/bin");
    }
    return folders;
}

std::vector<fs::path> path_folders() {
    std::vector<fs::path> folders;
    if (const char* path = std::getenv("PATH"); path != nullptr) {
        for (const auto& folder : base::split(path, ':')) {
            if (folder.starts_with('/')) folders.emplace_back(folder);
        }
    }
    return folders;
}

/// pg_config may be of another major than the server that is installed, or have no server beside it.
std::optional<fs::path> pg_config_folder() {
    for (const auto& folder : path_folders()) {
        if (access((folder / "pg_config").c_str(), X_OK) != 0) continue;
        auto output = run_child({.arguments = {(folder / "pg_config").string(), "--bindir"}, .user = {}});
        if (output && output->exit_status == 0) return fs::path(std::string(base::trim(output->text)));
    }
    return std::nullopt;
}

Error no_binaries(std::string message) {
    return {.code = ErrorCode::install_extension,
            .message = std::move(message),
            .hint =
                "Install PostgreSQL's server (Debian: apt-get install postgresql-15), name its folder in the setting "
                "state.postgres_bin_folder, or use a server of yours with --repository.",
            .field = "state.postgres_bin_folder"};
}

}  // namespace

base::Result<ProcessUser> unprivileged_user() {
    if (geteuid() != 0) {
        return ProcessUser{.uid = geteuid(), .gid = getegid(), .name = std::to_string(geteuid()), .drops_root = false};
    }
    for (const char* name : {"pganalytics", "postgres", "nobody"}) {
        if (auto user = user_named(name)) return *user;
    }
    return Error{.code = ErrorCode::grant_access,
                 .message = "PostgreSQL does not run as root, and there is no unprivileged user to run it as.",
                 .hint = "Make one: useradd --system pganalytics",
                 .field = {}};
}

base::Result<fs::path> default_state_folder() {
    if (geteuid() == 0) return fs::path("/var/lib/pganalytics");
    if (const char* folder = std::getenv("XDG_STATE_HOME"); folder != nullptr && folder[0] == '/') {
        return fs::path(folder) / "pganalytics";
    }
    if (const char* home = std::getenv("HOME"); home != nullptr && home[0] == '/') {
        return fs::path(home) / ".local/state/pganalytics";
    }
    return Error{.code = ErrorCode::fix_input,
                 .message = "There is no place for the state folder: neither XDG_STATE_HOME nor HOME is set.",
                 .hint = "Name one with --state.",
                 .field = "state.folder"};
}

base::Result<int> major_of_binaries(const fs::path& folder) {
    auto output = run_child({.arguments = {(folder / "postgres").string(), "-V"}, .user = {}});
    if (!output) return std::move(output).error();
    // "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"
    const auto words = base::split(base::trim(output->text), ' ');
    if (output->exit_status == 0 && words.size() >= 3) {
        if (const auto major = base::parse_integer(words[2].substr(0, words[2].find_first_not_of("0123456789")))) {
            return static_cast<int>(*major);
        }
    }
    return no_binaries((folder / "postgres").string() + " does not tell its version.");
}

base::Result<fs::path> find_server_binaries(const fs::path& configured) {
    if (!configured.empty()) {
        if (has_server(configured)) return configured;
        return no_binaries("There is no PostgreSQL server (initdb and postgres) in " + configured.string() + ".");
    }
    for (const auto& folder : debian_folders()) {
        if (has_server(folder)) return folder;
    }
    auto others = path_folders();
    if (auto folder = pg_config_folder()) others.insert(others.begin(), *folder);
    for (const auto& folder : others) {
        if (!has_server(folder)) continue;
        auto major = major_of_binaries(folder);
        if (major && *major >= PrivateCluster::oldest_supported_major) return folder;
    }
    return no_binaries("No PostgreSQL server was found on this machine.");
}

std::optional<fs::path> binaries_of_major(int major) {
    const fs::path folder = "/usr/lib/postgresql/" + std::to_string(major) + "/bin";
    if (has_server(folder)) return folder;
    return std::nullopt;
}

base::Status make_private_folder(const fs::path& folder, const ProcessUser& user) {
    std::error_code failure;
    fs::create_directories(folder.parent_path(), failure);
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
        const bool full = errno == ENOSPC || errno == EDQUOT;
        return Error{.code = full ? ErrorCode::retry_later : ErrorCode::grant_access,
                     .message = "Cannot make the folder " + folder.string() + ": " + std::strerror(errno) + ".",
                     .hint = full ? "Free some space there." : "Name a folder that you may write to with --state.",
                     .field = "state.folder"};
    }
    // Opened rather than named from here on: a link put in its place meanwhile is not followed.
    const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat status {};
    const bool opened = descriptor >= 0 && fstat(descriptor, &status) == 0;
    const bool ours = opened && (status.st_uid == user.uid || (user.drops_root && status.st_uid == 0));
    bool fixed = ours;
    if (ours && status.st_uid != user.uid) fixed = fchown(descriptor, user.uid, user.gid) == 0;
    if (fixed && (status.st_mode & 077) != 0) fixed = fchmod(descriptor, 0700) == 0;
    if (descriptor >= 0) close(descriptor);
    if (fixed) return {};
    return Error{
        .code = ErrorCode::grant_access,
        .message = "The folder " + folder.string() + " belongs to someone else, is a link, or cannot be opened.",
        .hint = "Name another folder, or give it to user " + user.name + ".",
        .field = "state.folder"};
}

base::Status check_reachable(const fs::path& folder, const ProcessUser& user) {
    if (!user.drops_root) return {};
    auto output = run_child({.arguments = {"/bin/true"}, .user = user, .working_folder = folder});
    if (!output) return std::move(output).error();
    if (output->exit_status == 0) return {};
    return Error{.code = ErrorCode::grant_access,
                 .message = "User " + user.name + ", who runs PostgreSQL because root may not, cannot enter " +
                            folder.string() + ".",
                 .hint =
                     "Every folder above it must be open to that user; root's home is not. Name another one with "
                     "--state, such as /var/lib/pganalytics.",
                 .field = "state.folder"};
}

base::Result<fs::path> make_socket_folder(const fs::path& configured, const fs::path& cluster_folder,
                                          const ProcessUser& user) {
    fs::path parent = configured;
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    if (parent.empty()) {
        if (user.drops_root) {
            parent = "/run/pganalytics";
        } else if (runtime != nullptr && runtime[0] == '/' && std::strlen(runtime) < 60 && access(runtime, W_OK) == 0) {
            parent = fs::path(runtime) / "pganalytics";
        } else {
            parent = "/tmp/pganalytics-" + std::to_string(user.uid);
        }
    }
    std::error_code failure;
    if (user.drops_root) {
        fs::create_directories(parent, failure);
        // Others pass through, nobody else lists it; the folder of each cluster is private.
        chmod(parent.c_str(), 0711);
    } else {
        PGANALYTICS_RETURN_IF_ERROR(make_private_folder(parent, user));
    }
    base::StableHash name;
    name.add(cluster_folder.string());
    std::ostringstream digits;
    digits << std::hex << (name.digest() & 0xffffffffU);
    const fs::path folder = parent / digits.str();
    constexpr std::size_t longest = 107 - std::string_view("/.s.PGSQL.65535").size();
    if (folder.string().size() > longest) {
        return Error{
            .code = ErrorCode::fix_input,
            .message = "The runtime folder " + parent.string() + " is too long: a socket's path ends at 107 bytes.",
            .hint = "Name a short one in the setting state.runtime_folder, such as /tmp/pganalytics.",
            .field = "state.runtime_folder"};
    }
    PGANALYTICS_RETURN_IF_ERROR(make_private_folder(folder, user));
    PGANALYTICS_RETURN_IF_ERROR(check_reachable(folder, user));
    return folder;
}

std::vector<pid_t> servers_in(const fs::path& data_folder) {
    std::vector<pid_t> found;
    std::error_code failure;
    const fs::path wanted = fs::canonical(data_folder, failure);
    if (failure) return found;
    for (const auto& entry : fs::directory_iterator("/proc", failure)) {
        const auto pid = base::parse_integer(entry.path().filename().string());
        if (!pid) continue;
        std::error_code unreadable;
        if (fs::read_symlink(entry.path() / "cwd", unreadable) != wanted || unreadable) continue;
        // Someone's shell may stand in that folder: only a server counts.
        const auto program = fs::read_symlink(entry.path() / "exe", unreadable).filename().string();
        if (!unreadable && program.starts_with("postgres")) found.push_back(static_cast<pid_t>(*pid));
    }
    return found;
}

base::Result<FolderLock> FolderLock::acquire(const fs::path& folder) {
    const fs::path file = folder / "lock";
    const int descriptor = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) {
        return Error{.code = errno == ENOSPC ? ErrorCode::retry_later : ErrorCode::grant_access,
                     .message = "Cannot open the lock file " + file.string() + ": " + std::strerror(errno) + ".",
                     .hint = "The folder must belong to the user who starts pganalytics.",
                     .field = "state.folder"};
    }
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        std::string holder(200, '\0');
        const ssize_t count = pread(descriptor, holder.data(), holder.size(), 0);
        close(descriptor);
        holder.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
        const std::string who = holder.empty() ? "another process" : std::string(base::trim(holder));
        return Error{.code = ErrorCode::conflict,
                     .message = "The folder " + folder.string() + " is in use by " + who + ".",
                     .hint = "Stop that one first, or name another folder with --state.",
                     .field = "state.folder"};
    }
    const auto now = std::chrono::time_point_cast<std::chrono::seconds>(base::SystemClock().now());
    const std::string text = "pid " + std::to_string(getpid()) + ", started " + base::to_rfc3339(now) + "\n";
    if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, text.data(), text.size(), 0) < 0) {
        // The lock holds without its label; only the message for a second instance is poorer.
        return FolderLock(descriptor);
    }
    return FolderLock(descriptor);
}

FolderLock::FolderLock(FolderLock&& other) noexcept : descriptor_(other.descriptor_) {
    other.descriptor_ = -1;
}

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
}

FolderLock::~FolderLock() {
    if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace pganalytics::postgres
