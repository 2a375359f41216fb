#include "store_fixture.hpp"

#include <stdlib.h>
#include <sys/stat.h>

#include <atomic>

#include "store/migrations.hpp"

namespace pganalytics::store {

std::unique_ptr<postgres::PrivateCluster> StoreTest::cluster_;

void StoreTest::SetUpTestSuite() {
    // One for all suites of the executable; stopped when it ends.
    if (cluster_) return;
    std::string folder = "/tmp/pga-store-XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no temporary folder");
    chmod(folder.c_str(), 0755);
    postgres::PrivateClusterOptions options;
    options.folder = folder;
    options.temporary = true;
    auto started = postgres::PrivateCluster::start(std::move(options));
    if (!started) throw std::runtime_error(started.error().to_string());
    cluster_ = std::make_unique<postgres::PrivateCluster>(std::move(started).value());
}

void StoreTest::SetUp() {
    conninfo_ = new_database();
    repository_ = std::make_unique<Repository>(conninfo_);
    expect_value(repository_->migrate());
}

base::Secret StoreTest::new_database() {
    static std::atomic<int> number{0};
    const std::string name = "r" + std::to_string(++number);
    auto connection = connect(cluster_->conninfo("postgres"));
    expect_done(connection.execute_script(postgres::our_sql("create database {}", postgres::identifier(name))));
    return cluster_->conninfo(name);
}

postgres::Connection StoreTest::connect(const base::Secret& conninfo) {
    postgres::ConnectOptions options;
    options.read_only = false;
    options.lock_timeout = options.statement_timeout = options.round_trip_timeout = std::chrono::seconds(60);
    return expect_value(postgres::Connection::open(conninfo, options));
}

std::string StoreTest::value(std::string_view statement) {
    auto connection = connect(conninfo_);
    const auto rows = expect_value(connection.query(statement));
    if (rows.empty()) throw std::runtime_error("no row from: " + std::string(statement));
    return rows.text(0, 0);
}

TargetStore StoreTest::targets() {
    return {repository(), expect_value(SealingKey::from_bytes(base::Secret(std::string(32, 'k'))))};
}

base::TargetId StoreTest::add_target(const std::string& name) {
    return expect_value(targets().add(
                            {.name = name, .conninfo = base::Secret("host=db password=canary"), .database_filter = {}}))
        .id;
}

workload::StatementKey StoreTest::announce(base::TargetId target, std::int64_t queryid, const std::string& text,
                                           const std::string& database) {
    KnownStatement statement;
    statement.key = {
        .database = base::Oid{5}, .user = base::Oid{10}, .query_id = base::QueryId{queryid}, .top_level = true};
    statement.database_name = database;
    statement.user_name = "app";
    statement.query_hash = base::QueryHash{1000 + queryid};
    statement.fingerprint_hash = base::FingerprintHash{7};
    statement.text = text;
    expect_done(Ingest(repository()).upsert_statements(target, {{statement}}));
    return statement.key;
}

}  // namespace pganalytics::store
