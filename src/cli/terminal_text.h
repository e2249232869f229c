// Text that a command shows to people passes through here or through a Table, and is made printable. Only progress,
// questions and pictures use characters that control a terminal.
#pragma once

#include <string>
#include <string_view>

#include "base/text.h"
#include "roles/environment.h"

namespace ledgerline::cli {

// A message for people: one line on stderr.
void say(const roles::Environment& environment, std::string_view message);

// Asks a yes-or-no question on stderr and reads a line. True for "y" or "yes" in any case; anything else, the end of
// input included, means no. Call it only if environment.terminal is set.
bool confirmed(const roles::Environment& environment, const std::string& question);

}  // namespace ledgerline::cli
