add_library(http_world STATIC http_world.cpp http_world.hpp http_world_models.cpp http_world_models.hpp)
target_include_directories(http_world PUBLIC ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(http_world PUBLIC pganalytics_http test_cluster PRIVATE nlohmann_json::nlohmann_json)

pganalytics_integration_test(http_service_test
  SOURCES http_service_test.cpp
  LIBRARIES http_world nlohmann_json::nlohmann_json)

# The running service against api/openapi.yaml.
add_executable(http_server_under_test http_server_under_test.cpp)
target_link_libraries(http_server_under_test PRIVATE http_world nlohmann_json::nlohmann_json)
set_target_properties(http_server_under_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_test(NAME integration.http_openapi
         COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/http_openapi_check.py $<TARGET_FILE:http_server_under_test>
                 ${CMAKE_SOURCE_DIR}/api/openapi.yaml)
set_tests_properties(integration.http_openapi PROPERTIES LABELS integration TIMEOUT 600)

# The alerts fire where they should. scripts/setup puts promtool into build/tools where the system has none.
add_test(NAME integration.http_prometheus_alerts
         COMMAND sh -c "PATH=\"$PATH:${CMAKE_SOURCE_DIR}/build/tools\" exec promtool test rules http_prometheus_alerts_test.yml"
         WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
set_tests_properties(integration.http_prometheus_alerts PROPERTIES LABELS integration TIMEOUT 60)
