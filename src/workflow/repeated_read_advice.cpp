// Repeated reads: which statements may be one, who writes their tables, and the materialised view in their place.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "base/text.hpp"
#include "sql/ast.hpp"
#include "sql/edit.hpp"
#include "sql/parse.hpp"
#include "sql/walk.hpp"
#include "workflow/kept_read.hpp"
#include "workflow/workload_advice.hpp"

namespace pganalytics::workflow {

namespace {

using catalog::Relation;
using patterns::RepeatedRead;
using patterns::StatementActivity;

/// A table that more statements write is changed all the time, or too much to read for one piece of advice.
constexpr std::size_t most_writers = 20;
/// A writer of nearly every hour that runs more often than the read leaves nothing to keep.
constexpr double every_hour = 0.9;
/// About what fits an 8 kB page, for the price of reading the kept result.
constexpr double rows_a_page = 50;

/// The tables of the catalog that a statement writes. What is no plain query (TRUNCATE, COPY, ALTER, what the grammar
/// refuses) counts as writing every table that it names.
std::set<const Relation*> written_by(const std::string& text, const catalog::Database& database) {
    std::set<const Relation*> written;
    if (const auto tree = sql::parse(text); tree && tree->statement_count() == 1) {
        if (const auto shape = sql::analyze(*tree, columns_in(database)); shape) {
            for (const auto& level : shape->levels) {
                for (const auto& relation : level.relations) {
                    if (!relation.target) continue;
                    const Relation* found = database.find_relation(relation.schema, relation.name);
                    if (found != nullptr) add_with_partitions(database, *found, written);
                }
            }
            return written;
        }
    }
    const auto tokens = sql::scan(text);
    if (!tokens) return written;
    for (const auto& token : *tokens) {
        if (token.kind != sql::TokenKind::identifier) continue;
        const std::string name = token.text.starts_with('"') ? std::string(token.text.substr(1, token.text.size() - 2))
                                                             : base::to_lower(token.text);
        for (const auto& relation : database.relations) {
            if (relation.name == name) add_with_partitions(database, relation, written);
        }
    }
    return written;
}

/// Sums and hours of activity of one statement's hourly series.
struct HourlyUse {
    double calls = 0, time_ms = 0, active_share = 0;
};

HourlyUse use_of(const patterns::QueryHistory& query) {
    HourlyUse use;
    double watched = 0;
    for (std::size_t i = 0; i < query.calls.size(); ++i) {
        if (patterns::is_gap(query.calls.values[i])) continue;
        ++watched;
        use.calls += query.calls.values[i];
        use.active_share += query.calls.values[i] > 0 ? 1 : 0;
        if (!patterns::is_gap(query.time_ms.values[i])) use.time_ms += query.time_ms.values[i];
    }
    if (watched > 0) use.active_share /= watched;
    return use;
}

std::string every_words(double minutes) {
    if (minutes < 1.5) return "every minute or more often";
    return minutes < 90 ? fmt::format("about every {:.0f} minutes", minutes)
                        : fmt::format("about every {:.1f} hours", minutes / 60);
}

std::string time_words(double ms) {
    return ms < 10'000 ? fmt::format("{:.0f} ms", ms) : fmt::format("{:.0f} s", ms / 1000);
}

class ReadAdvisor {
  public:
    ReadAdvisor(const patterns::DatabaseHistory& history, const catalog::Database& database, ActivityReader& activity,
                const ChangeSource& changes)
        : history_(history), database_(database), activity_(activity), changes_(changes) {
        for (const auto& query : history.queries) uses_[query.query_hash] = use_of(query);
        days_ = static_cast<double>(history.calls.observed()) * history.calls.step.count() / 86400;
    }

    base::Result<std::vector<advice::Advice>> run(std::span<const ObservedText> statements) {
        std::vector<advice::Advice> advice;
        std::vector<KeptRead> candidates;
        for (const auto& statement : statements) {
            if (!is_costly(statement.query_hash)) continue;
            if (auto candidate = kept_read(statement, database_)) candidates.push_back(std::move(*candidate));
        }
        if (candidates.empty()) return advice;
        std::map<const Relation*, std::set<base::QueryHash>> writers;
        for (const auto& statement : statements) {
            for (const Relation* table : written_by(statement.text, database_)) {
                writers[table].insert(statement.query_hash);
            }
        }
        for (const KeptRead& candidate : candidates) {
            PGANALYTICS_ASSIGN(auto one, look_at(candidate, writers));
            if (one) advice.push_back(std::move(*one));
        }
        return advice;
    }

