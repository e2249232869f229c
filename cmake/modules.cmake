# ledgerline_module(NAME [SUBFOLDERS folder...] [PUBLIC target...] [PRIVATE target...] [EXCLUDE file...])
#
# Declares the static library of the module in the current directory, src/NAME. Its sources are the *.cpp of the
# directory and its subfolders except those excluded; its unit tests are their *_test.cpp, built as the test program
# NAME_test.
function(ledgerline_module name)
  cmake_parse_arguments(arg "" "" "SUBFOLDERS;PUBLIC;PRIVATE;EXCLUDE" ${ARGN})
  list(TRANSFORM arg_SUBFOLDERS APPEND /*.cpp OUTPUT_VARIABLE subfolder_sources)
  list(TRANSFORM arg_SUBFOLDERS APPEND /*.h OUTPUT_VARIABLE subfolder_headers)
  list(TRANSFORM arg_SUBFOLDERS APPEND /*_test.cpp OUTPUT_VARIABLE subfolder_tests)
  file(GLOB sources CONFIGURE_DEPENDS *.cpp *.h ${subfolder_sources} ${subfolder_headers})
  file(GLOB tests CONFIGURE_DEPENDS *_test.cpp ${subfolder_tests})
  list(TRANSFORM arg_EXCLUDE PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  list(REMOVE_ITEM sources ${tests} ${arg_EXCLUDE})
  add_library(ledgerline_${name} STATIC ${sources})
  set_target_properties(ledgerline_${name} PROPERTIES LINKER_LANGUAGE CXX)
  target_include_directories(ledgerline_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(ledgerline_${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
  ledgerline_harden(ledgerline_${name})
  if(BUILD_TESTING AND tests)
    ledgerline_test(${name}_test SOURCES ${tests} LINK ledgerline_${name})
  endif()
endfunction()

# ledgerline_test(NAME SOURCES file... LINK target... [LABELS label...] [TIMEOUT seconds] [COST seconds])
#
# Declares one test program. It starts every server it needs by itself, so programs may run side by side. Its own sources
# are not optimised: they are half of all the code to compile, and this halves their compile time.
# Those that take long say how long (COST), and begin first, so that none is left alone at the end.
function(ledgerline_test name)
  cmake_parse_arguments(arg "" "TIMEOUT;COST" "SOURCES;LINK;LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_compile_options(${name} PRIVATE -O0)
  find_package(GTest REQUIRED)
  target_link_libraries(${name} PRIVATE ${arg_LINK} GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}")
  if(arg_COST)
    set_tests_properties(${name} PROPERTIES COST ${arg_COST})
  endif()
endfunction()
