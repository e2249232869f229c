// The last line that a process writes before it aborts.
#pragma once

#include <string_view>

namespace ledgerline {

// Writes one line, given without its newline, for a process that aborts. Must return promptly even if nobody reads.
using LastWords = void (*)(std::string_view line);

// Sets the function that writes them from now on; by default they go to stderr. Thread-safe.
void set_last_words(LastWords say);
void say_last_words(std::string_view line);

}  // namespace ledgerline
