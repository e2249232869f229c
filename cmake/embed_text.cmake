# Script: cmake -D INPUT=file -D OUTPUT=file.cpp -D HEADER=header.h -D NAME=variable -P embed_text.cmake
#
# Writes a C++ source that defines ledgerline::NAME, a std::string_view of INPUT's text. HEADER declares it. Compilers
# limit the length of one string literal, so the text is split into lines, which the compiler joins.
file(READ ${INPUT} text)
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "// Generated from ${INPUT}. Do not edit.
#include \"${HEADER}\"
namespace ledgerline {
constexpr std::string_view ${NAME} =
    \"${text}\";
}
" @ONLY)
