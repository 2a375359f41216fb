pganalytics_integration_test(private_cluster_test SOURCES private_cluster_test.cpp LIBRARIES pganalytics_postgres)

# A library that makes a server's disk look full.
add_library(full_disk MODULE ${CMAKE_SOURCE_DIR}/tests/support/full_disk.cpp)
target_link_libraries(full_disk PRIVATE ${CMAKE_DL_LIBS})
pganalytics_integration_test(disk_full_test SOURCES disk_full_test.cpp LIBRARIES pganalytics_postgres)
add_dependencies(disk_full_test full_disk)
target_compile_definitions(disk_full_test PRIVATE FULL_DISK_LIBRARY="$<TARGET_FILE:full_disk>")
