// ListenSockets: the addresses that a server will listen on, bound before anything slow begins and before the process
// gives up the right to bind them. Nobody can connect until somebody listens.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace ledgerline::http {

class ListenSockets {
public:
    // How long the lookup of a host's name may take.
    static constexpr milliseconds lookup_timeout{10'000};

    // host: an address, "localhost" (both loopback addresses) or a name, all of whose addresses are bound. Addresses
    // that this machine does not have, such as IPv6 ones when IPv6 is disabled, are left out as long as another one
    // remains. port 0: any free one, the same for all. Disposition::stop: "address_in_use", "bad_address" (the name has
    // no address) or "listen_failed".
    static Result<ListenSockets> bind(const std::string& host, std::uint16_t port,
                                      milliseconds lookup_at_most = lookup_timeout);

    ListenSockets() = default;
    ListenSockets(ListenSockets&& other) noexcept;
    ListenSockets& operator=(ListenSockets&& other) noexcept;
    ~ListenSockets();

    bool empty() const { return sockets_.empty(); }
    // 0 when empty.
    std::uint16_t port() const { return port_; }
    // Whether only this machine can connect.
    bool only_loopback() const { return only_loopback_; }

    struct Socket {
        int descriptor;
        int family;  // AF_INET or AF_INET6
    };
    // Releases the sockets; the caller closes them.
    std::vector<Socket> release();

private:
    struct Address {
        sockaddr_storage storage{};
        socklen_t size = 0;
    };
    enum class Bound { taken, missing, in_use };  // missing: this machine has no such address

    static Result<std::vector<Address>> addresses_of(const std::string& host, milliseconds lookup_at_most);
    Result<void> bind_all(const std::vector<Address>& addresses, std::uint16_t wanted);
    Result<Bound> bind_one(Address address, std::uint16_t port, bool alone);
    void close_all();

    std::vector<Socket> sockets_;
    std::uint16_t port_ = 0;
    bool only_loopback_ = true;
};

}  // namespace ledgerline::http
