#include "http/server/network.h"

#include <algorithm>

#include "base/text.h"

namespace ledgerline::http {
namespace {

constexpr unsigned kMappedBits = 96;     // before an IPv4 address
constexpr std::size_t kClientBytes = 8;  // of an IPv6 address

}  // namespace

AddressBytes bytes_of(const boost::asio::ip::address& address) {
    using boost::asio::ip::v4_mapped;
    const auto six = address.is_v4() ? boost::asio::ip::make_address_v6(v4_mapped, address.to_v4()) : address.to_v6();
    AddressBytes bytes;
    std::ranges::copy(six.to_bytes(), bytes.begin());
    return bytes;
}

AddressBytes client_of(const boost::asio::ip::address& address) {
    AddressBytes bytes = bytes_of(address);
    const bool four = address.is_v4() || address.to_v6().is_v4_mapped();
    if (!four) std::fill(bytes.begin() + kClientBytes, bytes.end(), std::uint8_t{0});
    return bytes;
}

std::optional<AddressBytes> parse_address(std::string_view text) {
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(std::string(text), error);
    if (error) return std::nullopt;
    return bytes_of(address);
}

std::string client_behind(const std::string& peer, std::string_view forwarded, std::span<const Network> trusted) {
    const auto is_trusted = [&](const AddressBytes& address) {
        return std::ranges::any_of(trusted, [&](const Network& network) { return network.contains(address); });
    };
    std::string client = peer;
    while (!forwarded.empty()) {
        const auto known = parse_address(client);
        if (!known || !is_trusted(*known)) break;
        const auto comma = forwarded.rfind(',');
        const std::string_view before = comma == std::string_view::npos ? forwarded : forwarded.substr(comma + 1);
        if (!parse_address(trimmed(before))) break;
        client = trimmed(before);
        forwarded = comma == std::string_view::npos ? std::string_view() : forwarded.substr(0, comma);
    }
    return client;
}

std::optional<Network> Network::parse(std::string_view text) {
    const auto slash = text.find('/');
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(std::string(text.substr(0, slash)), error);
    if (error || (address.is_v6() && address.to_v6().scope_id() != 0)) return std::nullopt;
    Network network;
    network.address_ = bytes_of(address);
    if (slash == std::string_view::npos) return network;
    const auto bits = parse_integer<unsigned>(text.substr(slash + 1));
    if (!bits || *bits > (address.is_v4() ? 32u : 128u)) return std::nullopt;
    network.bits_ = *bits + (address.is_v4() ? kMappedBits : 0);
    return network;
}

bool Network::contains(const AddressBytes& address) const {
    const std::size_t whole = bits_ / 8;
    if (!std::equal(address.begin(), address.begin() + static_cast<std::ptrdiff_t>(whole), address_.begin()))
        return false;
    const unsigned rest = bits_ % 8;
    return rest == 0 || (address[whole] ^ address_[whole]) >> (8 - rest) == 0;
}

}  // namespace ledgerline::http
