#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <set>

#include "workload/counter_fields.hpp"
#include "workload/statement.hpp"

namespace pganalytics::workload {
namespace {

/// Counters as if these executions were all that ever ran; every other counter from `step`.
Counters of_times(const std::vector<int>& times_ms, int step) {
    Counters counters;
    for (const CounterField& field : counter_fields) {
        EXPECT_TRUE(set_counter(counters, field, std::to_string(step)));
    }
    counters.calls = static_cast<std::int64_t>(times_ms.size());
    counters.total_exec_time_ms = 0;
    for (const int time : times_ms) counters.total_exec_time_ms += time;
    const double mean = counters.mean_exec_time().count();
    double squares = 0;
    for (const int time : times_ms) squares += (time - mean) * (time - mean);
    counters.sum_squared_deviation_ms2 = squares;
    return counters;
}

auto times() {
    return rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 10000));
}

TEST(CounterFields, NamesAndColumnsAreUniqueInEveryVersion) {
    std::set<std::string_view> names;
    for (const CounterField& field : counter_fields) EXPECT_TRUE(names.insert(field.name).second) << field.name;
    for (int minor = 8; minor <= 12; ++minor) {
        std::set<std::string_view> columns;
        for (const CounterField& field : counter_fields) {
            const auto column = field.column_in({1, minor});
            EXPECT_TRUE(!column || columns.insert(*column).second) << field.name;
        }
    }
}

TEST(CounterFields, FollowRenamesAndAdditions) {
    const auto column = [](std::string_view name, ExtensionVersion version) -> std::string {
        for (const CounterField& field : counter_fields) {
            if (field.name == name) return std::string(field.column_in(version).value_or("absent"));
        }
        return "unknown";
    };
    EXPECT_EQ(column("shared_blk_read_time_ms", {1, 10}), "blk_read_time");
    EXPECT_EQ(column("shared_blk_read_time_ms", {1, 11}), "shared_blk_read_time");
    EXPECT_EQ(column("temp_blk_read_time_ms", {1, 9}), "absent");
    EXPECT_EQ(column("temp_blk_read_time_ms", {1, 10}), "temp_blk_read_time");
    EXPECT_EQ(column("parallel_workers_launched", {1, 11}), "absent");
    EXPECT_EQ(column("parallel_workers_launched", {1, 12}), "parallel_workers_launched");
}

TEST(ExtensionVersion, ComparesByNumberAndNotByText) {
    EXPECT_LT(*parse_extension_version("1.9"), *parse_extension_version("1.10"));
    EXPECT_FALSE(parse_extension_version("1"));
    EXPECT_FALSE(parse_extension_version("1.x"));
    EXPECT_FALSE(parse_extension_version("1.-3"));
}

TEST(SetCounter, RefusesWhatIsNoNumberAndKeepsAbsence) {
    Counters counters;
    for (const CounterField& field : counter_fields) {
        EXPECT_FALSE(set_counter(counters, field, "many")) << field.name;
        EXPECT_TRUE(set_counter(counters, field, "7")) << field.name;
        EXPECT_EQ(counter_text(counters, field), "7") << field.name;
        EXPECT_EQ(counter_value(counters, field), 7.0) << field.name;
        EXPECT_TRUE(set_counter(counters, field, std::nullopt)) << field.name;
        EXPECT_EQ(counter_text(counters, field).has_value(), field.is_required()) << field.name;
    }
}

RC_GTEST_PROP(Counters, DeltaUndoesAddition, ()) {
    const auto first = *times();
    const auto second = *times();
    const Counters before = of_times(first, 3);
    const Counters interval = of_times(second, 4);
    Counters after = before;
    after += interval;
    const auto delta = counters_delta(before, after);
    RC_ASSERT(delta.has_value());
    for (const CounterField& field : counter_fields) {
        RC_ASSERT(counter_value(*delta, field) == counter_value(interval, field));
    }
    const double scale = 1 + *after.sum_squared_deviation_ms2;
    RC_ASSERT(std::abs(*delta->sum_squared_deviation_ms2 - *interval.sum_squared_deviation_ms2) <= 1e-9 * scale);
}

RC_GTEST_PROP(Counters, AdditionOfSquaresEqualsOnePass, ()) {
    const auto first = *times();
    const auto second = *times();
    auto all = first;
    all.insert(all.end(), second.begin(), second.end());
    Counters sum = of_times(first, 1);
    sum += of_times(second, 1);
    const double expected = *of_times(all, 1).sum_squared_deviation_ms2;
    RC_ASSERT(std::abs(*sum.sum_squared_deviation_ms2 - expected) <= 1e-9 * (1 + expected));
}

TEST(CountersDelta, AnyFallenCounterMeansNoDelta) {
    const Counters before = of_times({1, 2, 3}, 5);
    for (const CounterField& field : counter_fields) {
        Counters after = before;
        ASSERT_TRUE(set_counter(after, field, "0"));
        EXPECT_FALSE(counters_delta(before, after)) << field.name;
    }
    EXPECT_TRUE(counters_delta(before, before));
}

TEST(CountersDelta, ACounterThatOneSideLacksIsAbsent) {
    Counters before = of_times({1}, 2);
    Counters after = of_times({1, 2}, 9);
    before.wal_buffers_full.reset();
    const auto delta = counters_delta(before, after);
    ASSERT_TRUE(delta);
    EXPECT_FALSE(delta->wal_buffers_full);
    EXPECT_EQ(delta->wal_records, 7);
}

TEST(Counters, UnknownSquaresOfASideThatRanStayUnknown) {
    Counters sum = of_times({1, 5}, 1);
    Counters other = of_times({2}, 1);
    other.sum_squared_deviation_ms2.reset();
    sum += other;
    EXPECT_FALSE(sum.sum_squared_deviation_ms2);
    EXPECT_FALSE(sum.stddev_exec_time_ms());
    Counters empty;
    empty += of_times({1, 5}, 1);
    EXPECT_DOUBLE_EQ(*empty.stddev_exec_time_ms(), 2);
}

TEST(Workload, SortsHeaviestFirstAndBreaksTiesByHash) {
    Workload workload;
    workload.window = base::Minutes{10};
    for (const auto& [hash, total] : {std::pair{3, 5.0}, {2, 9.0}, {1, 5.0}}) {
        ObservedStatement statement;
        statement.query_hash = base::QueryHash{hash};
        statement.sum.calls = 20;
        statement.sum.total_exec_time_ms = total;
        workload.statements.push_back(statement);
    }
    sort_by_total_time(workload);
    EXPECT_EQ(workload.statements[0].query_hash, base::QueryHash{2});
    EXPECT_EQ(workload.statements[1].query_hash, base::QueryHash{1});
    EXPECT_DOUBLE_EQ(workload.calls_per_minute(workload.statements[0]), 2);
}

}  // namespace
}  // namespace pganalytics::workload
