// Text of others (names, payloads, messages of servers, lines of files) on its way to a terminal.
//
// Escaped is what drives a terminal or shows text in another order than it stands: the control characters C0, DEL and
// C1 (ECMA-48), the bidirectional controls (Unicode, UAX #9) and the line and paragraph separators.
#pragma once

#include <string>
#include <string_view>

namespace ledgerline {

// In one line: \n, \r, \t, other code points as \u001b, bytes that are no UTF-8 as \x9b. A backslash stands for itself.
std::string printable(std::string_view text);
// The same for valid JSON without line breaks, which stays valid and means the same.
std::string printable_json(std::string_view json);

}  // namespace ledgerline
