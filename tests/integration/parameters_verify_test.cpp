// Settings that are advised, on a real server: each scope's statement runs and so does what undoes it; --verify runs
// what only reads, says what the setting gains, and lets nothing else run.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.hpp"
#include "collector/catalog_reader.hpp"
#include "collector/server_facts.hpp"
#include "parameters/parameters.hpp"
#include "postgres/server_planner.hpp"
#include "sql/identity.hpp"
#include "support/test_cluster.hpp"
#include "workflow/run_safety.hpp"
#include "workflow/verify_settings.hpp"

namespace pganalytics {
namespace {

using test_support::query_value;
using test_support::run_script;

/// With memory for twice the bound it keeps a heap and never writes: the clearest gain there is.
const std::string gains =
    "select sum(length(body)) from (select id, body from notes order by id % 9973, id limit 5000) s";
/// What is sorted takes far longer to compute than to sort.
const std::string loses =
    "select count(s) from (select id % 9973 as key, sha512(repeat(body, 8)::bytea) from notes order by 1 offset 0) s";

class Verify : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        test_support::TestClusterOptions options;
        options.settings = {{"work_mem", "1MB"},
                            {"shared_buffers", "256MB"},
                            {"jit", "off"},
                            {"fsync", "off"},
                            {"max_parallel_workers_per_gather", "0"}};
        cluster_ = std::make_unique<test_support::TestCluster>(options);
        cluster_->run(
            "create role reporter login; create role \"Night Report\" login;"
            "create table notes(id int primary key, label text not null, body text not null);"
            "insert into notes select i, md5(i::text), repeat(md5(i::text), 12) from generate_series(1, 60000) i;"
            "create table trace(at timestamptz);"
            "create function traced(int) returns int language sql volatile as 'insert into trace values (now()); "
            "select $1';"
            "create function twice(int) returns int language sql stable as 'select 2 * $1';"
            "create function seen(int, int) returns int language sql volatile as 'select $1';"
            "create aggregate tally(int) (sfunc = seen, stype = int, initcond = '0');"
            "create view plain as select id, twice(id) as n from notes;"
            "create view sly as select id, traced(id) as n from plain;"
            "create domain small as int check (traced(value) < 10);"
            "create table guarded(id int); alter table guarded enable row level security;"
            "grant select on all tables in schema public to reporter; vacuum analyze notes");
    }
    static void TearDownTestSuite() { cluster_.reset(); }

    static postgres::Connection connect(std::string_view role = "postgres") {
        return cluster_->connect("postgres", role, postgres::ConnectOptions{});
    }

    static workload::Workload workload_of(const std::string& text, std::vector<std::string> examples = {}) {
        workload::ObservedStatement statement;
        statement.text = text;
        statement.query_hash = sql::query_hash(text);
        statement.user_name = "Night Report";
        statement.sum.calls = 10;
        statement.sum.total_exec_time_ms = 2000;
        statement.sum.temp_blks_written = 30000;
        statement.sum.temp_blks_read = 30000;
        statement.example_texts = std::move(examples);
        workload::Workload workload;
        workload.database_name = "postgres";
        workload.window = base::Minutes{60};
        workload.statements = {statement};
        return workload;
    }

    /// Advice to set work_mem to 64 MB for the statement, measured.
    static workflow::Analysis verified(const workload::Workload& workload) {
        auto connection = connect();
        auto reading = collector::read_catalog(connection);
        if (!reading) throw std::runtime_error(reading.error().to_string());
        workflow::RankedAdvice ranked;
        ranked.advice.rule = "sort_mem";
        ranked.advice.source = advice::SourceType::parameter;
        ranked.advice.served = {{workload.statements.front().query_hash, 50, 1, base::Milliseconds{200}, 1}};
        ranked.advice.estimated_improvement_percent = 50;
        ranked.parameter = workflow::ParameterChange{"sort_mem", "1MB", "64MB"};
        workflow::Analysis analysis;
        analysis.advice.push_back(ranked);
        workflow::verify_settings(connection, workload, reading->database, analysis);
        return analysis;
    }

    static std::string refusal(const std::string& text, std::string_view role = "postgres") {
        auto connection = connect(role);
        auto reading = collector::read_catalog(connection);
        if (!reading) throw std::runtime_error(reading.error().to_string());
        const auto checked = workflow::check_only_reads(connection, reading->database, text);
        return checked ? "" : checked.error().message;
    }

    static inline std::unique_ptr<test_support::TestCluster> cluster_;
};

TEST_F(Verify, MeasuresAGain) {
    const auto analysis = verified(workload_of(gains));
    ASSERT_EQ(analysis.advice.size(), 1U) << analysis.notes.front().text;
    const auto& advice = analysis.advice.front().advice;
    EXPECT_EQ(advice.evidence.basis, advice::Basis::measured_time);
    ASSERT_EQ(advice.evidence.checked.size(), 1U);
    EXPECT_NE(advice.evidence.checked.front().find(" 0 after"), std::string::npos) << advice.evidence.checked.front();
    EXPECT_GE(advice.estimated_improvement_percent, 10);
    EXPECT_EQ(advice.served.front().improvement_percent, advice.estimated_improvement_percent);
    EXPECT_TRUE(analysis.advice.front().parameter);
}

