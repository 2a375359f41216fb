// How long an answer takes over HTTP: planned on the target for parameters nobody asked for before, and from the cache.
// Prints the figures; the bounds are those promised for a machine of its own.

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "http/service.hpp"
#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "prediction_world.hpp"
#include "store/tokens.hpp"

namespace pganalytics {
namespace {

using test::must;
using test::PredictionWorld;

constexpr int clients = 4;

class PredictionHttpTest : public ::testing::Test {
  protected:
    PredictionHttpTest() {
        (void)must(store::ModelStore(*world_.repository).activate(world_.train()));
        token_ = must(store::TokenStore(*world_.repository).create("a viewer", store::Role::viewer)).secret.reveal();
        predictions_ = world_.service();
        http::Dependencies dependencies{.repository = *world_.repository,
                                        .targets = *world_.targets,
                                        .predictions = *predictions_,
                                        .clock = world_.clock,
                                        .log = base::Log(),
                                        .version = "0.0.0-test",
                                        .limit_with_token = {1e6, 1e6},
                                        .limit_without_token = {1e6, 1e6}};
        service_ = std::make_unique<http::Service>(std::move(dependencies));
        server_ = must(net::HttpServer::start(
            {}, [this](const net::Request& request) { return service_->handle(request); }, base::Log()));
    }
    ~PredictionHttpTest() override { server_->stop(); }

    /// Each client asks `each` times for what `body` makes of its number; milliseconds, rising.
    template <typename Body>
    std::vector<double> ask(int each, Body body) {
        std::vector<std::vector<double>> took(clients);
        {
            std::vector<std::jthread> threads;
            for (int one = 0; one < clients; ++one) {
                threads.emplace_back([&, one] {
                    net::ClientOptions options;
                    options.base_url = server_->url();
                    const auto client = must(net::HttpClient::create(options, world_.clock));
                    for (int i = 0; i < each; ++i) {
                        net::Request request{.method = "POST", .target = "/api/predict/query-execution"};
                        request.headers.set("Authorization", "Bearer " + token_);
                        request.headers.set("Content-Type", "application/json");
                        request.body = body(one * each + i).dump();
                        const auto begin = std::chrono::steady_clock::now();
                        const auto answer = client->send(request, base::Deadline::after(std::chrono::seconds(30)));
                        took[static_cast<std::size_t>(one)].push_back(
                            std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
                                .count());
                        EXPECT_TRUE(answer && answer->status == 200) << (answer ? answer->body : "no answer");
                    }
                });
            }
        }
        std::vector<double> all;
        for (const auto& times : took) all.insert(all.end(), times.begin(), times.end());
        std::sort(all.begin(), all.end());
        return all;
    }

    static double quantile(const std::vector<double>& rising, double share) {
        return rising[static_cast<std::size_t>(share * static_cast<double>(rising.size() - 1))];
    }

    PredictionWorld world_;
    std::string token_;
    std::unique_ptr<workflow::PredictionService> predictions_;
    std::unique_ptr<http::Service> service_;
    std::unique_ptr<net::HttpServer> server_;
};

TEST_F(PredictionHttpTest, AnswersInTime) {
    const auto statement = base::to_integer(world_.statement("join").query_hash);
    const auto planned = [&](int number) {
        return nlohmann::json{{"query_hash", statement}, {"parameters", {{"1", number}}}};
    };
    const auto cached = [&](int) { return nlohmann::json{{"query_hash", statement}}; };
    (void)ask(5, [&](int number) { return planned(-1 - number); });
    const auto uncached_times = ask(250, planned);
    const auto cached_times = ask(500, cached);
    EXPECT_GE(predictions_->counters().plans, 1000U);
    std::cout << clients << " clients, ms: uncached with planning p50 " << quantile(uncached_times, 0.5) << " p99 "
              << quantile(uncached_times, 0.99) << ", cached p50 " << quantile(cached_times, 0.5) << " p99 "
              << quantile(cached_times, 0.99) << '\n';
    EXPECT_LE(quantile(uncached_times, 0.99), 100);
    EXPECT_LE(quantile(cached_times, 0.99), 5);
}

}  // namespace
}  // namespace pganalytics
