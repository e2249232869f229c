#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "base/result.h"
#include "base/text.h"

namespace ledgerline::cli {
namespace {

constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kClearLine = "\x1b[K";
constexpr std::string_view kClearBelow = "\x1b[J";

}  // namespace

void say(const roles::Environment& environment, std::string_view message) {
    environment.err << printable(message) << '\n';
}

void say_help(const roles::Environment& environment, std::string_view help) { environment.err << help; }

bool confirmed(const roles::Environment& environment, const std::string& question) {
    LEDGERLINE_ASSERT(environment.terminal);
    environment.out.flush();
    environment.err << printable(question) << " [y/N] " << std::flush;
    std::string line;
    if (!std::getline(*environment.terminal, line)) {
        environment.err << '\n';
        return false;
    }
    const std::string answer = lower(trimmed(line));
    return answer == "y" || answer == "yes";
}

std::size_t width_of(std::string_view text) {
    const auto begins_code_point = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_code_point));
}

std::string_view cut(std::string_view text, std::size_t columns) {
    std::size_t seen = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const bool begins = (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
        if (begins && seen++ == columns) return text.substr(0, at);
    }
    return text;
}

ScreenSize ScreenSize::of_stdout() {
    winsize window{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_row == 0 || window.ws_col == 0) return {};
    return {window.ws_row, window.ws_col};
}

std::string picture_of(const std::vector<std::string>& lines, ScreenSize size) {
    std::string picture(kHome);
    for (std::size_t row = 0; row < lines.size() && row < size.rows; ++row) {
        // No line end after the last row: it would scroll the screen.
        if (row > 0) picture += "\r\n";
        picture += cut(lines[row], size.columns);
        picture += kClearLine;
    }
    return picture.append(kClearBelow);
}

}  // namespace ledgerline::cli
