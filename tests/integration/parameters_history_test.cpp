// Changes of settings against the times of the statements they can touch, on written history.

#include <gmock/gmock.h>

#include <cmath>

#include "store_fixture.hpp"
#include "workflow/setting_history.hpp"

namespace pganalytics {
namespace {

using namespace std::chrono_literals;
using parameters::Movement;
using store::expect_done;
using store::expect_value;

constexpr int days = 6;

class SettingHistoryTest : public store::StoreTest {
  protected:
    void SetUp() override {
        StoreTest::SetUp();
        target_ = add_target();
        sorts_ = announce(target_, 1, "select * from notes order by body");
        reads_ = announce(target_, 2, "select * from notes where id = $1");
        writes_ = announce(target_, 3, "insert into notes values ($1)");
        const auto now = base::SystemClock().now();
        end_ = std::chrono::floor<std::chrono::hours>(now);
        changed_at_ = end_ - 24h * (days / 2) + 20min;
    }

    workload::StatementInterval interval(const workload::StatementKey& key, base::Timestamp begins, double mean_ms) {
        workload::StatementInterval row{.key = key, .begins = begins, .ends = begins + 10min, .delta = {}};
        row.delta.calls = 20;
        row.delta.total_exec_time_ms = 20 * mean_ms;
        row.delta.wal_bytes = key == writes_ ? 1000 : 0;
        row.delta.temp_blks_written = key == sorts_ && begins < changed_at_ ? 5000 : 0;
        return row;
    }

    /// Noon is twice as slow as midnight; the sort takes half its time from the change on, the rest does not care.
    void write_history() {
        std::vector<std::vector<workload::StatementInterval>> rows;
        std::vector<store::IntervalBatch> batches;
        for (auto begins = end_ - 24h * days; begins < end_; begins += 30min) {
            const double hour = std::chrono::duration<double, std::ratio<3600>>(begins.time_since_epoch()).count();
            const double load = 1.5 - 0.5 * std::cos(2 * M_PI * hour / 24);
            rows.push_back({interval(sorts_, begins, load * (begins < changed_at_ ? 200 : 100)),
                            interval(reads_, begins, load * 1.0), interval(writes_, begins, load * 2.0)});
        }
        for (const auto& batch : rows) {
            batches.push_back({.begins = batch.front().begins, .ends = batch.front().ends, .statements = batch});
        }
        (void)expect_value(store::Ingest(repository()).intervals(target_, batches));
    }

    void change(const std::string& name, const std::string& before, const std::string& after) {
        store::Ingest ingest(repository());
        const std::vector<catalog::Setting> first{{name, before, "", ""}}, second{{name, after, "", ""}};
        (void)expect_value(ingest.settings(target_, "", first, end_ - 24h * days));
        (void)expect_value(ingest.settings(target_, "", second, changed_at_));
    }

    std::vector<workflow::SettingChangeEffects> effects() {
        workflow::SettingHistoryRequest request{target_, "shop", {end_ - 24h * 30, end_ + 1h}, std::nullopt};
        return expect_value(workflow::setting_history(repository(), request));
    }

    base::TargetId target_{};
    workload::StatementKey sorts_, reads_, writes_;
    base::Timestamp end_, changed_at_;
};

TEST_F(SettingHistoryTest, SetsAChangeAgainstTheTimesItCanTouch) {
    write_history();
    change("work_mem", "4MB", "64MB");
    change("random_page_cost", "4", "1.1");
    change("wal_compression", "off", "on");
    change("log_min_duration_statement", "-1", "1s");
    const auto all = effects();
    ASSERT_EQ(all.size(), 4U);
    std::map<std::string, workflow::SettingChangeEffects> by_name;
    for (const auto& one : all) by_name[one.change.name] = one;

    const auto& memory = by_name["work_mem"];
    ASSERT_EQ(memory.statements.size(), 1U) << "only what spilled, or sorts and hashes by its plan";
    EXPECT_EQ(memory.statements[0].query_hash, base::QueryHash{1001});
    EXPECT_EQ(memory.statements[0].effect.movement, Movement::faster);
    EXPECT_NEAR(memory.statements[0].effect.change_percent, -50, 2);
    EXPECT_THAT(workflow::to_words(memory.change), testing::HasSubstr("work_mem was changed from 4MB to 64MB at "));

    const auto& prices = by_name["random_page_cost"];
    ASSERT_EQ(prices.touched, 3U);
    for (const auto& statement : prices.statements) {
        const auto expected = statement.query_hash == base::QueryHash{1001} ? Movement::faster : Movement::unmoved;
        EXPECT_EQ(statement.effect.movement, expected) << statement.text;
    }
    ASSERT_EQ(by_name["wal_compression"].touched, 1U);
    EXPECT_EQ(by_name["wal_compression"].statements[0].effect.movement, Movement::unmoved);
    EXPECT_EQ(by_name["log_min_duration_statement"].touched, 0U);
}

TEST_F(SettingHistoryTest, StandsInTheEvidenceOfMemoryAdvice) {
    write_history();
    change("work_mem", "4MB", "64MB");
    workflow::RankedAdvice ranked;
    ranked.advice.served = {{base::QueryHash{1001}, 20, 1, base::Milliseconds{100}, 1}};
    ranked.parameter = workflow::ParameterChange{"sort_mem", "64MB", "80MB"};
    workflow::Analysis analysis;
    analysis.database_name = "shop";
    analysis.advice = {ranked, ranked};
    analysis.advice[1].parameter->name = "LIMIT";
    expect_done(workflow::add_setting_history(repository(), target_, {end_ - 24h * 30, end_ + 1h}, analysis));
    const auto& facts = analysis.advice[0].advice.evidence.facts;
    ASSERT_EQ(facts.size(), 1U);
    EXPECT_THAT(facts[0],
                testing::AllOf(testing::HasSubstr("fell at the same moment"), testing::HasSubstr("no cause")));
    EXPECT_TRUE(analysis.advice[1].advice.evidence.facts.empty());
}

TEST_F(SettingHistoryTest, KeepsTheMemoryThatWasSaid) {
    auto known = targets();
    EXPECT_FALSE(expect_value(known.find(target_)).total_memory);
    expect_done(known.set_total_memory(target_, base::mebibytes(16384)));
    EXPECT_EQ(expect_value(known.find(target_)).total_memory, base::mebibytes(16384));
    EXPECT_EQ(known.set_total_memory(base::TargetId{999}, std::nullopt).error().code, base::ErrorCode::not_found);
}

TEST_F(SettingHistoryTest, SaysNothingWhereNothingChanged) {
    write_history();
    EXPECT_TRUE(effects().empty());
}

}  // namespace
}  // namespace pganalytics
