add_library(training_world STATIC training_world.cpp training_world.hpp)
target_include_directories(training_world PUBLIC ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(training_world PUBLIC store_fixture pganalytics_simulation pganalytics_workflow
                                            nlohmann_json::nlohmann_json)

pganalytics_integration_test(training_job_test SOURCES training_job_test.cpp LIBRARIES training_world)
pganalytics_integration_test(training_watch_test SOURCES training_watch_test.cpp LIBRARIES training_world)

add_executable(training_worker training_worker.cpp)
target_link_libraries(training_worker PRIVATE pganalytics_workflow nlohmann_json::nlohmann_json)
set_target_properties(training_worker PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

# The same test in two lengths.
pganalytics_integration_test(training_crash_test SOURCES training_crash_test.cpp LIBRARIES training_world)
target_compile_definitions(training_crash_test PRIVATE TRAINING_KILLS=3)
pganalytics_integration_test(training_crash_deep_test DEEP SOURCES training_crash_test.cpp LIBRARIES training_world)
target_compile_definitions(training_crash_deep_test PRIVATE TRAINING_KILLS=50)
foreach(test IN ITEMS training_crash_test training_crash_deep_test)
  add_dependencies(${test} training_worker)
  target_compile_definitions(${test} PRIVATE TRAINING_WORKER="$<TARGET_FILE:training_worker>")
endforeach()
set_tests_properties(integration.training_crash_deep_test PROPERTIES TIMEOUT 3600)
