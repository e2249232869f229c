# Script: cmake -D INPUT=file -D OUTPUT=file.cpp -D HEADER=header.h -D NAME=namespace::variable -P embed_text.cmake
#
# Writes a C++ source that defines ledgerline::NAME, a std::string_view of INPUT's text. HEADER declares it. Compilers
# limit the length of one string literal, so the text is split into lines, which the compiler joins.
string(REGEX REPLACE "::[^:]*$" "" space "${NAME}")
string(REGEX REPLACE "^.*::" "" variable "${NAME}")
file(READ ${INPUT} text)
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "// Generated from ${INPUT}. Do not edit.
#include \"${HEADER}\"
namespace ledgerline::${space} {
constexpr std::string_view ${variable} =
    \"${text}\";
}
" @ONLY)
