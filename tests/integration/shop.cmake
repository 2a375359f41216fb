pganalytics_integration_test(shop_sample_test
  SOURCES shop_sample_test.cpp
  LIBRARIES test_cluster pganalytics_simulation)
# Ten seeds or full size: minutes, not seconds.
pganalytics_integration_test(shop_honesty_test DEEP
  SOURCES shop_honesty_test.cpp
  LIBRARIES test_cluster pganalytics_simulation)
pganalytics_integration_test(shop_score_test DEEP
  SOURCES shop_score_test.cpp
  LIBRARIES test_cluster pganalytics_workflow pganalytics_evaluation)
set_tests_properties(integration.shop_score_test PROPERTIES TIMEOUT 1800)
