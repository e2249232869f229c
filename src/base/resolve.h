// Resolves host names within a deadline, which the system's resolver does not support.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace ledgerline {

// Per name; further addresses are not tried.
inline constexpr std::size_t addresses_max = 16;
// Lookups that their callers have given up on but the system's resolver has not. At this limit no new one begins.
inline constexpr int lookups_max = 32;

// The numeric addresses of a host, in the resolver's order; the host itself when it is an address. Error "unresolved"
// (retry), with the resolver's reason or because it did not answer before the deadline. Thread-safe.
Result<std::vector<std::string>> resolve(const std::string& host, SteadyTime deadline);

}  // namespace ledgerline
