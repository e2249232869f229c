// Network: an IP address and everything that shares its first bits, such as 10.0.0.0/8 or 2001:db8::/32.
#pragma once

#include <array>
#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ledgerline::http {

// IPv4 addresses are represented as IPv6 ones (RFC 4291, section 2.5.5.2), so that a client counts as the same on
// either.
using AddressBytes = std::array<std::uint8_t, 16>;
AddressBytes bytes_of(const boost::asio::ip::address& address);
// What counts as one client: an IPv4 address, or an IPv6 network of 64 bits, within which a client can choose addresses
// at will.
AddressBytes client_of(const boost::asio::ip::address& address);
// Nothing when text is no address.
std::optional<AddressBytes> parse_address(std::string_view text);

class Network {
public:
    // ADDRESS/BITS, or an address alone. Nothing when it is neither.
    static std::optional<Network> parse(std::string_view text);
    bool contains(const AddressBytes& address) const;

private:
    AddressBytes address_{};
    unsigned bits_ = 128;
};

// Where a request comes from: peer, or what trusted proxies say of it in X-Forwarded-For: of the addresses that they
// added, the last one that is not a trusted proxy itself. forwarded: the header's value.
std::string client_behind(const std::string& peer, std::string_view forwarded, std::span<const Network> trusted);

}  // namespace ledgerline::http
