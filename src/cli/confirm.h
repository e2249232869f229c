// Yes-or-no questions to the user at the terminal.
#pragma once

#include <string>

#include "roles/environment.h"

namespace ledgerline::cli {

// Asks on stderr and reads a line. True for "y" or "yes" in any case; anything else, the end of input included, means
// no. Call it only if environment.terminal is set.
bool confirmed(const roles::Environment& environment, const std::string& question);

}  // namespace ledgerline::cli
