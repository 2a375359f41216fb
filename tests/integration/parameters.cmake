pganalytics_integration_test(parameters_work_mem
  SOURCES parameters_work_mem_test.cpp parameters_spills.cpp
  LIBRARIES pganalytics_parameters test_cluster case_catalog)
# Eighty cases with their least memory by bisection and their gain by interleaved runs: ten minutes and more.
add_test(NAME integration.parameters_work_mem_deep COMMAND parameters_work_mem)
set_tests_properties(integration.parameters_work_mem_deep PROPERTIES LABELS deep TIMEOUT 3600
                     ENVIRONMENT "PGANALYTICS_SPILL_CASES=80"
                     FAIL_REGULAR_EXPRESSION "0 tests from 0 test suites ran")
pganalytics_integration_test(parameters_batch
  SOURCES parameters_batch_test.cpp
  LIBRARIES pganalytics_parameters test_cluster case_catalog)
pganalytics_integration_test(parameters_verify
  SOURCES parameters_verify_test.cpp
  LIBRARIES pganalytics_workflow test_cluster)
pganalytics_integration_test(parameters_history
  SOURCES parameters_history_test.cpp
  LIBRARIES pganalytics_workflow store_fixture)
pganalytics_integration_test(parameters_measured
  SOURCES parameters_measured_test.cpp
  LIBRARIES pganalytics_workflow store_fixture)
pganalytics_integration_test(parameters_kept_reads
  SOURCES parameters_kept_reads_test.cpp
  LIBRARIES pganalytics_workflow test_cluster)
