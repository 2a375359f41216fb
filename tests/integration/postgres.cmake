pganalytics_integration_test(postgres_connection_test
  SOURCES postgres_connection_test.cpp
  LIBRARIES test_cluster)

pganalytics_integration_test(postgres_ladder_test
  SOURCES postgres_ladder_test.cpp
  LIBRARIES test_cluster)

pganalytics_integration_test(postgres_planner_test
  SOURCES postgres_planner_test.cpp
  LIBRARIES test_cluster)

pganalytics_integration_test(postgres_pool_test
  SOURCES postgres_pool_test.cpp
  LIBRARIES test_cluster)