TEST_F(Verify, TurnsDownWhatDoesNotHold) {
    const auto analysis = verified(workload_of(loses));
    EXPECT_TRUE(analysis.advice.empty());
    ASSERT_EQ(analysis.notes.size(), 1U);
    EXPECT_NE(analysis.notes.front().text.find("will not help, as measured"), std::string::npos)
        << analysis.notes.front().text;
}

TEST_F(Verify, RunsAnExampleWhereParametersAreUnknown) {
    const std::string text =
        "select sum(length(body)) from (select id, body from notes order by id % $1, id limit $2) s";
    const auto unknown = verified(workload_of(text));
    ASSERT_EQ(unknown.advice.size(), 1U);
    EXPECT_EQ(unknown.advice.front().advice.evidence.basis, advice::Basis::planner_cost);
    ASSERT_EQ(unknown.advice.front().advice.evidence.not_checked.size(), 1U);
    EXPECT_NE(unknown.advice.front().advice.evidence.not_checked.front().find("No example with its literals"),
              std::string::npos);
    const auto known = verified(workload_of(text, {gains}));
    ASSERT_EQ(known.advice.size(), 1U);
    EXPECT_EQ(known.advice.front().advice.evidence.basis, advice::Basis::measured_time);
}

TEST_F(Verify, LetsNothingRunThatMayDoMoreThanRead) {
    for (const auto& [text, why] : std::vector<std::pair<std::string, std::string>>{
             {"delete from notes", "no SELECT"},
             {"with gone as (delete from notes returning id) select * from gone", "it writes rows"},
             {"select * into copy from notes", "it makes a table"},
             {"select * from notes for update", "it locks rows"},
             {"select 1; select 2", "not one statement"},
             {"select traced(id) from notes", "function traced"},
             {"select * from notes where id < (select traced(1))", "function traced"},
             {"select n from sly", "function traced"},
             {"select tally(id) from notes", "function tally"},
             {"select pg_sleep(1)", "function pg_sleep"},
             {"select set_config('work_mem', '1MB', false)", "function set_config"},
             {"select id::small from notes", "type small"},
             {"select * from pg_stat_activity", "is not known"}}) {
        EXPECT_NE(refusal(text).find(why), std::string::npos) << text << ": " << refusal(text);
    }
    EXPECT_NE(refusal("select * from guarded", "reporter").find("row security"), std::string::npos);
    for (const std::string text :
         {"select n, count(*) from plain where id::bigint = any('{1,2}') group by n order by n",
          "select upper(label) || 'x' from notes where label like 'a%' limit 3"}) {
        EXPECT_EQ(refusal(text), "") << text;
    }
    const auto analysis = verified(workload_of("select traced(id) from notes order by label"));
    ASSERT_EQ(analysis.advice.size(), 1U);
    EXPECT_NE(analysis.advice.front().advice.evidence.not_checked.front().find("function traced may do more than read"),
              std::string::npos);
    auto connection = connect();
    EXPECT_EQ(query_value(connection, "select count(*)::text from trace"), "0");
}

TEST_F(Verify, EveryScopeAppliesAndIsUndone) {
    postgres::ConnectOptions writing;
    writing.read_only = false;
    auto connection = cluster_->connect("postgres", "postgres", writing);
    auto reading = collector::read_catalog(connection);
    ASSERT_TRUE(reading);
    postgres::ServerPlanner planner(connection);
    parameters::ParameterOptions options;
    options.minimum_gain_percent = 0;
    const auto found = parameters::find_parameters(workload_of(gains), reading->database, planner, options);
    ASSERT_EQ(found.findings.size(), 1U) << (found.notes.empty() ? "" : found.notes.front().text);
    const auto& finding = found.findings.front();
    EXPECT_EQ(finding.parameter_name, "sort_mem");
    ASSERT_EQ(finding.applies_as.size(), 4U);
    const auto settings_of = [](std::string_view role) {
        auto fresh = connect(role);
        return query_value(fresh, "show work_mem");
    };
    for (const auto& application : finding.applies_as) {
        if (application.scope == parameters::Scope::query) {
            run_script(connection, "begin");
            ASSERT_TRUE(connection.query(application.statement)) << application.statement;
            EXPECT_EQ(query_value(connection, "show work_mem"), finding.recommended_value);
            ASSERT_TRUE(connection.query(application.inverse)) << application.inverse;
            EXPECT_EQ(query_value(connection, "show work_mem"), "1MB");
            run_script(connection, "rollback");
            continue;
        }
        const auto reload = [&] { (void)query_value(connection, "select pg_reload_conf()::text"); };
        ASSERT_TRUE(connection.query(application.statement)) << application.statement;
        reload();
        EXPECT_EQ(settings_of("Night Report"), finding.recommended_value) << application.statement;
        ASSERT_TRUE(connection.query(application.inverse)) << application.inverse;
        reload();
        EXPECT_EQ(settings_of("Night Report"), "1MB") << application.inverse;
    }
}

TEST_F(Verify, KnowsTheMemoryOfAServerHere) {
    auto connection = connect("reporter");
    const auto memory = collector::read_server_memory(connection);
    ASSERT_TRUE(memory) << memory.error().to_string();
    ASSERT_TRUE(*memory);
    EXPECT_GT((*memory)->total.value, 0);
    EXPECT_LE((*memory)->total.value, collector::read_machine_memory()->total.value);
    EXPECT_GT((*memory)->available_percent(), 0);
    EXPECT_LE((*memory)->available_percent(), 100);
}

}  // namespace
}  // namespace pganalytics
