// Private clusters on real servers: made, found again, killed, refused.

#include "postgres/private_cluster.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "postgres/connection.hpp"

namespace pganalytics::postgres {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

/// A folder that the user root drops to can reach; removed at the end.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string pattern = "/tmp/pga-cluster-XXXXXX";
        path_ = mkdtemp(pattern.data());
        chmod(path_.c_str(), 0755);
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    [[nodiscard]] const fs::path& path() const { return path_; }

  private:
    fs::path path_;
};

PrivateClusterOptions options_in(const fs::path& folder) {
    PrivateClusterOptions options;
    options.folder = folder;
    // Durability is not what these tests are about, the disks of build machines are slow.
    options.settings = {{"fsync", "off"}};
    return options;
}

PrivateCluster start(PrivateClusterOptions options) {
    auto cluster = PrivateCluster::start(std::move(options));
    if (!cluster) throw std::runtime_error(cluster.error().to_string());
    return std::move(cluster).value();
}

Connection connect(const PrivateCluster& cluster) {
    ConnectOptions options;
    options.read_only = false;
    auto connection = Connection::open(cluster.conninfo(), options);
    if (!connection) throw std::runtime_error(connection.error().to_string());
    return std::move(connection).value();
}

std::string value(Connection& connection, std::string_view statement) {
    auto rows = connection.query(statement);
    if (!rows) throw std::runtime_error(rows.error().to_string());
    return rows->text(0, 0);
}

bool gone(pid_t pid, std::chrono::milliseconds patience) {
    const auto deadline = base::Deadline::after(patience);
    while (kill(pid, 0) == 0 && !deadline.passed()) std::this_thread::sleep_for(20ms);
    return kill(pid, 0) != 0;
}

/// Another process that starts a cluster and then does nothing until it is killed.
class Owner {
  public:
    explicit Owner(const fs::path& folder) {
        int ends[2];
        if (pipe(ends) != 0) throw std::runtime_error("no pipe");
        pid_ = fork();
        if (pid_ == 0) {
            auto cluster = PrivateCluster::start(options_in(folder));
            pid_t postmaster = cluster ? cluster->postmaster_pid() : -1;
            if (cluster) {
                auto connection = connect(*cluster);
                if (!connection.query("create table kept as select 42 as answer")) postmaster = -1;
            }
            if (write(ends[1], &postmaster, sizeof postmaster) < 0) _exit(1);
            for (;;) pause();
        }
        close(ends[1]);
        if (read(ends[0], &postmaster_, sizeof postmaster_) != sizeof postmaster_) postmaster_ = -1;
        close(ends[0]);
        if (postmaster_ <= 0) throw std::runtime_error("the other process could not start its cluster");
    }
    ~Owner() {
        kill_now();
        // Its folder is about to be removed.
        if (postmaster_ > 0) static_cast<void>(gone(postmaster_, 15s));
    }
    void kill_now() {
        if (pid_ <= 0) return;
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] pid_t postmaster() const { return postmaster_; }

  private:
    pid_t pid_ = -1;
    pid_t postmaster_ = -1;
};

