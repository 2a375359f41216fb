#include "collector/setup_target.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace pganalytics::collector {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> statements(const std::vector<SetupStep>& steps, Tier tier) {
    std::vector<std::string> sql;
    for (const auto& step : steps)
        if (step.tier == tier) sql.push_back(step.sql);
    return sql;
}

const std::vector<DatabaseSchemas> shop{{"shop", false, {"public", "Sales"}, {"owner"}}};

TEST(SetupSteps, CountersNeedPgMonitorOnly) {
    const auto sql = statements(setup_steps({150000}, shop), Tier::counters);
    EXPECT_THAT(sql, Contains("GRANT pg_monitor TO pganalytics"));
    EXPECT_THAT(sql, Contains(HasSubstr("NOSUPERUSER")));
    EXPECT_THAT(sql, Contains(HasSubstr("CONNECTION LIMIT 5")));
    EXPECT_THAT(sql, Contains("ALTER ROLE pganalytics SET statement_timeout = '10s'"));
    EXPECT_THAT(sql, Not(Contains(HasSubstr("pg_read_all_data"))));
    EXPECT_THAT(sql, Not(Contains(HasSubstr("PASSWORD"))));
}

TEST(SetupSteps, PlanningIsOneGrantSince14AndSchemaBySchemaOn13) {
    EXPECT_THAT(statements(setup_steps({140000}, shop), Tier::planning),
                Contains("GRANT pg_read_all_data TO pganalytics"));
    const auto old = statements(setup_steps({130023}, shop), Tier::planning);
    EXPECT_THAT(old, Not(Contains(HasSubstr("pg_read_all_data"))));
    EXPECT_THAT(old, Contains("GRANT USAGE ON SCHEMA \"Sales\" TO pganalytics"));
    EXPECT_THAT(old, Contains("GRANT SELECT ON ALL TABLES IN SCHEMA \"Sales\" TO pganalytics"));
    EXPECT_THAT(old, Contains(HasSubstr("ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA \"Sales\"")));
}

TEST(SetupSteps, ApplyIsOffUnlessAskedFor) {
    EXPECT_TRUE(statements(setup_steps({150000}, shop), Tier::apply).empty());
    SetupOptions options;
    options.include_apply = true;
    EXPECT_THAT(statements(setup_steps({150000}, shop, options), Tier::apply),
                Contains("GRANT owner TO pganalytics_apply"));
}

TEST(SetupSteps, PreloadKeepsWhatIsLoadedAlready) {
    SetupOptions options;
    options.preloaded = {"auto_explain"};
    const auto steps = setup_steps({150000}, shop, options);
    EXPECT_TRUE(steps.front().needs_restart);
    EXPECT_EQ(steps.front().sql, "ALTER SYSTEM SET shared_preload_libraries = auto_explain, pg_stat_statements");
    options.preloaded = {"pg_stat_statements"};
    EXPECT_FALSE(setup_steps({150000}, shop, options).front().needs_restart);
}

TEST(SetupSteps, NamesAreQuoted) {
    SetupOptions options;
    options.role = "we\"ird; DROP";
    for (const auto& step : setup_steps({150000}, shop, options))
        EXPECT_THAT(step.sql, Not(HasSubstr(" we\"ird"))) << step.sql;
}

TEST(PsqlScript, ConnectsWhereAStepBelongsAndSetsNoPassword) {
    const auto script = to_psql_script(setup_steps({150000}, shop));
    EXPECT_THAT(script, HasSubstr("\\connect shop\n"));
    EXPECT_THAT(script, HasSubstr("ON_ERROR_STOP"));
    EXPECT_THAT(script, HasSubstr("\\password pganalytics"));
}

}  // namespace
}  // namespace pganalytics::collector
