#pragma once
// Takes samples of pg_stat_statements: counters every time in one round trip, texts only for keys not seen before and
// rarely, because reading texts is what costs the server (every text is read from its file, whatever the filter).
//
// Whoever cannot deliver a sample must not take it: the next one then spans both intervals and nothing is lost.
//
// Our own statements (postgres::statement_tag) are recognised by their text and left out. Until a text is known its
// intervals wait (statement_delta.hpp, rule 6), so that nothing of ours is stored and each row has its query_hash.
//
// Not thread-safe: one sampler a target.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "collector/server_facts.hpp"
#include "collector/statement_delta.hpp"
#include "collector/statement_source.hpp"
#include "postgres/connection.hpp"
#include "workload/statement.hpp"

namespace pganalytics::collector {

struct SamplerOptions {
    std::chrono::milliseconds text_period{std::chrono::minutes(5)};  ///< shortest time between two readings of texts
    std::int64_t max_text_bytes = std::int64_t{1} << 20;    ///< of one statement; longer ones are cut and marked
    std::int64_t max_batch_bytes = std::int64_t{16} << 20;  ///< of one reading; the rest comes with the next
    std::string text_work_mem = "64MB";                     ///< so that the server spills no temp blocks
};

/// A statement's text, read once per key.
struct StatementText {
    workload::StatementKey key;
    base::QueryHash query_hash{};
    std::optional<base::FingerprintHash> fingerprint_hash;
    std::string text;  ///< valid UTF-8
    bool cut = false;  ///< longer than the cap: the hash is of what is left
};

struct StatementSample {
    base::Timestamp begins;  ///< end of the previous sample; a statement's own interval may have begun before
    base::Timestamp ends;
    std::vector<workload::StatementInterval> intervals;  ///< our own left out
    std::vector<StatementText> texts;                    ///< newly read
    DeltaReport report;
    std::int64_t entries = 0;        ///< in pg_stat_statements now
    std::int64_t own_intervals = 0;  ///< left out as ours
    std::string text_problem;        ///< why texts could not be read this time, "" as a rule
};

class StatementSampler {
  public:
    explicit StatementSampler(SamplerOptions options = {});

    /// Reads counters (and texts when due) and computes what happened since the last committed sample.
    /// Errors: install_extension, grant_access, retry_later, connect_failed; the baseline stays in each case.
    [[nodiscard]] base::Result<StatementSample> take(postgres::Connection& connection, const base::Secret& conninfo,
                                                     const ServerFacts& facts);
    /// What an earlier run knew, so that its texts are not read again.
    void remember(const workload::StatementKey& key, base::QueryHash query_hash);

    [[nodiscard]] const std::optional<StatementSource>& source() const;
    /// Hash of a key's text, where it has been read.
    [[nodiscard]] std::optional<base::QueryHash> hash_of(const workload::StatementKey& key) const;
    /// The same where only database and queryid are known (pg_stat_activity).
    [[nodiscard]] std::optional<base::QueryHash> hash_of(base::Oid database, base::QueryId query_id) const;
    /// The next `take` reads texts whatever the period says.
    void want_texts_now();

  private:
    struct Known {
        base::QueryHash query_hash{};
        bool own = false;
    };

    [[nodiscard]] base::Result<CumulativeSample> read_with_fresh_source(postgres::Connection& connection);
    void forget_vanished_texts(const CumulativeSample& counters);
    [[nodiscard]] base::Status read_missing_texts(postgres::Connection& connection, const base::Secret& conninfo,
                                                  const ServerFacts& facts, const CumulativeSample& counters,
                                                  StatementSample& sample);

    SamplerOptions options_;
    std::optional<StatementSource> source_;
    DeltaTracker tracker_;
    std::unordered_map<workload::StatementKey, Known, StatementKeyHash> known_;
    std::optional<base::Timestamp> sampled_at_;
    std::optional<base::Timestamp> texts_read_at_;  ///< server's clock
    bool want_texts_ = true;
};

/// One reading of the cumulative counters, without any state. `source` must be of this connection's database.
[[nodiscard]] base::Result<CumulativeSample> read_counters(postgres::Connection& connection,
                                                           const StatementSource& source);

struct TextReading {
    std::vector<StatementText> texts;  ///< ours left out
    std::vector<workload::StatementKey> own;
    std::int64_t left_for_later = 0;  ///< over the batch's cap
    std::string problem;              ///< why some or all could not be read, with what would mend it
};

/// Texts of the keys asked. Where the server refuses them as invalid in the connection's encoding (a SQL_ASCII database
/// ran them), they are read from a SQL_ASCII database of that server, over a connection of its own.
[[nodiscard]] base::Result<TextReading> read_texts(postgres::Connection& connection, const base::Secret& conninfo,
                                                   const ServerFacts& facts, const StatementSource& source,
                                                   const std::vector<workload::StatementKey>& keys,
                                                   const SamplerOptions& options);

}  // namespace pganalytics::collector
