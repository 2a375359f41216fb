#include "collector/statement_sampler.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "catalog/catalog.hpp"
#include "collector/row_values.hpp"
#include "sql/identity.hpp"
#include "workload/counter_fields.hpp"

namespace pganalytics::collector {

namespace {

using postgres::Parameters;
using postgres::Rows;
using workload::StatementKey;

constexpr std::string_view frame_sql = R"(
select (extract(epoch from clock_timestamp()) * 1000000)::bigint,
       (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint,
       (select extversion from pg_extension where extname = 'pg_stat_statements'))";

constexpr std::string_view sqlstate_invalid_bytes = "22021";
constexpr std::string_view sqlstate_untranslatable = "22P05";

/// Where each counter stands in a result.
struct CounterColumns {
    std::optional<std::size_t> stats_since, stddev;
    std::vector<std::pair<const workload::CounterField*, std::size_t>> fields;

    CounterColumns(const StatementSource& source, const Rows& rows) {
        stats_since = rows.find_column("stats_since");
        stddev = rows.find_column(workload::squared_deviation_column);
        for (const auto& field : workload::counter_fields) {
            const auto name = source.column_of(field);
            if (!name) continue;
            if (const auto column = rows.find_column(*name)) fields.emplace_back(&field, *column);
        }
    }
};

StatementKey key_of(const Rows& rows, std::size_t row) {
    return {oid_of(rows, row, 1), oid_of(rows, row, 0), base::QueryId{rows.integer(row, 2).value_or(0)},
            rows.boolean(row, 3)};
}

base::Result<CumulativeEntry> entry_of(const Rows& rows, std::size_t row, const CounterColumns& columns) {
    CumulativeEntry entry;
    entry.key = key_of(rows, row);
    if (columns.stats_since) entry.stats_since = timestamp_of(rows, row, *columns.stats_since);
    for (const auto& [field, column] : columns.fields)
        PGANALYTICS_RETURN_IF_ERROR(workload::set_counter(entry.counters, *field, rows.cell(row, column)));
    if (columns.stddev) {
        if (const auto deviation = rows.number(row, *columns.stddev))
            entry.counters.sum_squared_deviation_ms2 =
                static_cast<double>(entry.counters.calls) * *deviation * *deviation;
    }
    return entry;
}

struct Info {
    std::optional<std::int64_t> dealloc;
    std::optional<base::Timestamp> stats_reset;
    friend bool operator==(const Info&, const Info&) = default;
};

Info info_of(const Rows& rows) {
    if (rows.empty()) return {};
    return {rows.integer(0, 0), timestamp_of(rows, 0, 1)};
}

bool is_own(std::string_view text) {
    return postgres::is_own_statement(text);
}

}  // namespace

base::Result<CumulativeSample> read_counters(postgres::Connection& connection, const StatementSource& source) {
    const auto info = info_sql(source);
    std::vector<std::pair<std::string, Parameters>> statements{{std::string(frame_sql), {}}};
    if (!info.empty()) statements.emplace_back(info, Parameters{});
    statements.emplace_back(counters_sql(source), Parameters{});
    if (!info.empty()) statements.emplace_back(info, Parameters{});
    statements.emplace_back(std::string(frame_sql), Parameters{});

    // A reset between reading the reset's time and reading the counters would be counted twice, once as a fall of the
    // counters and once by its time; such a reading is thrown away. Three resets in a row within milliseconds are not
    // believed in.
    for (int attempt = 0; attempt < 3; ++attempt) {
        PGANALYTICS_ASSIGN(const auto results, connection.pipeline(statements));
        const std::size_t counters_at = info.empty() ? 1 : 2;
        CumulativeSample sample;
        sample.extension_version = results.back().text(0, 2);
        sample.began = timestamp_of(results.front(), 0, 0).value_or(base::Timestamp{});
        sample.ended = timestamp_of(results.back(), 0, 0).value_or(base::Timestamp{});
        sample.server_started = timestamp_of(results.front(), 0, 1).value_or(base::Timestamp{});
        if (!info.empty()) {
            const auto before = info_of(results[1]);
            if (before.stats_reset != info_of(results[3]).stats_reset) continue;
            sample.dealloc = before.dealloc;
            sample.stats_reset = before.stats_reset;
        }
        const Rows& rows = results[counters_at];
        const CounterColumns columns(source, rows);
        sample.entries.reserve(rows.size());
        for (std::size_t row = 0; row < rows.size(); ++row) {
            if (!rows.cell(row, 2)) {
                ++sample.hidden;
                continue;
            }
            PGANALYTICS_ASSIGN(auto entry, entry_of(rows, row, columns));
            sample.entries.push_back(std::move(entry));
        }
        return sample;
    }
    return base::Error{base::ErrorCode::retry_later, "pg_stat_statements is being reset again and again.",
                       "Find who calls pg_stat_statements_reset(): between two resets nothing can be learnt.", ""};
}

namespace {

/// One attempt over one connection.
base::Result<TextReading> read_texts_here(postgres::Connection& connection, const StatementSource& source,
                                          const std::unordered_set<StatementKey, StatementKeyHash>& wanted,
                                          const SamplerOptions& options, bool raw_bytes) {
    std::string ids = "{";
    for (const auto& key : wanted) {
        if (ids.size() > 1) ids += ',';
        ids += std::to_string(base::to_integer(key.query_id));
    }
    ids += '}';
    std::vector<std::pair<std::string, Parameters>> statements{
        {"select set_config('work_mem', $1, true)", {options.text_work_mem}}};
    if (raw_bytes) statements.emplace_back("select set_config('client_encoding', 'SQL_ASCII', true)", Parameters{});
    statements.emplace_back(texts_sql(source), Parameters{ids, std::to_string(options.max_text_bytes),
                                                          std::to_string(options.max_batch_bytes)});
    PGANALYTICS_ASSIGN(const auto results, connection.pipeline(statements));

    TextReading reading;
    const Rows& rows = results.back();
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto key = key_of(rows, row);
        if (!wanted.contains(key)) continue;
        const auto raw = rows.cell(row, 4);
        if (!raw) {
            ++reading.left_for_later;
            continue;
        }
        if (is_own(*raw)) {
            reading.own.push_back(key);
            continue;
        }
        StatementText text;
        text.key = key;
        text.query_hash = sql::query_hash(*raw);
        text.text = rows.text(row, 4);
        text.cut = rows.boolean(row, 5);
        if (auto fingerprint = sql::fingerprint_hash(text.text)) text.fingerprint_hash = *fingerprint;
        reading.texts.push_back(std::move(text));
    }
    return reading;
}

constexpr std::string_view sql_ascii_databases_sql = R"(
select d.datname
from pg_database d
where d.encoding = 0 and d.datallowconn and not d.datistemplate and has_database_privilege(d.oid, 'connect')
order by d.datname)";

