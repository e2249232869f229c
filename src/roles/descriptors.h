// File descriptors: how many this process may have, and how many of them HTTP connections may use.
#pragma once

#include <cstddef>

#include "base/result.h"

namespace ledgerline::roles {

// Reserved for what must work even when every connection is in use: database sessions, Kafka, logs, files, probes.
inline constexpr std::size_t descriptors_reserved = 256;
// Of those, connections at an address used only for probes.
inline constexpr std::size_t probe_connections_max = 32;
// And at one for operators.
inline constexpr std::size_t operator_connections_max = 64;
// Fewer connections than this are not worth starting for.
inline constexpr std::size_t connections_least = 16;

// Raises this process' soft limit to its hard one. Returns what it is then.
std::size_t raise_descriptor_limit();

// How many of the requested connections fit below the limit, in addition to those opened only to be turned away. Error
// "too_few_descriptors" (stop): there is no room for a server at all.
Result<std::size_t> connections_below(std::size_t limit, std::size_t asked);

}  // namespace ledgerline::roles
