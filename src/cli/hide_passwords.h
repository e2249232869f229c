// Keeps passwords on the command line out of the process table.
#pragma once

#include <span>

namespace ledgerline::cli {

// Overwrites, in place, the password of every argument that is a URL (scheme://user:password@...) or that holds
// password=..., so that ps shows it no more. What is needed of the arguments must have been copied before.
void hide_passwords(std::span<char*> arguments);

}  // namespace ledgerline::cli
