// Looking up host names with a deadline, which the system's resolver does not know.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace ledgerline {

// Of one name; what a resolver says beyond it is not tried.
inline constexpr std::size_t addresses_max = 16;
// Look-ups that their callers have given up and the system's resolver has not. Beyond it none is begun.
inline constexpr int lookups_max = 32;

// The numeric addresses of a host, in the resolver's order; the host itself when it is an address. Error "unresolved"
// (retry) with the resolver's reason, or that it does not answer before the deadline. Thread-safe.
Result<std::vector<std::string>> resolve(const std::string& host, SteadyTime deadline);

}  // namespace ledgerline
