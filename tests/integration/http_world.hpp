#pragma once
// A whole service for tests: a private PostgreSQL with the repository's schema, two targets that ran the same
// statement, recommendations, a token of each role, and the HTTP server in front. One thread at a time.

#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "http/service.hpp"
#include "http_world_models.hpp"
#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "store/repository.hpp"
#include "store/targets.hpp"
#include "support/test_cluster.hpp"
#include "workflow/prediction_service.hpp"

namespace pganalytics::test {

class HttpWorld {
  public:
    /// Throws where any part of it cannot be had.
    explicit HttpWorld(http::RateLimit limit_with_token = {1e6, 1e6}, http::RateLimit limit_without_token = {1e6, 1e6});
    ~HttpWorld();
    HttpWorld(const HttpWorld&) = delete;
    HttpWorld& operator=(const HttpWorld&) = delete;

    /// No token where `token` is "".
    net::Response get(const std::string& target, const std::string& token, net::Headers headers = {});
    net::Response post(const std::string& target, const std::string& token, const std::string& body,
                       const std::string& content_type = "application/json");
    net::Response send(net::Request request, const std::string& token);

    std::string viewer, operator_, admin;         ///< tokens
    base::QueryHash shared_query{}, own_query{};  ///< in two databases; in one
    base::RecommendationId recommendation{};
    WorldModels models;
    std::shared_ptr<std::vector<std::string>> log_lines = std::make_shared<std::vector<std::string>>();
    test_support::TestCluster cluster;
    std::unique_ptr<store::Repository> repository;
    std::unique_ptr<store::TargetStore> targets;
    std::unique_ptr<net::HttpServer> server;

  private:
    void fill();

    base::SystemClock clock_;
    std::unique_ptr<workflow::PredictionService> predictions_;
    std::unique_ptr<http::Service> service_;
    std::unique_ptr<net::HttpClient> client_;
};

}  // namespace pganalytics::test
