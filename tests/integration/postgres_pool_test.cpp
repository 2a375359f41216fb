// The pool on a real server, and a connection through a pooler that refuses or ignores start-up options.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "postgres/pool.hpp"
#include "postgres/server_planner.hpp"
#include "support/test_cluster.hpp"

namespace pganalytics::postgres {
namespace {

using base::ErrorCode;
using std::chrono::milliseconds;
using test_support::query_value;
using test_support::TestCluster;

class PostgresPool : public ::testing::Test {
  protected:
    static void SetUpTestSuite() {
        cluster_ = std::make_unique<TestCluster>();
        for (int i = 0; i < 5; ++i) cluster_->run("CREATE DATABASE db" + std::to_string(i));
        cluster_->run("CREATE ROLE pooled LOGIN");
    }
    static void TearDownTestSuite() { cluster_.reset(); }
    static TestCluster& cluster() { return *cluster_; }
    static base::Secret conninfo() { return cluster().conninfo("postgres", "pooled"); }
    static int connections() {
        auto connection = cluster().connect();
        return std::stoi(query_value(connection, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'pooled'"));
    }

  private:
    static inline std::unique_ptr<TestCluster> cluster_;
};

TEST_F(PostgresPool, AFreeConnectionServesTheNextCallerOfItsDatabase) {
    Pool pool(conninfo(), {});
    std::string first;
    {
        auto lease = pool.acquire("db1");
        ASSERT_TRUE(lease) << lease.error().to_string();
        EXPECT_EQ((*lease)->database(), "db1");
        first = query_value(**lease, "SELECT pg_backend_pid()");
    }
    auto again = pool.acquire("db1");
    ASSERT_TRUE(again);
    EXPECT_EQ(query_value(**again, "SELECT pg_backend_pid()"), first);
    auto other = pool.acquire();
    ASSERT_TRUE(other);
    EXPECT_EQ((*other)->database(), "postgres");
    EXPECT_EQ(pool.open_connections(), 2U);
}

TEST_F(PostgresPool, NeverMoreThanTheCapOverAllDatabases) {
    constexpr int cap = 3;
    Pool pool(conninfo(), {}, cap);
    std::atomic<int> most = 0;
    std::atomic<bool> done = false;
    std::thread watcher([&] {
        while (!done) {
            most = std::max<int>(most, connections());
            std::this_thread::sleep_for(milliseconds(5));
        }
    });
    std::vector<std::thread> workers;
    std::atomic<int> served = 0;
    for (int worker = 0; worker < 10; ++worker) {
        workers.emplace_back([&, worker] {
            for (int i = 0; i < 10; ++i) {
                auto lease = pool.acquire("db" + std::to_string((worker + i) % 5), std::chrono::seconds(60));
                if (lease && (*lease)->query("SELECT pg_sleep(0.002)")) ++served;
            }
        });
    }
    for (auto& worker : workers) worker.join();
    done = true;
    watcher.join();
    EXPECT_EQ(served, 100);
    EXPECT_LE(pool.open_connections(), static_cast<std::size_t>(cap));
    // A backend whose client has hung up is listed for a moment longer.
    EXPECT_LE(most, cap * 2);
}

TEST_F(PostgresPool, WhereAllAreInUseTheWaitIsBounded) {
    Pool pool(conninfo(), {}, 1);
    auto held = pool.acquire();
    ASSERT_TRUE(held);
    const auto refused = pool.acquire("", milliseconds(50));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::retry_later);
}

TEST_F(PostgresPool, WhatBrokeOrWasLeftInATransactionIsNotGivenOutAgain) {
    Pool pool(conninfo(), {});
    {
        auto lease = pool.acquire("db2");
        ASSERT_TRUE(lease);
        ASSERT_TRUE((*lease)->query("BEGIN"));
    }
    EXPECT_EQ(pool.open_connections(), 0U);
    {
        auto lease = pool.acquire("db2");
        ASSERT_TRUE(lease);
        cluster().run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'pooled'");
        EXPECT_FALSE((*lease)->query("SELECT 1"));
    }
    EXPECT_EQ(pool.open_connections(), 0U);
    EXPECT_TRUE(pool.acquire("db2"));
}

TEST_F(PostgresPool, AFailedConnectionGivesItsPlaceBack) {
    Pool pool(conninfo(), {}, 1);
    EXPECT_FALSE(pool.acquire("no such database"));
    EXPECT_TRUE(pool.acquire("db3"));
}

TEST_F(PostgresPool, LeasesMayOutliveThePool) {
    auto pool = std::make_unique<Pool>(conninfo(), ConnectOptions{});
    auto lease = pool->acquire();
    ASSERT_TRUE(lease);
    pool.reset();
    EXPECT_TRUE((*lease)->query("SELECT 1"));
}

/// Stands before the real server as a pooler does: it answers the start-up packet for itself, then passes bytes on.
class StartupGate {
  public:
    enum class Mode { refuse_options, drop_options };

