add_library(prediction_world STATIC prediction_world.cpp prediction_world.hpp)
target_include_directories(prediction_world PUBLIC ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(prediction_world PUBLIC pganalytics_workflow test_cluster nlohmann_json::nlohmann_json)

pganalytics_integration_test(prediction_service_test SOURCES prediction_service_test.cpp LIBRARIES prediction_world)
pganalytics_integration_test(prediction_redis_test
  SOURCES prediction_redis_test.cpp
  LIBRARIES prediction_world pganalytics_net test_redis)
# Holds times, which need a machine that does nothing else.
pganalytics_integration_test(prediction_http_test DEEP
  SOURCES prediction_http_test.cpp
  LIBRARIES prediction_world pganalytics_http)
pganalytics_integration_test(prediction_shop_test DEEP
  SOURCES prediction_shop_test.cpp
  LIBRARIES test_cluster pganalytics_http pganalytics_simulation)
set_tests_properties(integration.prediction_shop_test PROPERTIES TIMEOUT 3600)
