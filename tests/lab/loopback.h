// The loopback address, for sockets of tests.
#pragma once

#include <netinet/in.h>

#include <cstdint>

namespace ledgerline::test {

sockaddr_in loopback(std::uint16_t port);

// A port of it that was free just now. Ends the process when there is none.
std::uint16_t free_loopback_port();

}  // namespace ledgerline::test
