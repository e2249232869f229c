// The last thing that a process says before it aborts.
#pragma once

#include <string_view>

namespace ledgerline {

// Says one line, without its end, for a process that aborts. Must return soon, whatever reads what it writes.
using LastWords = void (*)(std::string_view line);

// Who says them from now on; until then they are written to stderr. Thread-safe.
void set_last_words(LastWords say);
void say_last_words(std::string_view line);

}  // namespace ledgerline