/// From a SQL_ASCII database nothing is verified on the way out, neither there nor (with that client encoding) to us.
base::Result<TextReading> read_texts_from_sql_ascii(postgres::Connection& here, const base::Secret& conninfo,
                                                    const std::unordered_set<StatementKey, StatementKeyHash>& wanted,
                                                    const SamplerOptions& options) {
    PGANALYTICS_ASSIGN(const auto databases, here.query(sql_ascii_databases_sql));
    std::string names;
    for (std::size_t row = 0; row < databases.size(); ++row) {
        const auto name = databases.text(row, 0);
        names += (names.empty() ? "\"" : ", \"") + name + "\"";
        PGANALYTICS_ASSIGN(const auto there, postgres::with_database(conninfo, name));
        auto connection = postgres::Connection::open(there);
        if (!connection) continue;
        const auto source = discover_statement_source(*connection);
        if (!source) continue;
        return read_texts_here(*connection, *source, wanted, options, true);
    }
    TextReading nothing;
    nothing.problem =
        names.empty() ? "A statement's text has bytes that are invalid in this database's encoding, and there is no "
                        "SQL_ASCII database to read it from: run pg_stat_statements_reset() once it is gone."
                      : "Statements of a SQL_ASCII database have invalid bytes. Run CREATE EXTENSION "
                        "pg_stat_statements in " +
                            names + ", so that texts can be read from there.";
    return nothing;
}

}  // namespace

base::Result<TextReading> read_texts(postgres::Connection& connection, const base::Secret& conninfo,
                                     const ServerFacts& facts, const StatementSource& source,
                                     const std::vector<StatementKey>& keys, const SamplerOptions& options) {
    const std::unordered_set<StatementKey, StatementKeyHash> wanted(keys.begin(), keys.end());
    const auto here = std::find_if(facts.databases.begin(), facts.databases.end(),
                                   [&](const auto& database) { return database.name == connection.database(); });
    const bool raw = here != facts.databases.end() && here->encoding == "SQL_ASCII";
    auto reading = read_texts_here(connection, source, wanted, options, raw);
    if (reading || raw) return reading;
    const auto& state = connection.last_server_error().sqlstate;
    if (state != sqlstate_invalid_bytes && state != sqlstate_untranslatable) return reading;
    return read_texts_from_sql_ascii(connection, conninfo, wanted, options);
}

