#include "base/csv.h"

namespace ledgerline {

void append_csv_text(std::string_view text, std::string& out) {
    const bool is_quoted = text.find_first_of(",\"\r\n") != std::string_view::npos;
    if (is_quoted) out.push_back('"');
    if (!text.empty() && std::string_view("=+-@\t\r").contains(text.front())) out.push_back('\'');
    for (const char c : text) {
        if (c == '"') out.push_back('"');
        out.push_back(c);
    }
    if (is_quoted) out.push_back('"');
}

}  // namespace ledgerline
