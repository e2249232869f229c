// Addresses, ports and silent servers on the loopback address.
//
//     const std::uint16_t port = free_port();                     // for a server that starts now
//     const std::uint16_t same = free_port(PortUse::restarted);   // for one that is killed and comes back
//     SilentServer database;                                      // takes connections and never answers
//     Process api({.arguments = {program, "api", "--database-url", "postgresql://" + database.address() + "/x"}});
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <vector>

namespace ledgerline::test {

// 127.0.0.1:port
sockaddr_in loopback(std::uint16_t port);
// A TCP socket bound to that port, or to any free one (0); -1 if the port is taken.
int bound_socket(std::uint16_t port);
// The port to which it is bound.
std::uint16_t port_of(int descriptor);

enum class PortUse {
    once,  // any port that is free now
    // Below the range from which the kernel gives ports to clients, one of which could take it while its server is
    // down; and kept from other test programs until this one ends.
    restarted,
};

// A port on which nobody listens. Ends the test program if there is none.
std::uint16_t free_port(PortUse use = PortUse::once);

// A port whose connections succeed and are never answered, or, if it does not listen, are refused while nobody else can
// take it. One thread at a time.
class SilentServer {
public:
    explicit SilentServer(bool listens = true);
    SilentServer(const SilentServer&) = delete;
    ~SilentServer();

    std::uint16_t port() const { return port_; }
    std::string address() const;  // HOST:PORT
    // Returns once a client has connected. Its connection stays open as long as the object.
    void accept();

private:
    int socket_;
    std::uint16_t port_ = 0;
    std::vector<int> clients_;
};

}  // namespace ledgerline::test
