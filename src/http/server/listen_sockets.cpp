#include "http/server/listen_sockets.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

#include "base/resolve.h"

namespace ledgerline::http {
namespace {

// How often to try other ports when port 0 chose one that is free on only some of the addresses.
constexpr int kFreePortTries = 16;

std::unexpected<Error> stop_with(std::string code, std::string message) {
    return failure(Disposition::stop, std::move(code), std::move(message));
}

std::unexpected<Error> listen_failure(const std::string& where, int error) {
    return stop_with(error == EADDRINUSE ? "address_in_use" : "listen_failed",
                     fmt::format("cannot listen on {}: {}", where, std::generic_category().message(error)));
}

struct FreeList {
    void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using AddressList = std::unique_ptr<addrinfo, FreeList>;

struct Lookup {
    int error = 0;
    AddressList list;
};

Lookup look_up(const std::string& host, int flags) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | flags;
    addrinfo* found = nullptr;
    const int error = getaddrinfo(host.c_str(), nullptr, &hints, &found);
    return {error, AddressList(found)};
}

bool is_loopback(const sockaddr_storage& address) {
    const auto is_127 = [](in_addr_t in_network_order) { return ntohl(in_network_order) >> 24 == 127; };
    if (address.ss_family == AF_INET) return is_127(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr);
    const in6_addr& six = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    in_addr_t mapped = 0;
    std::memcpy(&mapped, six.s6_addr + 12, sizeof mapped);
    return IN6_IS_ADDR_LOOPBACK(&six) || (IN6_IS_ADDR_V4MAPPED(&six) && is_127(mapped));
}

// The port field in an address of either family.
in_port_t& port_of(sockaddr_storage& address) {
    return address.ss_family == AF_INET ? reinterpret_cast<sockaddr_in&>(address).sin_port
                                        : reinterpret_cast<sockaddr_in6&>(address).sin6_port;
}

std::string text_of(const sockaddr_storage& address, socklen_t size, std::uint16_t port) {
    char host[NI_MAXHOST] = "?";
    getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
    return address.ss_family == AF_INET6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

}  // namespace

Result<ListenSockets> ListenSockets::bind(const std::string& host, std::uint16_t port, milliseconds lookup_at_most) {
    LEDGERLINE_TRY(const auto addresses, addresses_of(host, lookup_at_most));
    ListenSockets made;
    for (int tries = 1;; ++tries) {
        const auto bound = made.bind_all(addresses, port);
        if (bound) break;
        if (port != 0 || bound.error().code != "address_in_use" || tries == kFreePortTries)
            return std::unexpected(bound.error());
        made.close_all();
    }
    made.only_loopback_ =
        std::ranges::all_of(addresses, [](const Address& address) { return is_loopback(address.storage); });
    return made;
}

Result<std::vector<ListenSockets::Address>> ListenSockets::addresses_of(const std::string& host,
                                                                        milliseconds lookup_at_most) {
    std::vector<Address> addresses;
    const auto add = [&](const AddressList& list) {
        for (const addrinfo* each = list.get(); each; each = each->ai_next) {
            if (each->ai_family != AF_INET && each->ai_family != AF_INET6) continue;
            Address address{{}, each->ai_addrlen};
            std::memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
            const auto same = [&](const Address& other) {
                return other.size == address.size && std::memcmp(&other.storage, &address.storage, address.size) == 0;
            };
            if (std::ranges::none_of(addresses, same)) addresses.push_back(address);
        }
    };
    if (host == "localhost") {  // whatever the resolver says about it
        add(look_up("127.0.0.1", AI_NUMERICHOST).list);
        add(look_up("::1", AI_NUMERICHOST).list);
        return addresses;
    }
    if (const Lookup numeric = look_up(host, AI_NUMERICHOST); numeric.error == 0) {
        add(numeric.list);
        return addresses;
    }
    const auto found = resolve(host, std::chrono::steady_clock::now() + lookup_at_most);
    if (found)
        for (const std::string& numeric : *found) add(look_up(numeric, AI_NUMERICHOST).list);
    if (addresses.empty())
        return stop_with("bad_address", fmt::format("'{}' is neither an address nor a name of one: {}", host,
                                                    found ? "no address" : found.error().message));
    return addresses;
}

Result<void> ListenSockets::bind_all(const std::vector<Address>& addresses, std::uint16_t wanted) {
    port_ = wanted;
    const Address* missing = nullptr;
    for (const Address& address : addresses) {
        LEDGERLINE_TRY(const Bound bound, bind_one(address, port_, addresses.size() == 1));
        if (bound == Bound::in_use) return listen_failure(text_of(address.storage, address.size, port_), EADDRINUSE);
        if (bound == Bound::missing) missing = &address;
    }
    if (sockets_.empty() && missing)
        return listen_failure(text_of(missing->storage, missing->size, port_), EADDRNOTAVAIL);
    return {};
}

Result<ListenSockets::Bound> ListenSockets::bind_one(Address address, std::uint16_t port, bool alone) {
    const std::string where = text_of(address.storage, address.size, port);
    const int family = address.storage.ss_family;
    const int descriptor = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        if (errno == EAFNOSUPPORT) return Bound::missing;
        return listen_failure(where, errno);
    }
    const int on = 1;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    // Next to IPv4 addresses, an IPv6 one must not take theirs as well.
    if (family == AF_INET6 && !alone) setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    port_of(address.storage) = htons(port);
    if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0) {
        const int error = errno;
        close(descriptor);
        if (error == EADDRNOTAVAIL) return Bound::missing;
        if (error == EADDRINUSE) return Bound::in_use;
        return listen_failure(where, error);
    }
    sockets_.push_back({descriptor, family});
    socklen_t size = sizeof address.storage;
    getsockname(descriptor, reinterpret_cast<sockaddr*>(&address.storage), &size);
    port_ = ntohs(port_of(address.storage));
    return Bound::taken;
}

ListenSockets::ListenSockets(ListenSockets&& other) noexcept
    : sockets_(std::exchange(other.sockets_, {})),
      port_(std::exchange(other.port_, 0)),
      only_loopback_(other.only_loopback_) {}

ListenSockets& ListenSockets::operator=(ListenSockets&& other) noexcept {
    std::swap(sockets_, other.sockets_);
    std::swap(port_, other.port_);
    std::swap(only_loopback_, other.only_loopback_);
    return *this;
}

ListenSockets::~ListenSockets() { close_all(); }

std::vector<ListenSockets::Socket> ListenSockets::release() { return std::exchange(sockets_, {}); }

void ListenSockets::close_all() {
    for (const Socket& socket : sockets_) close(socket.descriptor);
    sockets_.clear();
}

}  // namespace ledgerline::http
