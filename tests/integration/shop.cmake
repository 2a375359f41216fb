pganalytics_integration_test(shop_sample_test
  SOURCES shop_sample_test.cpp
  LIBRARIES test_cluster pganalytics_simulation)
