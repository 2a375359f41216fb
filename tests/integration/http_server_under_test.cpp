// The service for http_openapi_check.py: prints where it listens and what it holds as one line of JSON, then follows
// the commands it reads: "stop_repository", "start_repository". Ends with its input.

#include <cstdio>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "http_world.hpp"

int main() {
    using namespace pganalytics;
    try {
        test::HttpWorld world({50, 300}, {50, 300});
        nlohmann::json facts;
        facts["url"] = world.server->url();
        facts["viewer"] = world.viewer;
        facts["operator"] = world.operator_;
        facts["admin"] = world.admin;
        facts["shared_query"] = base::to_integer(world.shared_query);
        facts["own_query"] = base::to_integer(world.own_query);
        facts["recommendation"] = base::to_integer(world.recommendation);
        facts["model"] = base::to_integer(world.models.model);
        facts["damaged_model"] = base::to_integer(world.models.damaged_model);
        facts["completed_training"] = base::to_integer(world.models.completed_training);
        facts["failed_training"] = base::to_integer(world.models.failed_training);
        facts["running_training"] = base::to_integer(world.models.running_training);
        facts["other_job"] = base::to_integer(world.models.other_job);
        const auto predicted = world.post("/api/predict/query-execution", world.viewer,
                                          nlohmann::json{{"query_hash", facts["own_query"]}}.dump());
        facts["prediction_id"] = nlohmann::json::parse(predicted.body).value("prediction_id", "");
        std::cout << facts.dump() << std::endl;
        for (std::string command; std::getline(std::cin, command);) {
            if (command == "stop_repository") world.cluster.stop();
            if (command == "start_repository") world.cluster.start();
            std::cout << "done" << std::endl;
        }
        return 0;
    } catch (const std::exception& exception) {
        std::fprintf(stderr, "http_server_under_test: %s\n", exception.what());
        return 1;
    }
}
