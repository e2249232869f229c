// CSV as it is printed: RFC 4180, and safe to open in a spreadsheet.
//
//     std::string line;
//     append_csv_text("=1+1", line);  // '=1+1
//     line += ',';
//     line += "-100";                 // numbers are appended as they are
//     line += csv_line_end;
#pragma once

#include <string>
#include <string_view>

namespace ledgerline {

inline constexpr std::string_view csv_line_end = "\r\n";

// Appends a cell that holds text. A spreadsheet would run one that begins with = + - @, a tab or a carriage return as a
// formula: it gets an apostrophe in front.
void append_csv_text(std::string_view text, std::string& out);

}  // namespace ledgerline
