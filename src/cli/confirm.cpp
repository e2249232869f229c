#include "cli/confirm.h"

#include "base/result.h"
#include "cli/terminal_text.h"
#include "http/chars.h"

namespace ledgerline::cli {

bool confirmed(const Environment& environment, const std::string& question) {
    LEDGERLINE_ASSERT(environment.terminal);
    environment.out.flush();
    environment.err << printable(question) << " [y/N] " << std::flush;
    std::string line;
    if (!std::getline(*environment.terminal, line)) {
        environment.err << '\n';
        return false;
    }
    const std::string answer = http::lower(http::trimmed(line));
    return answer == "y" || answer == "yes";
}

}  // namespace ledgerline::cli
