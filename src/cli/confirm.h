// Questions to the person at the terminal.
#pragma once

#include <string>

#include "roles/environment.h"

namespace ledgerline::cli {

// Asks on stderr and reads a line. True for "y" or "yes" in any case; anything else, the end of the input included, is
// no. Only where environment.terminal is there.
bool confirmed(const roles::Environment& environment, const std::string& question);

}  // namespace ledgerline::cli
