// Overwrites what must not stay in memory: the compiler cannot leave it out, as it may with any other write to what is
// freed next.
#pragma once

#include <sodium.h>

#include <string>

namespace ledgerline {

// All that the text has room for, as what it was before may be longer.
inline void wipe(std::string& text) { sodium_memzero(text.data(), text.capacity()); }

}  // namespace ledgerline
