#pragma once
// Our own estimate of what an index would change, for servers without hypothetical indexes: the planner's present plan,
// with the parts that an index would replace priced by PostgreSQL's published cost formulas. Deliberately cautious:
// what the formulas do not cover counts as unchanged. Covered: a sequential scan whose filter the index answers; a join
// whose inner side is read whole although one of its rows could be looked up; LIMIT over a sort that the index's order
// makes needless. Sources: PostgreSQL's costsize.c (cost_index, cost_bitmap_heap_scan, index_pages_fetched) and
// selfuncs.c (btcostestimate); Mackert and Lohman, "Index Scans Using a Finite LRU Buffer", ACM TODS 14(3), 1989. The
// formulas as used are in docs/rules/missing_index.md.

#include <map>
#include <memory>
#include <string>

#include "indexes/column_uses.hpp"
#include "indexes/cost_estimator.hpp"

namespace pganalytics::indexes {

/// PostgreSQL's cost constants.
struct CostConstants {
    double seq_page = 1, random_page = 4, cpu_tuple = 0.01, cpu_index_tuple = 0.005, cpu_operator = 0.0025;
    double cache_pages = 524288;
};
[[nodiscard]] CostConstants cost_constants(const catalog::Database& database);

/// The size of a scan: rows and pages of the table, and how much of it is read.
struct IndexScanInput {
    double table_rows = 0, table_pages = 0;
    double index_pages = 0;
    double selectivity = 1;    ///< share of the rows that the index conditions leave
    double correlation = 0;    ///< of the leading column with the table's order
    double conditions = 1;     ///< index conditions
    double other_filters = 0;  ///< quals left to check on each row
    double lookups = 1;        ///< how often the scan is repeated (inner side of a nested loop)
};
/// Cost of one lookup: the cheaper of an index scan and a bitmap scan.
[[nodiscard]] double index_scan_cost(const IndexScanInput& input, const CostConstants& constants);

class CostModel final : public CostEstimator {
  public:
    CostModel(plan::Planner& planner, const catalog::Database& database);
    [[nodiscard]] base::Result<Estimate> estimate(const Subject& subject,
                                                  std::span<const Candidate> candidates) override;

  private:
    base::Result<plan::PlannedStatement> present_plan(const std::string& text);

    plan::Planner& planner_;
    const catalog::Database& database_;
    CostConstants constants_;
    ColumnUseReader reader_;
    std::map<std::string, plan::PlannedStatement> plans_;  ///< by text: asked once
};

}  // namespace pganalytics::indexes
