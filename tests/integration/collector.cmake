pganalytics_integration_test(collector_catalog_test
  SOURCES collector_catalog_test.cpp
  LIBRARIES test_cluster pganalytics_collector)
pganalytics_integration_test(collector_check_test
  SOURCES collector_check_test.cpp
  LIBRARIES test_cluster pganalytics_collector)

add_library(collector_support STATIC collector_support.cpp collector_support.hpp)
target_include_directories(collector_support PUBLIC ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(collector_support PUBLIC test_cluster pganalytics_collector)
pganalytics_integration_test(collector_sampler_test
  SOURCES collector_sampler_test.cpp
  LIBRARIES collector_support)
pganalytics_integration_test(collector_fleet_test
  SOURCES collector_fleet_test.cpp
  LIBRARIES collector_support)
pganalytics_integration_test(collector_scale_test
  SOURCES collector_scale_test.cpp
  LIBRARIES collector_support)
pganalytics_integration_test(collector_scale_deep_test DEEP
  SOURCES collector_scale_test.cpp
  LIBRARIES collector_support)
target_compile_definitions(collector_scale_deep_test PRIVATE PGANALYTICS_SCALE_DEEP)
# 400 databases are made first, which takes minutes on a busy machine.
set_tests_properties(integration.collector_scale_deep_test PROPERTIES TIMEOUT 1800)

# PostgreSQL 13 to 18: `make test-compat` fetches the servers that Debian does not have.
add_executable(compat_test ${CMAKE_SOURCE_DIR}/tests/compat/compat_test.cpp)
target_link_libraries(compat_test PRIVATE collector_support pganalytics_indexes GTest::gmock GTest::gtest_main)
set_target_properties(compat_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_compile_definitions(compat_test PRIVATE PGANALYTICS_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
add_test(NAME compat.postgresql_13_to_18 COMMAND compat_test)
set_tests_properties(compat.postgresql_13_to_18 PROPERTIES LABELS compat TIMEOUT 1200
                     FAIL_REGULAR_EXPRESSION "0 tests from 0 test suites ran")
