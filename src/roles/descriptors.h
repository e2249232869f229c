// File descriptors: how many this process may have, and how many of them HTTP connections may take.
#pragma once

#include <cstddef>

#include "base/result.h"

namespace ledgerline::roles {

// Kept back for what must go on when every connection is taken: database sessions, Kafka, logs, files, probes.
inline constexpr std::size_t descriptors_reserved = 256;
// Of those, connections at an address for probes alone.
inline constexpr std::size_t probe_connections_max = 32;
// Fewer connections than this are not worth starting for.
inline constexpr std::size_t connections_least = 16;

// Raises this process' soft limit to its hard one. Returns what it is then.
std::size_t raise_descriptor_limit();

// How many of the connections asked for fit below the limit, besides those that are open only to be turned away.
// Error "too_few_descriptors", stop: there is no room for a server at all.
Result<std::size_t> connections_below(std::size_t limit, std::size_t asked);

}  // namespace ledgerline::roles
