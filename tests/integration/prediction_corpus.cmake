# The corpus is a program of bench/; its parts are tested where tests are.
if(NOT TARGET prediction_corpus)
  add_subdirectory(${CMAKE_SOURCE_DIR}/bench/corpus ${CMAKE_BINARY_DIR}/bench/corpus)
endif()
pganalytics_integration_test(prediction_corpus_test
  SOURCES prediction_corpus_test.cpp
  LIBRARIES prediction_corpus_parts pganalytics_prediction)
