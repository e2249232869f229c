# Script: cmake -D INPUT=file -D OUTPUT=file.cpp -D HEADER=header.h -D NAME=namespace::variable -P embed_text.cmake
#
# Writes a C++ source that defines ledgerline::NAME, a std::string_view of INPUT's text. HEADER declares it. Compilers
# limit the length of a string literal, whatever it is joined from, so the text is written byte by byte.
string(REGEX REPLACE "::[^:]*$" "" space "${NAME}")
string(REGEX REPLACE "^.*::" "" variable "${NAME}")
file(READ ${INPUT} bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${bytes}")
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "// Generated from ${INPUT}. Do not edit.
#include \"${HEADER}\"
namespace ledgerline::${space} {
namespace {
constexpr char text[] = {
${bytes}};
}
constexpr std::string_view ${variable}(text, sizeof text);
}
" @ONLY)
