#include "cli/terminal_text.h"

#include "base/result.h"
#include "base/text.h"

namespace ledgerline::cli {

void say(const roles::Environment& environment, std::string_view message) {
    environment.err << printable(message) << '\n';
}

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

}  // namespace ledgerline::cli