    StartupGate(const TestCluster& cluster, Mode mode) : mode_(mode) {
        server_ = cluster.folder() / (".s.PGSQL." + std::to_string(cluster.port()));
        folder_ = cluster.folder() / (mode == Mode::refuse_options ? "gate-a" : "gate-b");
        std::filesystem::create_directory(folder_);
        const auto path = folder_ / ".s.PGSQL.6432";
        listener_ = socket(AF_UNIX, SOCK_STREAM, 0);
        const auto address = address_of(path);
        if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            listen(listener_, 8) != 0) {
            throw std::runtime_error("the gate cannot listen");
        }
        thread_ = std::thread([this] { serve(); });
    }
    ~StartupGate() {
        shutdown(listener_, SHUT_RDWR);
        thread_.join();
        close(listener_);
    }
    StartupGate(const StartupGate&) = delete;
    StartupGate& operator=(const StartupGate&) = delete;
    [[nodiscard]] base::Secret conninfo(const std::string& user) const {
        return base::Secret("host=" + folder_.string() + " port=6432 dbname=postgres user=" + user);
    }

  private:
    static sockaddr_un address_of(const std::filesystem::path& path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.string().copy(address.sun_path, sizeof address.sun_path - 1);
        return address;
    }

    void serve() {
        std::vector<std::thread> sessions;
        for (int client = accept(listener_, nullptr, nullptr); client >= 0;
             client = accept(listener_, nullptr, nullptr)) {
            sessions.emplace_back([this, client] { session(client); });
        }
        for (auto& one : sessions) one.join();
    }

    void session(int client) const {
        char buffer[65536];
        const auto size = read(client, buffer, sizeof buffer);
        std::string packet(buffer, size > 0 ? static_cast<std::size_t>(size) : 0);
        const auto at = packet.find(std::string("\0options\0", 9));
        if (at != std::string::npos && mode_ == Mode::refuse_options) {
            const std::string body = std::string("SFATAL\0C08P01\0Munsupported startup parameter: options\0\0", 55);
            const auto length = static_cast<unsigned char>(body.size() + 4);
            const std::string answer = std::string("E\0\0\0", 4) + static_cast<char>(length) + body;
            static_cast<void>(!write(client, answer.data(), answer.size()));
            close(client);
            return;
        }
        if (at != std::string::npos) {
            const auto end = packet.find('\0', at + 9);
            packet.erase(at + 1, end - at);
            packet[2] = static_cast<char>(packet.size() >> 8U);
            packet[3] = static_cast<char>(packet.size());
        }
        const int server = socket(AF_UNIX, SOCK_STREAM, 0);
        const auto address = address_of(server_);
        if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
            static_cast<void>(!write(server, packet.data(), packet.size()));
            pump(client, server, buffer, sizeof buffer);
        }
        close(server);
        close(client);
    }

    static void pump(int client, int server, char* buffer, std::size_t size) {
        for (;;) {
            pollfd both[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
            if (poll(both, 2, -1) < 0) return;
            for (int i = 0; i < 2; ++i) {
                if (both[i].revents == 0) continue;
                const auto got = read(both[i].fd, buffer, size);
                if (got <= 0) return;
                if (write(both[1 - i].fd, buffer, static_cast<std::size_t>(got)) != got) return;
            }
        }
    }

    Mode mode_;
    std::filesystem::path server_, folder_;
    int listener_ = -1;
    std::thread thread_;
};

class ThroughAPooler : public PostgresPool, public ::testing::WithParamInterface<StartupGate::Mode> {};

TEST_P(ThroughAPooler, SettingsHoldPerTransactionAndNothingIsLeftOnTheSession) {
    const StartupGate gate(cluster(), GetParam());
    ConnectOptions options;
    options.statement_timeout = milliseconds(4321);
    auto connection = Connection::open(gate.conninfo("pooled"), options);
    ASSERT_TRUE(connection) << connection.error().to_string();
    EXPECT_TRUE(connection->pooled());
    EXPECT_EQ(query_value(*connection, "SHOW statement_timeout"), "4321ms");
    EXPECT_EQ(query_value(*connection, "SHOW transaction_read_only"), "on");
    EXPECT_FALSE(connection->in_transaction());
    const auto written = connection->query("CREATE TABLE nowhere (a int)");
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, ErrorCode::not_allowed);
    const std::vector<std::pair<std::string, Parameters>> statements{{"SHOW statement_timeout", {}}, {"SELECT 2", {}}};
    const auto piped = connection->pipeline(statements);
    ASSERT_TRUE(piped) << piped.error().to_string();
    EXPECT_EQ(piped->front().text(0, 0), "4321ms");
    // What the pooler would hand to the next client is as the server made it.
    ASSERT_TRUE(connection->execute_script("DO $$ BEGIN ASSERT current_setting('statement_timeout') = '0'; END $$"));
    ServerPlanner planner(*connection);
    EXPECT_TRUE(planner.plan("SELECT * FROM pg_class WHERE relname = $1"));
}

INSTANTIATE_TEST_SUITE_P(Modes, ThroughAPooler,
                         ::testing::Values(StartupGate::Mode::refuse_options, StartupGate::Mode::drop_options),
                         [](const auto& mode) {
                             return mode.param == StartupGate::Mode::refuse_options ? "refuses" : "drops";
                         });

}  // namespace
}  // namespace pganalytics::postgres
