#include "lab/loopback.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/result.h"

namespace ledgerline::test {

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

std::uint16_t free_loopback_port() {
    const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    LEDGERLINE_ASSERT(bind(probe, reinterpret_cast<sockaddr*>(&address), size) == 0);
    LEDGERLINE_ASSERT(getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    close(probe);
    return ntohs(address.sin_port);
}

}  // namespace ledgerline::test
