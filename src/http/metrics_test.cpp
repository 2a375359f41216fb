#include "http/metrics.hpp"

#include <gmock/gmock.h>

namespace pganalytics::http {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

struct MetricsTest : testing::Test {
    base::ManualClock clock{base::Timestamp{} + std::chrono::hours(480'000)};
};

TEST_F(MetricsTest, CountsRequestsByRouteMethodAndStatus) {
    Metrics metrics("1.2.3", {}, clock);
    metrics.count_request("/api/v1/queries/{query_hash}", "GET", 200, 20ms);
    metrics.count_request("/api/v1/queries/{query_hash}", "GET", 200, 20ms);
    metrics.count_request("none", "BREW", 404, 1ms);
    const auto text = metrics.exposition();
    EXPECT_THAT(text, HasSubstr("pganalytics_http_requests_total{method=\"GET\",route=\"/api/v1/queries/{query_hash}\","
                                "status=\"200\"} 2"));
    EXPECT_THAT(text, HasSubstr("method=\"other\""));
    EXPECT_THAT(text, Not(HasSubstr("BREW")));
    EXPECT_THAT(text, HasSubstr("route=\"/api/v1/queries/{query_hash}\",le=\"0.025\"} 2"));
    EXPECT_THAT(text, HasSubstr("pganalytics_build_info{version=\"1.2.3\"} 1"));
    EXPECT_THAT(text, HasSubstr("process_resident_memory_bytes"));
}

TEST_F(MetricsTest, SaysNothingAboutWhatIsNotHere) {
    const Metrics metrics("1", {}, clock);
    const auto text = metrics.exposition();
    EXPECT_THAT(text, Not(HasSubstr("pganalytics_target_")));
    EXPECT_THAT(text, Not(HasSubstr("pganalytics_repository_up")));
}

TEST_F(MetricsTest, TellsHowEachTargetIsDoing) {
    collector::TargetStatus shop;
    shop.id = base::TargetId{3};
    shop.name = "the \"shop\"\n";
    shop.state = "degraded";
    shop.samples = 12;
    shop.last_sample_at = clock.now() - 90s;
    collector::TargetStatus dead;
    dead.id = base::TargetId{4};
    dead.name = "dead";
    dead.state = "unreachable";
    MetricSources sources;
    sources.collector = [&] { return std::vector{shop, dead}; };
    const auto text = Metrics("1", sources, clock).exposition();
    const std::string labels = R"({target_id="3",target="the \"shop\"\n"})";
    EXPECT_THAT(text, HasSubstr("pganalytics_target_up" + labels + " 1"));
    EXPECT_THAT(text, HasSubstr("pganalytics_target_degraded" + labels + " 1"));
    EXPECT_THAT(text, HasSubstr("pganalytics_target_samples_total" + labels + " 12"));
    EXPECT_THAT(text, HasSubstr("pganalytics_target_lag_seconds" + labels + " 90"));
    EXPECT_THAT(text, HasSubstr("pganalytics_target_up{target_id=\"4\",target=\"dead\"} 0"));
    EXPECT_THAT(text, Not(HasSubstr("pganalytics_target_lag_seconds{target_id=\"4\"")));
}

TEST_F(MetricsTest, TellsThatTheRepositoryIsDownAndInventsNoCounts) {
    bool down = false;
    MetricSources sources;
    sources.repository = [&]() -> base::Result<store::Overview> {
        if (down) return base::Error{base::ErrorCode::retry_later, "down", "", ""};
        return store::Overview{{{"analyze", "pending", 2}}, {{"shop", "index", 5}}};
    };
    const Metrics metrics("1", sources, clock);
    EXPECT_THAT(metrics.exposition(), HasSubstr("pganalytics_repository_up 1"));
    EXPECT_THAT(metrics.exposition(), HasSubstr("pganalytics_jobs{kind=\"analyze\",status=\"pending\"} 2"));
    EXPECT_THAT(metrics.exposition(),
                HasSubstr("pganalytics_recommendations{database_name=\"shop\",source_type=\"index\"} 5"));
    down = true;
    EXPECT_THAT(metrics.exposition(), HasSubstr("pganalytics_repository_up 0"));
    EXPECT_THAT(metrics.exposition(), Not(HasSubstr("pganalytics_jobs")));
}

}  // namespace
}  // namespace pganalytics::http
