// work_mem and sort_mem on a real server: the memory advised removes the spill and is not much more than what is
// needed, and "helps" is said where memory helps. PGANALYTICS_SPILL_CASES and PGANALYTICS_SPILL_SEED choose how many
// cases and which (the deep form: 80).

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "base/text.hpp"
#include "base/units.hpp"
#include "integration/parameters_spills.hpp"

namespace pganalytics {
namespace {

using test_support::SpillCase;
using test_support::SpillServer;
using test_support::SpillTruth;

constexpr double helps_from = 0.10;
constexpr double undecided_low = 0.05, undecided_high = 0.15;

double number_of(const char* name, double otherwise) {
    const auto* value = std::getenv(name);
    return value == nullptr ? otherwise : std::stod(value);
}

double kilobytes(const std::string& setting) {
    return static_cast<double>(base::parse_memory(setting)->value) / 1024;
}

struct Judged {
    SpillTruth truth;
    double advised_kb = 0;
    double predicted = 0;  ///< gain, 0..1
    bool removed = false;
};

Judged judge(SpillServer& server, const SpillCase& one, int rounds) {
    Judged judged;
    const auto workload = server.observe(one);
    judged.truth.temp_written = static_cast<double>(workload.statements[0].sum.temp_blks_written) / 10;
    judged.truth.temp_read = static_cast<double>(workload.statements[0].sum.temp_blks_read) / 10;
    parameters::ParameterOptions everything;
    everything.minimum_gain_percent = 0;
    everything.minimum_spilling_time = base::Milliseconds{0};
    const auto found = parameters::find_parameters(workload, server.database(one), server.planner(one), everything);
    for (const auto& finding : found.findings) {
        if (finding.parameter_name != "work_mem" && finding.parameter_name != "sort_mem") continue;
        judged.advised_kb = kilobytes(finding.recommended_value);
        judged.predicted = finding.advice.estimated_improvement_percent / 100;
        judged.removed = server.spill_at(one, finding.recommended_value) == 0;
    }
    if (judged.advised_kb == 0) {
        for (const auto& note : found.notes) std::cout << note.text << "\n";
        return judged;
    }
    const double high = judged.removed ? judged.advised_kb : judged.advised_kb * 4;
    judged.truth.least_kb = server.least_work_mem_kb(one, kilobytes(one.work_mem), high);
    if (rounds > 0) server.time(one, fmt::format("{:.0f}kB", 1.2 * judged.advised_kb), rounds, judged.truth);
    return judged;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

TEST(WorkMem, RemovesTheSpillAtLittleMoreThanTheLeast) {
    const auto count = static_cast<std::size_t>(number_of("PGANALYTICS_SPILL_CASES", 12));
    const auto seed = static_cast<std::uint64_t>(number_of("PGANALYTICS_SPILL_SEED", 1));
    const bool deep = count >= 40;
    SpillServer server;
    std::size_t spilling = 0, removed = 0;
    std::vector<double> ratios;
    int helped_right = 0, helped = 0, useless_right = 0, useless = 0;
    for (const auto& one : test_support::generated_cases(count, seed)) {
        const auto judged = judge(server, one, deep ? 5 : 0);
        if (judged.truth.temp_written == 0) continue;
        ++spilling;
        removed += judged.removed ? 1 : 0;
        ratios.push_back(judged.removed ? judged.advised_kb / judged.truth.least_kb : 0);
        std::cout << fmt::format(
            "{:15} {} w {:6.0f} r {:6.0f} advised {:7.0f} least {:7.0f} ratio {:.2f} {} | {:.0f} → {:.0f} ms effect "
            "{:.2f} predicted {:.2f}\n",
            one.name, one.timed_io ? "timed" : "plain", judged.truth.temp_written, judged.truth.temp_read,
            judged.advised_kb, judged.truth.least_kb, ratios.back(), judged.removed ? "" : "SPILLS",
            judged.truth.spilling_ms, judged.truth.in_memory_ms, judged.truth.effect(), judged.predicted);
        const double effect = judged.truth.effect();
        if (!deep || (effect > undecided_low && effect < undecided_high)) continue;
        const bool says = judged.predicted >= helps_from;
        if (effect >= helps_from) {
            ++helped;
            helped_right += says ? 1 : 0;
        } else {
            ++useless;
            useless_right += says ? 0 : 1;
        }
    }
    ASSERT_GE(spilling, count * 9 / 10) << "the cases are to spill";
    EXPECT_GE(static_cast<double>(removed), 0.95 * static_cast<double>(spilling));
    const double middle = median(ratios);
    std::cout << fmt::format("{} of {} removed, median {:.2f} × the least\n", removed, spilling, middle);
    EXPECT_LE(middle, 1.5);
    if (!deep) return;
    ASSERT_GE(helped, 20) << "too few cases that memory helps";
    ASSERT_GE(useless, 20) << "too few cases that it does not";
    const double accuracy =
        (static_cast<double>(helped_right) / helped + static_cast<double>(useless_right) / useless) / 2;
    std::cout << fmt::format("helps: {} of {}, useless: {} of {}, balanced accuracy {:.2f}\n", helped_right, helped,
                             useless_right, useless, accuracy);
    EXPECT_GE(accuracy, 0.85);
}

TEST(WorkMem, EachProcessOfAParallelPlanHasItsOwn) {
    SpillServer server;
    server.allow_workers();
    for (const std::string text : {
             "select count(a.body), max(b.body) from facts a join others b on b.fact = a.id",
             "select count(s) from (select body, big from facts order by big offset 0) s",
             "select sum(length(body)) from (select id, body from facts order by shuffled limit 20000) s",
         }) {
        SpillCase one;
        one.text = text;
        one.work_mem = "1MB";
        const auto judged = judge(server, one, 0);
        ASSERT_GT(judged.truth.temp_written, 0) << text;
        ASSERT_GT(judged.advised_kb, 0) << text;
        EXPECT_TRUE(judged.removed) << text;
        std::cout << fmt::format("advised {:.0f} least {:.0f} predicted {:.2f}: {}\n", judged.advised_kb,
                                 judged.truth.least_kb, judged.predicted, text);
        EXPECT_LE(judged.advised_kb, 1.6 * judged.truth.least_kb) << text;
    }
}

}  // namespace
}  // namespace pganalytics
