// The connection on a real server: what works, and what every fault looks like to the caller.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/text.hpp"
#include "postgres/connection.hpp"
#include "support/test_cluster.hpp"

namespace pganalytics::postgres {
namespace {

using base::ErrorCode;
using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;
using Clock = std::chrono::steady_clock;

constexpr auto canary = "canary-9f3a61";

/// One server for all tests of this file: each makes its own objects.
class PostgresConnection : public ::testing::Test {
  protected:
    static void SetUpTestSuite() {
        pganalytics::test_support::TestClusterOptions options;
        options.tcp = true;
        cluster_ = std::make_unique<pganalytics::test_support::TestCluster>(options);
    }
    static void TearDownTestSuite() { cluster_.reset(); }
    static pganalytics::test_support::TestCluster& cluster() { return *cluster_; }

  private:
    static inline std::unique_ptr<pganalytics::test_support::TestCluster> cluster_;
};

TEST_F(PostgresConnection, QueriesWithParametersAndNulls) {
    auto connection = cluster().connect();
    const auto rows = connection.query("SELECT $1::int + 1 AS n, $2::text, 1.5, true", {"41", std::nullopt});
    ASSERT_TRUE(rows) << rows.error().to_string();
    ASSERT_EQ(rows->size(), 1U);
    EXPECT_EQ(rows->integer(0, *rows->find_column("n")), 42);
    EXPECT_FALSE(rows->cell(0, 1).has_value());
    EXPECT_EQ(rows->text(0, 1), "");
    EXPECT_EQ(rows->number(0, 2), 1.5);
    EXPECT_TRUE(rows->boolean(0, 3));
    EXPECT_EQ(connection.server_version() / 10000 >= 13, true);
    EXPECT_EQ(connection.user(), "postgres");
}

TEST_F(PostgresConnection, AUserTextCannotBringASecondStatement) {
    auto connection = cluster().connect();
    const auto rows = connection.query("SELECT 1; DROP TABLE pg_catalog.pg_class");
    ASSERT_FALSE(rows);
    EXPECT_EQ(rows.error().code, ErrorCode::fix_input);
    EXPECT_FALSE(connection.prepare("p", "SELECT 1; SELECT 2"));
    EXPECT_TRUE(connection.healthy());
}

TEST_F(PostgresConnection, ErrorPositionsAreThoseOfTheCallersText) {
    auto connection = cluster().connect();
    ASSERT_FALSE(connection.query("SELECT nothing_here"));
    EXPECT_EQ(connection.last_server_error().position, 8);
    EXPECT_EQ(connection.last_server_error().sqlstate, "42703");
}

TEST_F(PostgresConnection, SettingsHoldFromTheStart) {
    auto connection = cluster().connect("postgres", "postgres", ConnectOptions{});
    EXPECT_EQ(pganalytics::test_support::query_value(connection, "SHOW statement_timeout"), "10s");
    EXPECT_EQ(pganalytics::test_support::query_value(connection, "SHOW lock_timeout"), "2s");
    EXPECT_EQ(pganalytics::test_support::query_value(connection, "SHOW application_name"), "pganalytics");
    EXPECT_FALSE(connection.pooled());
    const auto refused = connection.query("CREATE TABLE nowhere (a int)");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::not_allowed);
}

TEST_F(PostgresConnection, UserOptionsStayBesideOurs) {
    auto conninfo = base::Secret(cluster().conninfo().reveal() + " options='-c work_mem=7MB'");
    auto connection = Connection::open(conninfo);
    ASSERT_TRUE(connection) << connection.error().to_string();
    EXPECT_EQ(pganalytics::test_support::query_value(*connection, "SHOW work_mem"), "7MB");
    EXPECT_EQ(pganalytics::test_support::query_value(*connection, "SHOW statement_timeout"), "10s");
}

TEST_F(PostgresConnection, PipelineGivesAllResultsInOneRoundTrip) {
    auto connection = cluster().connect();
    std::vector<std::pair<std::string, Parameters>> statements;
    for (int i = 0; i < 2000; ++i)
        statements.emplace_back("SELECT $1::int, repeat('x', 500)", Parameters{std::to_string(i)});
    const auto all = connection.pipeline(statements);
    ASSERT_TRUE(all) << all.error().to_string();
    ASSERT_EQ(all->size(), 2000U);
    EXPECT_EQ((*all)[1999].integer(0, 0), 1999);
    EXPECT_TRUE(connection.query("SELECT 1"));
}

TEST_F(PostgresConnection, PipelineStopsAtTheFirstErrorAndTheConnectionGoesOn) {
    auto connection = cluster().connect();
    cluster().run("CREATE TABLE pipeline_errors (a int)");
    const std::vector<std::pair<std::string, Parameters>> statements{{"INSERT INTO pipeline_errors VALUES (1)", {}},
                                                                     {"SELECT 1/0", {}},
                                                                     {"INSERT INTO pipeline_errors VALUES (2)", {}}};
    const auto all = connection.pipeline(statements);
    ASSERT_FALSE(all);
    EXPECT_EQ(connection.last_server_error().sqlstate, "22012");
    EXPECT_EQ(pganalytics::test_support::query_value(connection, "SELECT count(*) FROM pipeline_errors"), "0");
}

TEST_F(PostgresConnection, CopiesIn) {
    auto connection = cluster().connect();
    cluster().run("CREATE TABLE copied (a int, b text)");
    int chunk = 0;
    std::string text;
    const auto copied = connection.copy_in("COPY copied FROM STDIN", [&]() -> std::string_view {
        text.clear();
        if (chunk++ < 100) {
            for (int i = 0; i < 1000; ++i) text += std::to_string(i) + "\tsome text of no importance\n";
        }
        return text;
    });
    ASSERT_TRUE(copied) << copied.error().to_string();
    EXPECT_EQ(*copied, 100000);
    int bad = 0;
    const auto refused = connection.copy_in(
        "COPY copied FROM STDIN", [&]() -> std::string_view { return bad++ == 0 ? "not a number\tx\n" : ""; });
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::fix_input);
    EXPECT_EQ(pganalytics::test_support::query_value(connection, "SELECT count(*) FROM copied"), "100000");
}

