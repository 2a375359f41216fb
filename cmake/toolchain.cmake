# Compiler flags and the optional helpers ccache and mold, used when they are installed.

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)
# GCC 12 warns about std::string::insert of a literal (its bug 105651).
add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
add_compile_options("-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.")
set(CMAKE_CXX_FLAGS_RELEASE "-O2")
add_compile_definitions(SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # NOHASHDIR: the flags above keep the build folder out of the object, so it need not be part of the key.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_NOHASHDIR=1 ${CCACHE_PROGRAM})
endif()

find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
endif()

# Sanitizers are chosen by the presets: PGANALYTICS_SANITIZE=address;undefined or thread.
set(PGANALYTICS_SANITIZE "" CACHE STRING "Sanitizers to build with")
foreach(sanitizer IN LISTS PGANALYTICS_SANITIZE)
  add_compile_options(-fsanitize=${sanitizer} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${sanitizer})
  if(sanitizer STREQUAL "thread")
    add_compile_options(-Wno-tsan)
  endif()
endforeach()

option(PGANALYTICS_COVERAGE "Instrument for line coverage" OFF)
if(PGANALYTICS_COVERAGE)
  add_compile_options(--coverage -O0)
  add_link_options(--coverage)
endif()
