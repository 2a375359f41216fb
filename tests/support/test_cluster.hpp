#pragma once
// A PostgreSQL server of a test's own: initdb into a folder under the temporary directory, started as our child,
// stopped by its own pid and removed at the end. Reached through a Unix socket; with `tcp` also on 127.0.0.1. Root
// drops to an unprivileged user for it. It throws where a server cannot be had: a missing server fails a test, it never
// skips one. One thread at a time.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "postgres/connection.hpp"

namespace pganalytics::test_support {

struct TestClusterOptions {
    std::filesystem::path binaries;               ///< empty: default_binaries()
    std::map<std::string, std::string> settings;  ///< of postgresql.conf, values unquoted
    std::vector<std::string> preload = {"pg_stat_statements"};
    std::vector<std::string> hba_lines;  ///< replace pg_hba.conf; empty: trust on the socket, scram on 127.0.0.1
    std::string encoding = "UTF8";       ///< SQL_ASCII for tests with invalid bytes (locale C)
    bool tcp = false;
};

class TestCluster {
  public:
    static constexpr std::string_view superuser = "postgres";

    explicit TestCluster(TestClusterOptions options = {});
    ~TestCluster();
    TestCluster(const TestCluster&) = delete;
    TestCluster& operator=(const TestCluster&) = delete;

    [[nodiscard]] base::Secret conninfo(std::string_view database = "postgres",
                                        std::string_view user = superuser) const;
    [[nodiscard]] base::Secret tcp_conninfo(std::string_view database, std::string_view user,
                                            std::string_view password) const;
    /// Read-write, no server-side time-outs unless told.
    [[nodiscard]] postgres::Connection connect(std::string_view database = "postgres",
                                               std::string_view user = superuser) const;
    [[nodiscard]] postgres::Connection connect(std::string_view database, std::string_view user,
                                               const postgres::ConnectOptions& options) const;
    /// Any number of statements, one after the other, on a connection of its own. Throws on the first that fails.
    void run(std::string_view script, std::string_view database = "postgres", std::string_view user = superuser) const;

    /// SIGINT, waits. kill() is SIGKILL to the postmaster. start() after either goes on with the same data.
    void stop();
    void kill();
    void start();

    [[nodiscard]] pid_t postmaster_pid() const { return postmaster_; }
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
    [[nodiscard]] std::filesystem::path data_folder() const { return folder_ / "data"; }
    [[nodiscard]] std::string log() const;

    /// $PGANALYTICS_PG_BINDIR, else the newest /usr/lib/postgresql/*/bin.
    [[nodiscard]] static std::filesystem::path default_binaries();

  private:
    [[nodiscard]] pid_t spawn(const std::vector<std::string>& command, const std::filesystem::path& output) const;
    void initialise();
    void wait_until_ready();

    TestClusterOptions options_;
    std::filesystem::path folder_;
    std::uint16_t port_ = 0;
    pid_t postmaster_ = -1;
    uid_t uid_ = 0;
    gid_t gid_ = 0;
};

/// Runs statements one by one through the extended protocol; throws on the first that fails, naming it.
void run_script(postgres::Connection& connection, std::string_view script);

/// The first cell of the first row; throws where there is none.
[[nodiscard]] std::string query_value(postgres::Connection& connection, std::string_view statement);

}  // namespace pganalytics::test_support
