#pragma once
// Holds advice against a shop's truth: what was found, missed and invented, per kind of fault.
//
// - found: a fault with advice that is one of its remedies. Several pieces of advice for one fault find it once; the
//   rest are `duplicates`, which count neither way.
// - missed: a fault without such advice, also where no capability looks for its kind yet.
// - helpful: advice for a faulty statement that the truth's alternatives (every one- and two-column index tried) show
// to
//   lower its cost, though it is not the remedy. Counts neither as found nor as invented.
// - invented: everything else: advice on a healthy or unknown statement, or of a shape that the truth does not list.
// Precision is found / (found + invented), recall found / (found + missed), both over faults; 1 where nothing could be.
// Pure function of its input; thread-safe.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "simulation/shop_truth.hpp"

namespace pganalytics::evaluation {

/// One recommendation as plain values, from the store or from an analysis.
struct ScoredAdvice {
    std::string id;                             ///< to name it in the report; may be empty
    std::string rule;                           ///< "missing_index_detected", "in_vs_any_optimization", "work_mem", …
    std::string statement;                      ///< what it says to run
    std::vector<base::QueryHash> query_hashes;  ///< the statements it serves
};

enum class Outcome { found, duplicate, helpful, invented };
[[nodiscard]] std::string_view to_string(Outcome outcome);

struct JudgedAdvice {
    ScoredAdvice advice;
    Outcome outcome = Outcome::invented;
    std::string fault;   ///< id of the fault that it finds or helps, "" where invented
    std::string reason;  ///< why, in words
};

struct KindScore {
    std::string kind;
    int planted = 0;
    int found = 0;
    int missed = 0;
    std::vector<std::string> missed_ids;
};

struct AdviceScore {
    std::vector<KindScore> kinds;  ///< in the truth's order
    std::vector<JudgedAdvice> advice;
    int planted = 0, found = 0, missed = 0, invented = 0, helpful = 0, duplicates = 0;
    int healthy_statements = 0;
    int invented_on_healthy = 0;  ///< of the invented: those that serve a healthy statement

    [[nodiscard]] double precision() const;
    [[nodiscard]] double recall() const;
    [[nodiscard]] nlohmann::json to_json() const;
    /// For a terminal: one line a kind, then the invented, then the sums.
    [[nodiscard]] std::string to_table() const;
};

[[nodiscard]] AdviceScore score_advice(const simulation::ShopTruth& truth, const std::vector<ScoredAdvice>& advice);

}  // namespace pganalytics::evaluation
