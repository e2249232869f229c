#include "http/server/screen.h"

#include "base/result.h"

namespace ledgerline::http {
namespace {

std::unexpected<Problem> malformed(std::string_view detail) {
    return std::unexpected(edge_problem(400, edge_code::malformed_request, std::string(detail)));
}

std::unexpected<Problem> too_large(const std::string& rule) {
    return std::unexpected(edge_problem(431, edge_code::headers_too_large, rule));
}

}  // namespace

std::expected<std::optional<HeadScreen::Screened>, Problem> HeadScreen::look(std::string_view received) {
    for (; position_ < received.size(); ++position_) {
        if (position_ - head_start_ >= limits_.bytes_max)
            return too_large("Request line and headers may have at most " + std::to_string(limits_.bytes_max) +
                             " bytes.");
        const char byte = received[position_];
        if (const auto fine = look_at(byte); !fine) return std::unexpected(fine.error());
        if (byte != '\n') continue;
        const std::size_t line_start = line_start_;
        if (end_line(position_ + 1)) {
            const std::size_t used = ++position_;
            return Screened{received.substr(head_start_, line_start - head_start_), used};
        }
        if (lines_ > limits_.fields_max + 1)
            return too_large("A request may have at most " + std::to_string(limits_.fields_max) + " headers.");
    }
    return std::nullopt;
}

std::expected<void, Problem> HeadScreen::look_at(char byte) {
    const auto value = static_cast<unsigned char>(byte);
    if (byte == '\n') {
        if (!after_cr_) return malformed("A line must end in CR LF, not in LF alone.");
        after_cr_ = false;
        return {};
    }
    if (after_cr_) return malformed("A CR may appear only before an LF, at the end of a line.");
    if (byte == '\r') {
        after_cr_ = true;
        return {};
    }
    if ((value < 0x20 && byte != '\t') || value == 0x7f) return malformed("The head contains a control character.");
    return {};
}

// Whether the line that ends before next is the empty one after the headers.
bool HeadScreen::end_line(std::size_t next) {
    const bool empty = next - line_start_ == 2;
    line_start_ = next;
    if (!empty) {
        ++lines_;
        return false;
    }
    if (lines_ > 0) return true;
    // Only the first empty line is skipped; a second one counts as the request line, and is refused as one.
    if (head_start_ == 0)
        head_start_ = next;
    else
        ++lines_;
    return false;
}

}  // namespace ledgerline::http