TEST(PrivateCluster, KeepsItsDataInAStateFolderWithALongPath) {
    const TemporaryFolder temporary;
    const fs::path folder = temporary.path() / std::string(80, 'a') / std::string(80, 'b') / "it's a repository";
    ASSERT_GT(folder.string().size(), 150U);
    pid_t postmaster = -1;
    {
        auto cluster = start(options_in(folder));
        postmaster = cluster.postmaster_pid();
        auto connection = connect(cluster);
        EXPECT_EQ(value(connection, "select datcollate from pg_database where datname = current_database()"),
                  "C.UTF-8");
        EXPECT_EQ(value(connection, "show listen_addresses"), "");
        EXPECT_EQ(value(connection, "show password_encryption"), "scram-sha-256");
        ASSERT_TRUE(connection.query("create table kept as select 42 as answer"));
        EXPECT_LT(cluster.socket_folder().string().size() + std::string("/.s.PGSQL.5432").size(), 108U);
        struct stat status {};
        ASSERT_EQ(stat((folder / "password").c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777, 0600U);
        ASSERT_EQ(stat(cluster.socket_folder().c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777, 0700U);
        EXPECT_NE(status.st_uid, 0U);
    }
    EXPECT_TRUE(gone(postmaster, 0ms)) << "the destructor left the postmaster running";
    auto again = start(options_in(folder));
    auto connection = connect(again);
    EXPECT_EQ(value(connection, "select answer from kept"), "42");
}

TEST(PrivateCluster, DemandsThePassword) {
    const TemporaryFolder temporary;
    auto cluster = start(options_in(temporary.path() / "c"));
    const base::Secret wrong("host=" + cluster.socket_folder().string() +
                             " user=pganalytics password=guess dbname=pganalytics");
    const auto connection = Connection::open(wrong);
    ASSERT_FALSE(connection);
    EXPECT_THAT(connection.error().to_string(), HasSubstr("password"));
}

TEST(PrivateCluster, RefusesASecondInstanceAndNamesTheHolder) {
    const TemporaryFolder temporary;
    const Owner owner(temporary.path() / "c");
    const auto second = PrivateCluster::start(options_in(temporary.path() / "c"));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, base::ErrorCode::conflict);
    EXPECT_THAT(second.error().message, HasSubstr("pid " + std::to_string(owner.pid()) + ", started 20"));
}

TEST(PrivateCluster, EndsWithAnOwnerThatIsKilled) {
    const TemporaryFolder temporary;
    Owner owner(temporary.path() / "c");
    owner.kill_now();
    EXPECT_TRUE(gone(owner.postmaster(), 15s));
    auto cluster = start(options_in(temporary.path() / "c"));
    auto connection = connect(cluster);
    EXPECT_EQ(value(connection, "select answer from kept"), "42");
}

TEST(PrivateCluster, StopsAPostmasterThatOutlivedItsOwner) {
    const TemporaryFolder temporary;
    Owner owner(temporary.path() / "c");
    // Stopped, it cannot act on the kernel's signal: the worst moment at which the next start can come.
    kill(owner.postmaster(), SIGSTOP);
    owner.kill_now();
    std::thread later([&] {
        std::this_thread::sleep_for(1s);
        kill(owner.postmaster(), SIGCONT);
    });
    auto cluster = PrivateCluster::start(options_in(temporary.path() / "c"));
    later.join();
    ASSERT_TRUE(cluster) << cluster.error().to_string();
    EXPECT_NE(cluster->postmaster_pid(), owner.postmaster());
    auto connection = connect(*cluster);
    EXPECT_EQ(value(connection, "select answer from kept"), "42");
}

TEST(PrivateCluster, ComesBackAfterItsPostmasterWasKilled) {
    const TemporaryFolder temporary;
    auto cluster = start(options_in(temporary.path() / "c"));
    {
        auto connection = connect(cluster);
        ASSERT_TRUE(connection.query("create table kept as select 42 as answer"));
    }
    kill(cluster.postmaster_pid(), SIGKILL);
    ASSERT_TRUE(gone(cluster.postmaster_pid(), 5s));
    EXPECT_FALSE(cluster.running());
    const auto restarted = cluster.restart();
    ASSERT_TRUE(restarted) << restarted.error().to_string();
    auto connection = connect(cluster);
    EXPECT_EQ(value(connection, "select answer from kept"), "42");
}

TEST(PrivateCluster, IsNotFooledByAStalePidFileThatNamesALivingStranger) {
    const TemporaryFolder temporary;
    const fs::path folder = temporary.path() / "c";
    { auto cluster = start(options_in(folder)); }
    std::ofstream(folder / "data/postmaster.pid") << getpid() << "\n" << (folder / "data").string() << "\n";
    const auto cluster = PrivateCluster::start(options_in(folder));
    EXPECT_TRUE(cluster) << cluster.error().to_string();
}

TEST(PrivateCluster, RefusesTheFolderOfAnotherMajorVersion) {
    const TemporaryFolder temporary;
    const fs::path folder = temporary.path() / "c";
    { auto cluster = start(options_in(folder)); }
    std::ofstream(folder / "data/PG_VERSION") << "12\n";
    const auto cluster = PrivateCluster::start(options_in(folder));
    ASSERT_FALSE(cluster);
    EXPECT_EQ(cluster.error().code, base::ErrorCode::unsupported);
    EXPECT_THAT(cluster.error().message, HasSubstr("PostgreSQL 12"));
    EXPECT_THAT(cluster.error().hint, HasSubstr("pg_upgrade"));
}

TEST(PrivateCluster, LeavesNoHalfMadeClusterBehind) {
    const TemporaryFolder temporary;
    const fs::path folder = temporary.path() / "c";
    fs::create_directories(folder / "data.unfinished/base");
    const auto cluster = PrivateCluster::start(options_in(folder));
    ASSERT_TRUE(cluster) << cluster.error().to_string();
    EXPECT_FALSE(fs::exists(folder / "data.unfinished"));
}

TEST(PrivateCluster, PreloadsLibrariesAndTakesSettings) {
    const TemporaryFolder temporary;
    auto options = options_in(temporary.path() / "c");
    options.shared_preload_libraries = {"pg_stat_statements"};
    options.settings["track_io_timing"] = "on";
    options.temporary = true;
    {
        auto cluster = start(options);
        auto connection = connect(cluster);
        EXPECT_EQ(value(connection, "show shared_preload_libraries"), "pg_stat_statements");
        EXPECT_EQ(value(connection, "show track_io_timing"), "on");
    }
    EXPECT_FALSE(fs::exists(temporary.path() / "c")) << "a temporary cluster stayed";
}

TEST(PrivateCluster, SaysWhyItDidNotStart) {
    const TemporaryFolder temporary;
    auto options = options_in(temporary.path() / "c");
    options.settings["shared_buffers"] = "a lot";
    const auto cluster = PrivateCluster::start(options);
    ASSERT_FALSE(cluster);
    EXPECT_THAT(cluster.error().to_string(), HasSubstr("shared_buffers"));
}

TEST(PrivateCluster, SaysWhatToInstallWithoutAServer) {
    const TemporaryFolder temporary;
    auto options = options_in(temporary.path() / "c");
    options.binaries = "/usr/share";
    const auto cluster = PrivateCluster::start(options);
    ASSERT_FALSE(cluster);
    EXPECT_EQ(cluster.error().code, base::ErrorCode::install_extension);
    EXPECT_THAT(cluster.error().hint, HasSubstr("apt-get install"));
}

}  // namespace
}  // namespace pganalytics::postgres
