add_library(store_fixture STATIC store_fixture.cpp store_fixture.hpp)
target_include_directories(store_fixture PUBLIC ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(store_fixture PUBLIC pganalytics_store GTest::gtest)

pganalytics_integration_test(store_migrations_test SOURCES store_migrations_test.cpp LIBRARIES store_fixture)