  private:
    [[nodiscard]] bool is_costly(base::QueryHash query) const {
        const auto use = uses_.find(query);
        const patterns::RepeatOptions options;
        return use != uses_.end() && days_ >= options.least_days && use->second.calls > 0 &&
               use->second.time_ms / use->second.calls >= options.least_mean_ms &&
               use->second.time_ms / days_ >= options.least_ms_per_day;
    }

    base::Result<std::optional<advice::Advice>> look_at(
        const KeptRead& candidate, const std::map<const Relation*, std::set<base::QueryHash>>& writers) {
        const std::optional<advice::Advice> nothing;
        std::set<base::QueryHash> own_writers;
        for (const Relation* table : candidate.tables) {
            if (const auto of_table = writers.find(table); of_table != writers.end()) {
                own_writers.insert(of_table->second.begin(), of_table->second.end());
            }
        }
        if (own_writers.size() > most_writers) return nothing;
        for (const base::QueryHash writer : own_writers) {
            const auto use = uses_.find(writer);
            const bool always = use != uses_.end() && use->second.active_share > every_hour &&
                                use->second.calls > uses_.at(candidate.query_hash).calls;
            if (always) return nothing;
        }
        const std::vector<base::QueryHash> hashes(own_writers.begin(), own_writers.end());
        const std::vector<const Relation*> tables(candidate.tables.begin(), candidate.tables.end());
        PGANALYTICS_ASSIGN(const auto reads, activity_.read(std::span(&candidate.query_hash, 1)));
        PGANALYTICS_ASSIGN(const auto writes, activity_.read(hashes));
        PGANALYTICS_ASSIGN(const auto counters, changes_(tables));
        const auto found = patterns::find_repeated_read(reads, writes, counters, days_);
        if (!found) return nothing;
        return advice_on(candidate, *found, hashes.size());
    }

    base::Result<std::optional<advice::Advice>> advice_on(const KeptRead& candidate, const RepeatedRead& read,
                                                          std::size_t writers) const {
        const Relation& table = **std::min_element(
            candidate.tables.begin(), candidate.tables.end(), [](const Relation* a, const Relation* b) {
                return a->partition_parent == base::Oid{} && b->partition_parent != base::Oid{}   ? true
                       : a->partition_parent != base::Oid{} && b->partition_parent == base::Oid{} ? false
                                                                                                  : a->name < b->name;
            });
        const auto hash = base::to_integer(candidate.query_hash);
        const std::string view =
            catalog::quote_identifier(table.schema) + "." +
            catalog::quote_identifier(fmt::format("{}_kept_{:08x}", table.name.substr(0, 40), hash & 0xffffffff));
        // Reading the kept rows costs something too.
        const double kept_pages = std::ceil(std::max(1.0, read.rows_per_call) / rows_a_page);
        const double rest = read.pages_per_call > 0 ? std::min(1.0, kept_pages / read.pages_per_call) : 0.1;
        const double improvement = 100 * read.unchanged * (1 - rest);
        advice::Advice advice;
        advice.rule = repeated_read_rule;
        advice.source = advice::SourceType::workload;
        advice.database_name = history_.database_name;
        advice.title = fmt::format("Keep the result of a read that runs {:.0f} times a day and changes {:.1f} times",
                                   read.calls_per_day, read.changes_per_day);
        std::vector<std::string> names;
        for (const auto& column : candidate.columns) names.push_back(catalog::quote_identifier(column));
        const std::string columns = candidate.needs_column_list ? " (" + base::join(names, ", ") + ")" : "";
        advice.statement = fmt::format("CREATE MATERIALIZED VIEW {}{} AS {}", view, columns, candidate.text);
        advice.rollback_statement = fmt::format("DROP MATERIALIZED VIEW {}", view);
        advice.original_query = candidate.text;
        const auto kept_read = fmt::format("SELECT {} FROM {}{}", base::join(names, ", "), view, candidate.order);
        const auto refresh = fmt::format("REFRESH MATERIALIZED VIEW {}", view);
        advice.alternatives = {kept_read, refresh};
        advice.reasoning = fmt::format(
            "The statement runs {}, takes {} each time ({} a day), and {:.1f} % of its calls had nothing "
            "written to its tables since the call before: they gave the same rows again. A materialised view holds "
            "them. In place of the statement run `{}`{}; after what writes its tables has run ({:.1f} times a day), "
            "run `{}`. Grant SELECT on the view to the roles that run the statement.",
            every_words(read.usual_gap_minutes), time_words(read.mean_ms), time_words(read.ms_per_day),
            100 * read.unchanged, kept_read,
            candidate.is_ordered && candidate.order.empty()
                ? " (its order is by what it does not return: keep that in the view too, and order by it)"
                : "",
            read.changes_per_day, refresh);
        advice.served = {
            {candidate.query_hash, improvement, read.calls_per_day / 1440, base::Milliseconds{read.mean_ms}, 1}};
        advice.estimated_improvement_percent = improvement;
        PGANALYTICS_ASSIGN(advice.confidence, advice::rule_prior(repeated_read_rule, strength_of(read)));
        advice.complexity = advice::Complexity::medium;
        advice.identity = fmt::format("{}/{}", repeated_read_rule, hash);
        add_evidence(advice, candidate, read, writers);
        return std::optional(std::move(advice));
    }

