pganalytics_integration_test(sql_server_form
  SOURCES sql_server_form_test.cpp
  LIBRARIES pganalytics_sql test_cluster case_file)
