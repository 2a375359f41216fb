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

std::vector<DatabaseSchemas> one_database() {
    DatabaseSchemas schemas;
    schemas.database = "shop";
    schemas.schemas = {"public", "Sales"};
    schemas.owners = {"owner"};
    return {schemas};
}
const std::vector<DatabaseSchemas> shop = one_database();

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
    options.preloaded = std::vector<std::string>{"auto_explain"};
    const auto steps = setup_steps({150000}, shop, options);
    EXPECT_TRUE(steps.front().needs_restart);
    EXPECT_EQ(steps.front().sql, "ALTER SYSTEM SET shared_preload_libraries = auto_explain, pg_stat_statements");
    options.preloaded = std::vector<std::string>{"pg_stat_statements"};
    EXPECT_FALSE(setup_steps({150000}, shop, options).front().needs_restart);
    auto told = shop;
    told.front().preloaded = std::vector<std::string>{"auto_explain"};
    EXPECT_THAT(setup_steps({150000}, told).front().sql, HasSubstr("auto_explain, pg_stat_statements"));
    // What is not known must not be overwritten.
    EXPECT_EQ(setup_steps({150000}, shop).front().sql, "SHOW shared_preload_libraries");
}

TEST(SetupSteps, WithoutAServerTheStepsAreForWhicheverDatabase) {
    const auto steps = setup_steps({130000}, {});
    EXPECT_THAT(statements(steps, Tier::counters), Contains("CREATE EXTENSION IF NOT EXISTS pg_stat_statements"));
    EXPECT_THAT(statements(steps, Tier::planning), Contains(HasSubstr("GRANT SELECT ON ALL TABLES IN SCHEMA")));
    EXPECT_THAT(statements(steps, Tier::planning), Contains("CREATE EXTENSION IF NOT EXISTS hypopg"));
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
