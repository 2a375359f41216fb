pganalytics_integration_test(patterns_detection_test
  SOURCES patterns_detection_test.cpp
  LIBRARIES store_fixture pganalytics_simulation nlohmann_json::nlohmann_json)
# One history of each scenario with every run, twenty (minutes, not seconds) with the deep ones.
pganalytics_integration_test(patterns_scenarios_test
  SOURCES patterns_scenarios_test.cpp
  LIBRARIES pganalytics_simulation nlohmann_json::nlohmann_json)
add_test(NAME integration.patterns_scenarios_deep COMMAND patterns_scenarios_test)
set_tests_properties(integration.patterns_scenarios_deep PROPERTIES LABELS deep TIMEOUT 1800
                     ENVIRONMENT PGANALYTICS_SEEDS=20 FAIL_REGULAR_EXPRESSION "0 tests from 0 test suites ran")
pganalytics_integration_test(patterns_workload_test
  SOURCES patterns_workload_test.cpp
  LIBRARIES pganalytics_simulation nlohmann_json::nlohmann_json)
add_test(NAME integration.patterns_workload_deep COMMAND patterns_workload_test)
set_tests_properties(integration.patterns_workload_deep PROPERTIES LABELS deep TIMEOUT 1800
                     ENVIRONMENT PGANALYTICS_SEEDS=20 FAIL_REGULAR_EXPRESSION "0 tests from 0 test suites ran")
pganalytics_integration_test(patterns_faces_test
  SOURCES patterns_faces_test.cpp
  LIBRARIES http_world pganalytics_simulation nlohmann_json::nlohmann_json)
