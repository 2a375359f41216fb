#pragma once
// What a setting really gains: the statement is run under EXPLAIN (ANALYZE, BUFFERS), as it is and under the setting,
// in turn, several times each. Only with the caller's consent, only where nothing but reading can come of it
// (run_safety.hpp), each run in a READ ONLY transaction of its own that is rolled back, under a time-out, through the
// extended protocol. A statement whose parameters are unknown is run with the literals of an example where one is kept.
//
// The result replaces the estimate (Basis::measured_time); advice that did not hold becomes a note. One thread at a
// time, as the connection.

#include <chrono>
#include <functional>
#include <string_view>

#include "catalog/catalog.hpp"
#include "postgres/connection.hpp"
#include "workflow/analysis.hpp"
#include "workload/statement.hpp"

namespace pganalytics::workflow {

struct VerifyOptions {
    int rounds = 7;        ///< pairs of runs that count; one of each goes before
    int least_rounds = 3;  ///< where the statement is slow
    std::chrono::milliseconds statement_timeout{30000};
    std::chrono::milliseconds budget{120000};  ///< of one statement, by its usual time
    double least_gain_percent = 10;
};

/// Measures every piece of advice in `analysis` that is a setting; what was not run says why in its `not_checked`, and
/// what was is in `analysis.measured` (measured_settings.hpp).
void verify_settings(postgres::Connection& connection, const workload::Workload& workload,
                     const catalog::Database& database, Analysis& analysis, const VerifyOptions& options = {},
                     const std::function<void(std::string_view stage)>& progress = {});

}  // namespace pganalytics::workflow