TEST_F(PostgresConnection, TransactionsRollBackUnlessCommitted) {
    auto connection = cluster().connect();
    cluster().run("CREATE TABLE in_transaction (a int)");
    {
        auto transaction = Transaction::begin(connection, Transaction::Mode::read_write);
        ASSERT_TRUE(transaction);
        EXPECT_TRUE(connection.in_transaction());
        ASSERT_TRUE(connection.query("INSERT INTO in_transaction VALUES (1)"));
    }
    EXPECT_FALSE(connection.in_transaction());
    EXPECT_EQ(pganalytics::test_support::query_value(connection, "SELECT count(*) FROM in_transaction"), "0");
    auto transaction = Transaction::begin(connection, Transaction::Mode::read_write);
    ASSERT_TRUE(transaction);
    EXPECT_FALSE(connection.query("SELECT 1/0"));
    const auto committed = transaction->commit();
    ASSERT_FALSE(committed);
    EXPECT_EQ(committed.error().code, ErrorCode::unprocessable);
}

TEST_F(PostgresConnection, NotificationsArriveOrTimeOut) {
    auto listener = cluster().connect();
    ASSERT_TRUE(listener.query("LISTEN news"));
    EXPECT_FALSE(listener.wait_for_notification(milliseconds(50)).value().has_value());
    cluster().run("NOTIFY news, 'first'; NOTIFY news, 'second'");
    EXPECT_EQ(listener.wait_for_notification(milliseconds(2000)).value(), "first");
    EXPECT_EQ(listener.wait_for_notification(milliseconds(2000)).value(), "second");
}

TEST_F(PostgresConnection, CancelFromAnotherThread) {
    auto connection = cluster().connect();
    std::thread canceller([&] {
        std::this_thread::sleep_for(milliseconds(200));
        connection.cancel();
    });
    const auto rows = connection.query("SELECT pg_sleep(30)");
    canceller.join();
    ASSERT_FALSE(rows);
    EXPECT_EQ(rows.error().code, ErrorCode::retry_later);
    EXPECT_TRUE(connection.query("SELECT 1"));
}

TEST_F(PostgresConnection, StatementTimeoutIsRetryLaterAndTheConnectionGoesOn) {
    ConnectOptions options;
    options.statement_timeout = milliseconds(100);
    auto connection = cluster().connect("postgres", "postgres", options);
    const auto rows = connection.query("SELECT pg_sleep(30)");
    ASSERT_FALSE(rows);
    EXPECT_EQ(rows.error().code, ErrorCode::retry_later);
    EXPECT_TRUE(connection.healthy());
}

TEST_F(PostgresConnection, ALockThatIsHeldIsRetryLater) {
    cluster().run("CREATE TABLE locked (a int)");
    auto holder = cluster().connect();
    const auto transaction = Transaction::begin(holder, Transaction::Mode::read_write);
    ASSERT_TRUE(holder.query("LOCK TABLE locked IN ACCESS EXCLUSIVE MODE"));
    ConnectOptions options;
    options.lock_timeout = milliseconds(100);
    auto connection = cluster().connect("postgres", "postgres", options);
    const auto rows = connection.query("SELECT * FROM locked");
    ASSERT_FALSE(rows);
    EXPECT_EQ(rows.error().code, ErrorCode::retry_later);
    EXPECT_EQ(connection.last_server_error().sqlstate, "55P03");
}

