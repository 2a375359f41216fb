#pragma once
// A private PostgreSQL cluster: the embedded repository, the scratch cluster of equivalence checks, the sample target.
// Made by initdb (C.UTF-8, SCRAM with a generated 256-bit password, files of mode 0600), reached through a Unix socket
// in a short folder of mode 0700 (socket paths end at 107 bytes, so the socket never lies in the state folder).
//
// The postmaster is our own child and ends with us: `stop()` and the destructor end it (fast, then immediate); when we
// are killed it gets a fast shutdown from the kernel; a postmaster that outlived its owner all the same is recognised
// by pid and data folder and stopped by the next start. Nothing is ever killed by name.
//
// Root may call this: PostgreSQL refuses to run as root, so the folder and the servers belong to an unprivileged user.
//
// Errors: conflict (another instance holds the folder; its pid and start time are named), unsupported (data folder of
// another major version), install_extension (no PostgreSQL binaries found), retry_later (disk full, start failed).
// Thread safety: one thread at a time, except `conninfo()`.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace pganalytics::postgres {

/// The user that private servers run as: ourselves, or an unprivileged one where we are root
/// (pganalytics, postgres, nobody: the first that exists).
struct ProcessUser {
    uid_t uid = 0;
    gid_t gid = 0;
    std::string name;
    bool drops_root = false;  ///< we are root, and children must become this user
};
[[nodiscard]] base::Result<ProcessUser> unprivileged_user();

/// /var/lib/pganalytics as root, else $XDG_STATE_HOME/pganalytics, else ~/.local/state/pganalytics.
[[nodiscard]] base::Result<std::filesystem::path> default_state_folder();

/// Folder of the PostgreSQL server binaries: `configured` when given, else the newest supported of pg_config --bindir,
/// /usr/lib/postgresql/*/bin and $PATH.
[[nodiscard]] base::Result<std::filesystem::path> find_server_binaries(const std::filesystem::path& configured = {});

/// One process at a time may use a folder: an flock'ed file `<folder>/lock` that names its holder. Freed by the kernel
/// however the holder ends. conflict when it is held.
class FolderLock {
  public:
    [[nodiscard]] static base::Result<FolderLock> acquire(const std::filesystem::path& folder);
    FolderLock(FolderLock&& other) noexcept;
    FolderLock& operator=(FolderLock&& other) noexcept;
    ~FolderLock();

  private:
    explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
    int descriptor_ = -1;
};

struct PrivateClusterOptions {
    /// Everything of this cluster: data/, password, log/. Made with mode 0700 where absent. May be long.
    std::filesystem::path folder;
    std::filesystem::path binaries;        ///< empty: those that fit the data folder, else find_server_binaries()
    std::filesystem::path runtime_folder;  ///< of the socket; empty: a short one under /run, $XDG_RUNTIME_DIR or /tmp
    std::string database = "pganalytics";  ///< made where absent
    std::vector<std::string> shared_preload_libraries;
    std::map<std::string, std::string> settings;     ///< over our own; applied at each start
    std::optional<std::uint16_t> tcp_port;           ///< also listens on 127.0.0.1 (SCRAM); absent: socket only
    std::chrono::milliseconds start_timeout{60000};  ///< crash recovery included
    bool temporary = false;  ///< fsync off, folder removed by stop(): scratch clusters and tests
};

class PrivateCluster {
  public:
    static constexpr int oldest_supported_major = 13;
    static constexpr std::string_view superuser = "pganalytics";

    /// initdb where the folder is new, then start; waits until connections are accepted.
    [[nodiscard]] static base::Result<PrivateCluster> start(PrivateClusterOptions options);

    /// How to reach the cluster that another process runs in `folder` (the one that holds its lock). not_found where
    /// none runs there; grant_access where this user may not read its password.
    [[nodiscard]] static base::Result<base::Secret> running_conninfo(const std::filesystem::path& folder,
                                                                     std::string_view database);

    PrivateCluster(PrivateCluster&&) noexcept;
    PrivateCluster& operator=(PrivateCluster&&) noexcept;
    ~PrivateCluster();

    /// Fast shutdown, immediate after `patience`. Idempotent.
    [[nodiscard]] base::Status stop(std::chrono::milliseconds patience = std::chrono::seconds(10));
    /// After the postmaster died: starts it again on the same folder.
    [[nodiscard]] base::Status restart();
    [[nodiscard]] bool running() const;

    /// key=value string with host, port, user, password and database. `database` empty: the options' one.
    [[nodiscard]] base::Secret conninfo(std::string_view database = {}) const;
    [[nodiscard]] pid_t postmaster_pid() const;
    [[nodiscard]] const std::filesystem::path& folder() const;
    [[nodiscard]] const std::filesystem::path& socket_folder() const;
    [[nodiscard]] const std::filesystem::path& binaries() const;
    [[nodiscard]] int major_version() const;

  private:
    struct Impl;
    explicit PrivateCluster(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace pganalytics::postgres