StatementSampler::StatementSampler(SamplerOptions options) : options_(std::move(options)) {}

void StatementSampler::remember(const StatementKey& key, base::QueryHash query_hash) {
    known_.insert_or_assign(key, Known{query_hash, false});
}

const std::optional<StatementSource>& StatementSampler::source() const {
    return source_;
}

void StatementSampler::want_texts_now() {
    want_texts_ = true;
}

std::optional<base::QueryHash> StatementSampler::hash_of(const StatementKey& key) const {
    const auto found = known_.find(key);
    if (found == known_.end() || found->second.own) return std::nullopt;
    return found->second.query_hash;
}

std::optional<base::QueryHash> StatementSampler::hash_of(base::Oid database, base::QueryId query_id) const {
    for (const auto& [key, known] : known_)
        if (key.query_id == query_id && key.database == database && !known.own) return known.query_hash;
    return std::nullopt;
}

base::Result<CumulativeSample> StatementSampler::read_with_fresh_source(postgres::Connection& connection) {
    if (source_) {
        auto sample = read_counters(connection, *source_);
        const bool current = sample && sample->extension_version == source_->version_text;
        if (current || !connection.healthy()) return sample;
        // Dropped, moved to another schema, or changed by ALTER EXTENSION UPDATE: look again before giving up.
    }
    source_.reset();
    PGANALYTICS_ASSIGN(source_, discover_statement_source(connection));
    return read_counters(connection, *source_);
}

base::Result<StatementSample> StatementSampler::take(postgres::Connection& connection, const base::Secret& conninfo,
                                                     const ServerFacts& facts) {
    PGANALYTICS_ASSIGN(auto counters, read_with_fresh_source(connection));
    counters.system_identifier = facts.system_identifier;
    StatementSample sample;
    sample.entries = static_cast<std::int64_t>(counters.entries.size()) + counters.hidden;
    sample.ends = counters.ended;
    PGANALYTICS_RETURN_IF_ERROR(read_missing_texts(connection, conninfo, facts, counters, sample));

    auto result = tracker_.advance(counters, [&](const StatementKey& key) { return known_.contains(key); });
    sample.report = result.report;
    sample.begins = sampled_at_.value_or(sample.ends);
    sampled_at_ = sample.ends;
    sample.intervals.reserve(result.intervals.size());
    for (auto& interval : result.intervals) {
        if (known_.at(interval.key).own) {
            ++sample.own_intervals;
            continue;
        }
        sample.intervals.push_back(std::move(interval));
    }
    forget_vanished_texts(counters);
    return sample;
}

base::Status StatementSampler::read_missing_texts(postgres::Connection& connection, const base::Secret& conninfo,
                                                  const ServerFacts& facts, const CumulativeSample& counters,
                                                  StatementSample& sample) {
    const bool due =
        !texts_read_at_ || counters.ended - *texts_read_at_ >= options_.text_period || counters.ended < *texts_read_at_;
    if (!due && !want_texts_) return {};
    std::vector<StatementKey> missing;
    for (const auto& entry : counters.entries)
        if (!known_.contains(entry.key)) missing.push_back(entry.key);
    if (missing.empty()) return {};

    texts_read_at_ = counters.ended;
    want_texts_ = false;
    auto reading = read_texts(connection, conninfo, facts, *source_, missing, options_);
    if (!reading) {
        // The counters are good; only the texts are late. A connection that broke is noticed by the next round trip.
        sample.text_problem = reading.error().to_string();
        return {};
    }
    sample.text_problem = reading->problem;
    for (const auto& key : reading->own) known_.insert_or_assign(key, Known{{}, true});
    for (const auto& text : reading->texts) known_.insert_or_assign(text.key, Known{text.query_hash, false});
    sample.texts = std::move(reading->texts);
    return {};
}

void StatementSampler::forget_vanished_texts(const CumulativeSample& counters) {
    // Kept for a while, because what is evicted often comes back and reading texts is dear; but not without bound.
    const std::size_t bound = std::max<std::size_t>(3 * counters.entries.size(), 10000);
    if (known_.size() <= bound) return;
    std::erase_if(known_, [&](const auto& known) { return !tracker_.knows(known.first); });
}

}  // namespace pganalytics::collector
