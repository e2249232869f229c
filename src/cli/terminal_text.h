// Text that a command shows to people passes through here or through a Table, and is made printable. Only progress,
// questions and pictures use characters that control a terminal.
#pragma once

#include <string_view>

#include "base/text.h"
#include "roles/environment.h"

namespace ledgerline::cli {

// A message for people: one line on stderr.
void say(const roles::Environment& environment, std::string_view message);

}  // namespace ledgerline::cli