TEST_F(PostgresConnection, TheClientDeadlineHoldsWhereTheServersDoesNot) {
    ConnectOptions options;
    options.statement_timeout = milliseconds(0);
    options.round_trip_timeout = milliseconds(200);
    auto connection = cluster().connect("postgres", "postgres", options);
    const auto started = Clock::now();
    const auto rows = connection.query("SELECT pg_sleep(5)");
    EXPECT_LT(Clock::now() - started, milliseconds(2000));
    ASSERT_FALSE(rows);
    EXPECT_EQ(rows.error().code, ErrorCode::retry_later);
    EXPECT_FALSE(connection.healthy());
    EXPECT_FALSE(connection.query("SELECT 1"));
}

TEST_F(PostgresConnection, AWrongPasswordIsToldWithoutIt) {
    cluster().run("CREATE ROLE somebody LOGIN PASSWORD 'right one'");
    const auto opened = Connection::open(cluster().tcp_conninfo("postgres", "somebody", canary));
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::connect_failed);
    EXPECT_THAT(opened.error().message, HasSubstr("password authentication failed"));
    EXPECT_THAT(opened.error().hint, HasSubstr(".pgpass"));
    EXPECT_THAT(opened.error().to_string(), Not(HasSubstr(canary)));
}

TEST_F(PostgresConnection, ADatabaseOrSocketThatIsNotThereHasAHint) {
    const auto no_database = Connection::open(cluster().conninfo("nowhere"));
    ASSERT_FALSE(no_database);
    EXPECT_EQ(no_database.error().code, ErrorCode::connect_failed);
    EXPECT_THAT(no_database.error().message, HasSubstr("does not exist"));
    const auto no_socket = Connection::open(base::Secret("host=/nowhere dbname=x"));
    ASSERT_FALSE(no_socket);
    EXPECT_EQ(no_socket.error().code, ErrorCode::connect_failed);
    EXPECT_THAT(no_socket.error().hint, HasSubstr("socket"));
}

TEST_F(PostgresConnection, NoConnectionStringLeaksItsPassword) {
    const std::string secret = canary;
    for (const auto& conninfo : {
             "password=" + secret + " host=127.0.0.1 port=1",
             "host=127.0.0.1 port=1 password='" + secret + " with blank'",
             "host=127.0.0.1 port=1 password=two words" + secret,
             "host=127.0.0.1 password=x " + secret + "=1",
             "postgresql://user:" + secret + "@127.0.0.1:1/db",
             "postgresql://user:p@" + secret + "@127.0.0.1:1/db",
             "postgresql://user:p/" + secret + "@127.0.0.1:1/db",
             "postgresql://user:1/x" + secret + "@127.0.0.1:1/db",
             "postgresql://user:p?" + secret + "@127.0.0.1:1/db",
             "postgresql://127.0.0.1:1/db?password=" + secret,
             "postgresql://user:%zz" + secret + "@127.0.0.1:1/db",
         }) {
        const auto opened = Connection::open(base::Secret(conninfo));
        ASSERT_FALSE(opened) << conninfo;
        EXPECT_THAT(opened.error().to_string(), Not(HasSubstr(secret))) << conninfo;
    }
}

TEST_F(PostgresConnection, AnotherDatabaseOfTheSameServer) {
    cluster().run("CREATE DATABASE \"odd name's\"");
    const auto conninfo = with_database(cluster().conninfo(), "odd name's");
    ASSERT_TRUE(conninfo);
    const auto connection = Connection::open(*conninfo);
    ASSERT_TRUE(connection) << connection.error().to_string();
    EXPECT_EQ(connection->database(), "odd name's");
    const auto from_uri =
        with_database(base::Secret("postgresql://postgres@/postgres?host=" + cluster().folder().string() +
                                   "&port=" + std::to_string(cluster().port())),
                      "template1");
    ASSERT_TRUE(from_uri);
    EXPECT_TRUE(Connection::open(*from_uri));
}

TEST_F(PostgresConnection, AServiceFileAndAPasswordFileWork) {
    cluster().run("CREATE ROLE by_file LOGIN PASSWORD 'from the file'");
    const auto service = cluster().folder() / "service.conf";
    const auto passwords = cluster().folder() / "pgpass";
    // localhost is a name: looked up ahead, and still the name that the password file knows.
    std::ofstream(service) << "[here]\nhost=localhost\nport=" << cluster().port()
                           << "\nuser=by_file\ndbname=postgres\n";
    std::ofstream(passwords) << "localhost:*:*:by_file:from the file\n";
    std::filesystem::permissions(passwords, std::filesystem::perms::owner_read);
    setenv("PGSERVICEFILE", service.c_str(), 1);
    setenv("PGPASSFILE", passwords.c_str(), 1);
    const auto connection = Connection::open(base::Secret("service=here"));
    const auto missing = Connection::open(base::Secret("service=absent"));
    unsetenv("PGSERVICEFILE");
    unsetenv("PGPASSFILE");
    ASSERT_TRUE(connection) << connection.error().to_string();
    EXPECT_EQ(connection->user(), "by_file");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, ErrorCode::fix_input);
    EXPECT_THAT(missing.error().message, HasSubstr("service"));
}

