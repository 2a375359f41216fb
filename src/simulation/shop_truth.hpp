#pragma once
// What is planted in a shop, and what is healthy in it: the answer sheet that `evaluation` holds advice against.
// Written as JSON (`pganalytics sample --truth FILE`), the same for the same seed and scale. Value types throughout.
//
// A fault has remedies (any of them counts as found). An alternative is an index that lowers a faulty statement's cost
// without being the remedy: harmless, but the fault stays missed. Alternatives are established by trying every one- and
// two-column B-tree (shop_check.hpp), not typed in.

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace pganalytics::simulation {

/// What advice must look like to count. Names are as the catalog has them.
enum class RemedyKind {
    create_index,       ///< `table`, `method`, `keys`, `predicate`
    drop_index,         ///< `index`
    create_statistics,  ///< `table`, `keys` as a set
    rewrite,            ///< by one of `rules`, for one of the fault's statements
    parameter,  ///< by one of `rules` (work_mem, sort_mem, LIMIT, batch_size), for one of the fault's statements
    pattern     ///< by one of `rules` (hourly_peak, daily_cycle, batch_job)
};
[[nodiscard]] std::string_view to_string(RemedyKind kind);

struct Remedy {
    RemedyKind kind = RemedyKind::create_index;
    std::string table;
    std::string method = "btree";
    std::vector<std::string> keys;      ///< columns, or expressions as written, in order
    std::vector<std::string> included;  ///< columns that must stand in INCLUDE or after the keys
    std::string predicate;              ///< of a partial index; "" where the index must be total
    std::string index;                  ///< of a drop
    std::vector<std::string> rules;
    bool more_columns = false;  ///< further key or INCLUDE columns do no harm to it
    std::string statement;      ///< an example of the remedy that runs, "" where there is none
};

struct Fault {
    std::string id;    ///< "login_by_email"
    std::string kind;  ///< "missing_index", "missing_composite_index", "n_plus_one", …
    std::string why;
    std::vector<std::string> tables;
    std::vector<std::string> columns;  ///< "table.column"
    std::vector<std::string> queries;  ///< names of statements
    std::vector<base::QueryHash> query_hashes;
    std::vector<Remedy> remedies;
};

/// One statement of the traffic. A varying IN list has one hash for each length.
struct ShopStatement {
    std::string name;
    std::string text;  ///< as it is sent, with $n; of a list, with its shortest length
    std::vector<base::QueryHash> query_hashes;
    bool healthy = false;
    double rate_per_second = 0;  ///< at pace 1 and full load; 0: follows another statement
};

/// An index that was tried and lowers a statement's cost.
struct Alternative {
    base::QueryHash query_hash{};
    std::string table;
    std::vector<std::string> keys;
    double cost_before = 0;
    double cost_after = 0;
};

struct TableTruth {
    std::string key;   ///< the shop's own word for it: "orders"
    std::string name;  ///< in the database
    std::int64_t rows = 0;
};

/// When load is planted in time (UTC).
struct ScheduleTruth {
    std::string pattern_type;  ///< "daily_cycle", "hourly_peak", "batch_job"
    int hour = 0;
    int minute = 0;
    double duration_minutes = 0;
    std::vector<base::QueryHash> query_hashes;
};

struct ShopTruth {
    std::string version;  ///< of the sample's files: another version is another shop
    std::uint64_t seed = 0;
    double scale = 1;
    std::vector<TableTruth> tables;
    std::vector<ShopStatement> statements;
    std::vector<Fault> faults;
    std::vector<ScheduleTruth> schedules;
    std::vector<Alternative> alternatives;
    bool alternatives_established = false;

    [[nodiscard]] nlohmann::json to_json() const;
    /// fix_input where a field is missing or of the wrong type.
    [[nodiscard]] static base::Result<ShopTruth> from_json(const nlohmann::json& json);
    [[nodiscard]] std::string to_text() const;
    [[nodiscard]] static base::Result<ShopTruth> from_text(std::string_view text);
    [[nodiscard]] const ShopStatement* find(base::QueryHash hash) const;
};

}  // namespace pganalytics::simulation
