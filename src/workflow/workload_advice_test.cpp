// The rules' register, and the cases of tests/cases/workload.

#include "workflow/workload_advice.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "support/case_catalog.hpp"
#include "support/case_file.hpp"

namespace pganalytics::workflow {
namespace {

namespace fs = std::filesystem;
const fs::path source_folder = PGANALYTICS_SOURCE_DIR;

const base::Timestamp start{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};
constexpr int days = 14;
constexpr base::QueryHash read_hash{1'234'567'890'123};
constexpr base::QueryHash write_hash{2};

patterns::StatementActivity minute(base::QueryHash query, int at, double mean_ms) {
    const auto begins = start + std::chrono::minutes{at};
    return {query, begins, begins + std::chrono::minutes{1}, 1, mean_ms, 1000, 5};
}

/// "2 insert …" runs at two in the morning, "all insert …" every minute.
std::vector<patterns::StatementActivity> writes_of(const std::string& hour) {
    std::vector<patterns::StatementActivity> rows;
    if (hour == "all") {
        for (int at = 0; at < days * 1440; ++at) rows.push_back(minute(write_hash, at, 1));
    } else {
        for (int day = 0; day < days; ++day) rows.push_back(minute(write_hash, day * 1440 + std::stoi(hour) * 60, 1));
    }
    return rows;
}

patterns::QueryHistory hourly(base::QueryHash query, const std::vector<patterns::StatementActivity>& rows) {
    patterns::QueryHistory history;
    history.query_hash = query;
    history.calls = {start, base::Seconds{3600}, std::vector<double>(days * 24, 0)};
    history.time_ms = history.calls;
    for (const auto& row : rows) {
        const auto hour = static_cast<std::size_t>((row.begins - start) / std::chrono::hours{1});
        history.calls.values[hour] += row.calls;
        history.time_ms.values[hour] += row.time_ms;
    }
    return history;
}

std::string run(const test_support::Case& described) {
    const auto fields = described.fields();
    const catalog::Database database = test_support::catalog_of(fields.at("schema"));
    std::map<base::QueryHash, std::vector<patterns::StatementActivity>> rows;
    for (int at = 30; at < days * 1440; at += 60) rows[read_hash].push_back(minute(read_hash, at, 500));
    std::vector<ObservedText> texts{{read_hash, fields.at("read")}};
    if (fields.contains("write")) {
        const std::string& line = fields.at("write");
        rows[write_hash] = writes_of(line.substr(0, line.find(' ')));
        texts.push_back({write_hash, line.substr(line.find(' ') + 1)});
    }
    patterns::DatabaseHistory history;
    history.calls = history.time_ms = {start, base::Seconds{3600}, std::vector<double>(days * 24, 1)};
    for (const auto& [query, own] : rows) history.queries.push_back(hourly(query, own));
    ActivityReader activity([&](std::span<const base::QueryHash> queries) {
        std::vector<patterns::StatementActivity> result;
        for (const auto query : queries) result.insert(result.end(), rows[query].begin(), rows[query].end());
        return base::Result(std::move(result));
    });
    const ChangeSource changes = [&](std::span<const catalog::Relation* const>) {
        std::vector<patterns::ChangeReading> readings;
        for (int day = 0; day < days; ++day) {
            readings.push_back({start + std::chrono::hours{24 * day + 12}, day * std::stod(fields.at("counters"))});
        }
        return base::Result(std::move(readings));
    };
    const auto advice = advise_on_repeated_reads(history, texts, database, activity, changes);
    if (!advice) return advice.error().to_string();
    if (advice->empty()) return "nothing";
    return advice->front().statement + "\n" + advice->front().rollback_statement;
}

TEST(WorkloadCases, GiveWhatTheySay) {
    test_support::run_case_folder(source_folder / "tests/cases/workload", run);
}

TEST(WorkloadRules, EachHasItsPageAndItsPrior) {
    for (const auto& rule : workload_rules()) {
        EXPECT_TRUE(fs::exists(source_folder / "docs/rules" / (rule + ".md"))) << rule;
        EXPECT_TRUE(advice::rule_prior(rule)) << rule;
    }
}

}  // namespace
}  // namespace pganalytics::workflow