    /// 1 where nothing was written in all the days, with a reading of the counters for each of them.
    static double strength_of(const RepeatedRead& read) {
        const double readings = std::min(1.0, static_cast<double>(read.readings_agree) / std::max(1.0, read.days - 1));
        return std::clamp((read.unchanged - 0.8) / 0.2, 0.0, 1.0) * readings;
    }

    static void add_evidence(advice::Advice& advice, const KeptRead& candidate, const RepeatedRead& read,
                             std::size_t writers) {
        std::vector<std::string> tables;
        for (const Relation* table : candidate.tables) tables.push_back(table->qualified_name());
        advice.evidence.basis = advice::Basis::measured_time;
        advice.evidence.facts = {
            fmt::format("{:.0f} calls a day over {:.0f} days, {} each, {:.0f} rows and {:.0f} pages a call.",
                        read.calls_per_day, read.days, time_words(read.mean_ms), read.rows_per_call,
                        read.pages_per_call),
            fmt::format("It reads {}; {} write{} there.", base::join(tables, ", "),
                        writers == 0   ? std::string("no statement was seen to")
                        : writers == 1 ? std::string("1 statement")
                                       : fmt::format("{} statements", writers),
                        writers == 1 ? "s" : "")};
        advice.evidence.checked = {
            "The statement has no parameters, so each call asks the same; it calls nothing whose result may differ by "
            "itself.",
            "Each call was held against the statements that write its tables: a bucket of the history with both counts "
            "as changed.",
            fmt::format("The server's counters of changed rows agree: in {} spans between two readings of the catalog "
                        "they moved only where a write was seen.",
                        read.readings_agree),
            "The number of rows returned stayed the same."};
        advice.evidence.not_checked = {
            "A materialised view is as fresh as its last refresh; whether readers may see rows of a minute ago is for "
            "whoever owns them to say."};
    }

    const patterns::DatabaseHistory& history_;
    const catalog::Database& database_;
    ActivityReader& activity_;
    const ChangeSource& changes_;
    std::map<base::QueryHash, HourlyUse> uses_;
    double days_ = 0;
};

}  // namespace

base::Result<std::vector<advice::Advice>> advise_on_repeated_reads(const patterns::DatabaseHistory& history,
                                                                   std::span<const ObservedText> statements,
                                                                   const catalog::Database& database,
                                                                   ActivityReader& activity,
                                                                   const ChangeSource& changes) {
    return ReadAdvisor(history, database, activity, changes).run(statements);
}

}  // namespace pganalytics::workflow