TEST_F(PostgresConnection, TheFirstOfSeveralHostsThatAnswersIsTaken) {
    const auto port = std::to_string(cluster().port());
    cluster().run("CREATE ROLE many_hosts LOGIN PASSWORD 'p'");
    const auto connection = Connection::open(base::Secret("host=no-such-name.invalid,/nowhere,localhost port=" + port +
                                                          " user=many_hosts dbname=postgres password=p"));
    ASSERT_TRUE(connection) << connection.error().to_string();
}

TEST_F(PostgresConnection, TooManyConnectionsIsToldWithAHint) {
    cluster().run("CREATE ROLE limited LOGIN CONNECTION LIMIT 1");
    const auto first = Connection::open(cluster().conninfo("postgres", "limited"));
    ASSERT_TRUE(first);
    const auto second = Connection::open(cluster().conninfo("postgres", "limited"));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::connect_failed);
    EXPECT_THAT(second.error().hint, HasSubstr("CONNECTION LIMIT"));
}

TEST(ConnectionFaults, AListenerThatNeverAnswersCostsTheDeadlineOnly) {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(listen(listener, 4), 0);
    ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
    ConnectOptions options;
    options.connect_timeout = milliseconds(300);
    const auto started = Clock::now();
    const auto opened = Connection::open(
        base::Secret("host=127.0.0.1 dbname=x port=" + std::to_string(ntohs(address.sin_port))), options);
    const auto took = Clock::now() - started;
    close(listener);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::connect_failed);
    EXPECT_GE(took, milliseconds(290));
    EXPECT_LT(took, milliseconds(1500));
}

TEST(ConnectionFaults, ANameThatDoesNotResolveIsToldWithinTheDeadline) {
    ConnectOptions options;
    options.connect_timeout = milliseconds(2000);
    const auto started = Clock::now();
    const auto opened = Connection::open(base::Secret("host=no-such-name.invalid dbname=x"), options);
    EXPECT_LT(Clock::now() - started, milliseconds(4000));
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::connect_failed);
    EXPECT_THAT(opened.error().message, HasSubstr("no-such-name.invalid"));
}

TEST(ConnectionFaults, AServerKilledInAQueryIsNoticedAndTheNextConnectionWorks) {
    pganalytics::test_support::TestCluster cluster;
    auto connection = cluster.connect();
    std::thread killer([&] {
        std::this_thread::sleep_for(milliseconds(300));
        cluster.stop();
    });
    const auto rows = connection.query("SELECT pg_sleep(30)");
    killer.join();
    ASSERT_FALSE(rows);
    EXPECT_TRUE(rows.error().code == ErrorCode::retry_later || rows.error().code == ErrorCode::connect_failed)
        << rows.error().to_string();
    EXPECT_FALSE(connection.healthy());
    const auto while_down = Connection::open(cluster.conninfo());
    ASSERT_FALSE(while_down);
    EXPECT_EQ(while_down.error().code, ErrorCode::connect_failed);
    cluster.start();
    auto again = cluster.connect();
    EXPECT_TRUE(again.query("SELECT 1"));
}

TEST(ConnectionFaults, InvalidBytesOfASqlAsciiDatabaseBecomeValidText) {
    pganalytics::test_support::TestClusterOptions options;
    options.encoding = "SQL_ASCII";
    pganalytics::test_support::TestCluster cluster(options);
    auto connection = cluster.connect();
    ASSERT_TRUE(connection.query("CREATE TABLE bytes (a text)"));
    bool sent = false;
    ASSERT_TRUE(connection.copy_in("COPY bytes FROM STDIN", [&]() -> std::string_view {
        return std::exchange(sent, true) ? ""
                                         : "\xff"
                                           "A\n";
    }));
    const auto rows = connection.query("SELECT a FROM bytes");
    ASSERT_TRUE(rows) << rows.error().to_string();
    EXPECT_EQ(rows->cell(0, 0),
              "\xff"
              "A");
    EXPECT_EQ(rows->text(0, 0),
              "\xef\xbf\xbd"
              "A");
}

}  // namespace
}  // namespace pganalytics::postgres
