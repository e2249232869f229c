# Script: cmake -D SOURCE_DIR=sql -D OUTPUT_DIR=out -P embed_sql.cmake
#
# Writes out/queries.h, out/all_queries.h and out/migrations.h from sql/queries/*.sql and sql/migrations/*.sql. A file
# whose content does not change is not rewritten, so that nothing is recompiled because of it.

function(write_header name body)
  file(CONFIGURE OUTPUT ${OUTPUT_DIR}/${name} CONTENT "${body}" @ONLY)
endfunction()

file(GLOB query_files ${SOURCE_DIR}/queries/*.sql)
list(SORT query_files)
set(statements "")
set(names "")
foreach(path IN LISTS query_files)
  get_filename_component(prefix ${path} NAME_WE)
  file(READ ${path} rest)
  string(FIND "${rest}" "-- name: " at)
  while(NOT at EQUAL -1)
    math(EXPR at "${at} + 9")
    string(SUBSTRING "${rest}" ${at} -1 rest)
    string(FIND "${rest}" "\n" eol)
    string(SUBSTRING "${rest}" 0 ${eol} name)
    string(SUBSTRING "${rest}" ${eol} -1 rest)
    if(NOT name MATCHES "^[a-z][a-z0-9_]*$")
      message(FATAL_ERROR "${path}: '-- name: ${name}' is not a lower-case identifier")
    endif()
    string(FIND "${rest}" "-- name: " at)
    string(SUBSTRING "${rest}" 0 ${at} text)
    string(STRIP "${text}" text)
    string(APPEND names "    ${prefix}_${name},\n")
    string(APPEND statements
      "inline constexpr db::Statement ${prefix}_${name}{\"${prefix}_${name}\", R\"sql(${text})sql\"};\n")
  endwhile()
endforeach()
write_header(queries.h "// Generated from sql/queries. Do not edit.
#pragma once
#include \"db/statement.h\"
namespace ledgerline::sql {
${statements}}
")

write_header(all_queries.h "// Generated from sql/queries. Do not edit.
#pragma once
#include \"sql/queries.h\"
namespace ledgerline::sql {
// All statements, for tests.
inline constexpr db::Statement all_queries[] = {
${names}};
}
")

file(GLOB migration_files ${SOURCE_DIR}/migrations/*.sql)
list(SORT migration_files)
set(migrations "")
foreach(path IN LISTS migration_files)
  get_filename_component(name ${path} NAME_WE)
  file(READ ${path} text)
  if(NOT name MATCHES "^([0-9][0-9][0-9][0-9])_[a-z0-9_]+$")
    message(FATAL_ERROR "${path}: a migration must be named NNNN_what_it_does.sql")
  endif()
  set(number ${CMAKE_MATCH_1})
  if(NOT text MATCHES "-- compatible-from: ([0-9]+)\n")
    message(FATAL_ERROR "${path}: '-- compatible-from: N' is missing: the oldest schema level whose binaries still work with it")
  endif()
  string(APPEND migrations "    {${number}, \"${name}\", ${CMAKE_MATCH_1}, R\"sql(${text})sql\"},\n")
endforeach()
string(REGEX REPLACE "{0+([1-9])" "{\\1" migrations "${migrations}")
write_header(migrations.h "// Generated from sql/migrations. Do not edit.
#pragma once
#include \"db/migrations.h\"
namespace ledgerline::sql {
inline constexpr db::Migration migrations[] = {
${migrations}};
}
")
