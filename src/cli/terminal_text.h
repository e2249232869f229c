// What a command tells people passes here or through a Table, and is made printable; progress, questions and pictures
// alone draw with characters that drive a terminal.
#pragma once

#include <string_view>

#include "base/printable.h"
#include "roles/environment.h"

namespace ledgerline::cli {

// A message for people: one line on stderr.
void say(const roles::Environment& environment, std::string_view message);

}  // namespace ledgerline::cli
