#include "lab/sockets.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/random.h"
#include "lab/eventually.h"

namespace ledgerline::test {
namespace {

constexpr std::uint16_t kKeptPortMin = 20'000;
constexpr std::uint64_t kKeptPorts = 12'000;
constexpr int kPortTriesMax = 100;

std::uint16_t kept_port() {
    static SystemRandom random;
    for (int tries = 0; tries < kPortTriesMax; ++tries) {
        const auto port = static_cast<std::uint16_t>(kKeptPortMin + random.below(kKeptPorts));
        const int descriptor = bound_socket(port);
        if (descriptor < 0) continue;
        // It stays open: a server may now listen there too, and no other search finds the port free.
        const int yes = 1;
        LEDGERLINE_ASSERT(setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0);
        return port;
    }
    give_up("ports", "none is free");
}

}  // namespace

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

int bound_socket(std::uint16_t port) {
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    if (bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return descriptor;
    close(descriptor);
    return -1;
}

std::uint16_t port_of(int descriptor) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    LEDGERLINE_ASSERT(getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    return ntohs(address.sin_port);
}

std::uint16_t free_port(PortUse use) {
    if (use == PortUse::restarted) return kept_port();
    const int descriptor = bound_socket(0);
    LEDGERLINE_ASSERT(descriptor >= 0);
    const std::uint16_t port = port_of(descriptor);
    close(descriptor);
    return port;
}

SilentServer::SilentServer(bool listens) : socket_(bound_socket(0)) {
    LEDGERLINE_ASSERT(socket_ >= 0 && (!listens || listen(socket_, SOMAXCONN) == 0));
    port_ = port_of(socket_);
}

SilentServer::~SilentServer() {
    for (const int client : clients_) close(client);
    close(socket_);
}

std::string SilentServer::address() const { return "127.0.0.1:" + std::to_string(port_); }

void SilentServer::accept() {
    const int client = accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
    LEDGERLINE_ASSERT(client >= 0);
    clients_.push_back(client);
}

}  // namespace ledgerline::test
