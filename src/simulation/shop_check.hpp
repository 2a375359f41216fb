#pragma once
// Establishes what is healthy and what helps, by trying: every one- and two-column B-tree on every table of a statement
// as a hypothetical index (HypoPG), planned generically and with literals. Takes some seconds for a whole shop.
//
// HypoPG believes its indexes to be flatter than real ones, so that a copy of an index that exists would look like a
// gain. Therefore the cost before is measured with hypothetical twins of the existing indexes, and every trial has
// them.

#include <string>
#include <vector>

#include "base/result.hpp"
#include "plan/planner.hpp"
#include "postgres/connection.hpp"
#include "simulation/shop_truth.hpp"

namespace pganalytics::simulation {

struct CheckOptions {
    double least_gain = 0.05;     ///< share of the cost before
    double least_difference = 1;  ///< planner cost units: below one page read, a gain is rounding
};

/// The indexes that lower the cost of `statement` (of its text with $n, or with literals), best first.
/// `connection` reads the catalog, `planner` plans in the same database. Errors: install_extension without HypoPG.
[[nodiscard]] base::Result<std::vector<Alternative>> try_every_index(postgres::Connection& connection,
                                                                     plan::Planner& planner, const ShopTruth& truth,
                                                                     const ShopStatement& statement,
                                                                     const CheckOptions& options = {});

/// Fills `truth.alternatives` for every statement, healthy ones too (where there should be none).
[[nodiscard]] base::Status establish_alternatives(postgres::Connection& connection, plan::Planner& planner,
                                                  ShopTruth& truth, const CheckOptions& options = {});

}  // namespace pganalytics::simulation
