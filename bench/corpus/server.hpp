#pragma once
// A private PostgreSQL for measuring: nothing runs in it but what is measured (no autovacuum, no JIT, no synchronised
// scans), and its caches can be emptied for one statement.
//
// Cold: no page of the database is in shared_buffers (another table was read until none was left), and the kernel was
// told to drop the database's files from its cache, so that the first read of each page comes from the disk. What the
// session knows of the catalog stays. Warm: the same statement ran just before.
//
// One thread at a time.

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "postgres/connection.hpp"
#include "postgres/private_cluster.hpp"

namespace pganalytics::corpus {

struct Settings {
    int work_mem_kb = 4096;
    int parallel_workers = 0;  ///< per gather
};

class Server {
  public:
    [[nodiscard]] static base::Result<Server> start(const std::filesystem::path& folder,
                                                    std::chrono::milliseconds statement_timeout);

    /// Creates the database, or replaces it.
    [[nodiscard]] base::Status create_database(const std::string& name);
    [[nodiscard]] base::Status drop_database(const std::string& name);
    /// What follows is about this database. Its session is kept until it is dropped: one that is new knows nothing of
    /// the catalog yet.
    [[nodiscard]] base::Status use(const std::string& name);
    /// The statements of a schema file, without a time-out; random() starts anew from the seed.
    [[nodiscard]] base::Status run(const std::vector<std::string>& statements, double seed);
    /// VACUUM, ANALYZE, CHECKPOINT, and all pages written to the disk.
    [[nodiscard]] base::Status settle();
    [[nodiscard]] postgres::Connection& connection() { return sessions_.at(database_); }

    [[nodiscard]] base::Status apply(const Settings& settings);
    /// EXPLAIN (FORMAT JSON), not run.
    [[nodiscard]] base::Result<nlohmann::json> explain(const std::string& statement);
    /// One execution by EXPLAIN ANALYZE without clocks on nodes; rolled back where it writes. `too_large`: it reached
    /// the statement time-out.
    struct Execution {
        double milliseconds = 0;
        double hit_ratio = 1;  ///< of blocks found in shared_buffers; only where `count_blocks`
    };
    [[nodiscard]] base::Result<Execution> execute(const std::string& statement, bool writes, bool count_blocks);
    [[nodiscard]] base::Status empty_caches();

  private:
    Server(postgres::PrivateCluster cluster, std::chrono::milliseconds statement_timeout)
        : cluster_(std::move(cluster)), statement_timeout_(statement_timeout) {}
    [[nodiscard]] base::Result<postgres::Connection> connect(std::string_view database,
                                                             std::chrono::milliseconds statement_timeout) const;
    [[nodiscard]] base::Status make_padding();
    void advise_files(bool write_first) const;

    postgres::PrivateCluster cluster_;
    std::chrono::milliseconds statement_timeout_;
    std::unique_ptr<postgres::Connection> padding_;
    std::map<std::string, postgres::Connection, std::less<>> sessions_;  ///< by database
    std::string database_, database_oid_;
};

}  // namespace pganalytics::corpus
