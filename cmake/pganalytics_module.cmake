# pganalytics_module(name HEADERS … SOURCES … [TESTS …] [DEPENDS module …] [LIBRARIES target …] [TEST_LIBRARIES target …])
#
# One module is one folder, one library `pganalytics_<name>`, one namespace. Files are listed, never globbed.
# DEPENDS names the modules it may include; a module that is not defined above this one is refused, so the order of
# src/CMakeLists.txt is the architecture. `layering` (tests/) rejects any include that DEPENDS does not declare, and
# `header_selfcheck` compiles every public header alone.
# TESTS become one executable `<name>_test`, registered with ctest under the label `unit`.

define_property(GLOBAL PROPERTY PGANALYTICS_MODULES BRIEF_DOCS "Modules in the order of the architecture")
define_property(GLOBAL PROPERTY PGANALYTICS_HEADERS BRIEF_DOCS "Public headers, relative to src/")

function(pganalytics_module name)
  cmake_parse_arguments(PARSE_ARGV 1 MODULE "" "" "HEADERS;SOURCES;TESTS;DEPENDS;LIBRARIES;TEST_LIBRARIES")
  if(MODULE_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "module ${name}: unknown arguments ${MODULE_UNPARSED_ARGUMENTS}")
  endif()

  set(target pganalytics_${name})
  set(dependencies "")
  foreach(dependency IN LISTS MODULE_DEPENDS)
    if(NOT TARGET pganalytics_${dependency})
      message(FATAL_ERROR "module ${name} depends on ${dependency}, which is not defined above it in src/CMakeLists.txt")
    endif()
    list(APPEND dependencies pganalytics_${dependency})
  endforeach()

  if(MODULE_SOURCES)
    add_library(${target} STATIC ${MODULE_SOURCES} ${MODULE_HEADERS})
    set(visibility PUBLIC)
  else()
    add_library(${target} INTERFACE)
    set(visibility INTERFACE)
  endif()
  target_include_directories(${target} ${visibility} ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(${target} ${visibility} ${dependencies} ${MODULE_LIBRARIES})

  set_property(GLOBAL APPEND PROPERTY PGANALYTICS_MODULES ${name})
  foreach(header IN LISTS MODULE_HEADERS)
    set_property(GLOBAL APPEND PROPERTY PGANALYTICS_HEADERS ${name}/${header})
  endforeach()

  if(PGANALYTICS_TESTS AND MODULE_TESTS)
    add_executable(${name}_test ${MODULE_TESTS})
    target_link_libraries(${name}_test PRIVATE ${target} ${MODULE_TEST_LIBRARIES} GTest::gmock GTest::gtest_main rapidcheck)
    set_target_properties(${name}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_compile_definitions(${name}_test PRIVATE PGANALYTICS_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    # A test executable without a test is a failure, not a success.
    add_test(NAME unit.${name} COMMAND ${name}_test)
    set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 300 FAIL_REGULAR_EXPRESSION "0 tests from 0 test suites ran")
  endif()
endfunction()
