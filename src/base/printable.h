// Makes text from outside (names, payloads, server messages, lines of files) safe to show on a terminal.
//
// Escapes what controls a terminal or reorders text: the control characters C0, DEL and C1 (ECMA-48), the bidirectional
// controls (Unicode, UAX #9) and the line and paragraph separators.
#pragma once

#include <string>
#include <string_view>

namespace ledgerline {

// On one line: \n, \r, \t, other code points as \u001b, bytes that are not UTF-8 as \x9b. A backslash is not escaped.
std::string printable(std::string_view text);
// The same for valid JSON without line breaks; the result is valid and means the same.
std::string printable_json(std::string_view json);

}  // namespace ledgerline
