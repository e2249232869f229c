#include "notify/destinations.h"

#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/result.h"
#include "base/text.h"

namespace ledgerline::notify {
namespace {

std::vector<http::Network> networks(std::initializer_list<const char*> texts) {
    std::vector<http::Network> all;
    for (const char* text : texts) {
        const auto network = http::Network::parse(text);
        LEDGERLINE_ASSERT(network);
        all.push_back(*network);
    }
    return all;
}

bool any_contains(const std::vector<http::Network>& all, const http::AddressBytes& address) {
    return std::ranges::any_of(all, [&](const http::Network& each) { return each.contains(address); });
}

// IPv4 without what IANA's registry of special addresses says is not public, and without one that serves the machines
// of a cloud (168.63.129.16).
bool is_public_v4(const http::AddressBytes& address) {
    static const auto special =
        networks({"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
                  "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
                  "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"});
    return !any_contains(special, address);
}

// Of IPv6 only what is assigned to public use: what embeds an IPv4 address (mapped, NAT64, 6to4, Teredo) lies outside
// of it or is left out.
bool is_public_v6(const http::AddressBytes& address) {
    static const auto global = networks({"2000::/3"});
    static const auto special = networks({"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"});
    return any_contains(global, address) && !any_contains(special, address);
}

bool is_public(const http::AddressBytes& address) {
    static const auto mapped = networks({"::ffff:0:0/96"});
    return any_contains(mapped, address) ? is_public_v4(address) : is_public_v6(address);
}

struct FreeUrl {
    void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, FreeUrl>;

// Taken apart as it will be when it is called; null when it is none.
Url parsed(const std::string& text) {
    Url url(curl_url());
    LEDGERLINE_ASSERT(url);
    if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) return nullptr;
    return url;
}

std::optional<std::string> part_of(const Url& url, CURLUPart which) {
    char* part = nullptr;
    if (curl_url_get(url.get(), which, &part, 0) != CURLUE_OK) return std::nullopt;
    std::string text(part);
    curl_free(part);
    return text;
}

// The host if it is an address.
std::optional<http::AddressBytes> address_of(std::string host) {
    if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
    return http::parse_address(host);
}

}  // namespace

bool Destinations::is_allowed(const http::AddressBytes& address) const { return any_contains(allowed_, address); }

bool Destinations::allows(const http::AddressBytes& address, bool tls) const {
    return is_allowed(address) || (tls && is_public(address));
}

std::string Destinations::broken_rule(const std::string& text) const {
    if (text.size() > url_chars_max) return "must have at most 2000 characters";
    if (has_byte_below(text, 0x21)) return "must hold neither spaces nor control characters";
    const Url url = parsed(text);
    const auto scheme = url ? part_of(url, CURLUPART_SCHEME) : std::nullopt;
    if (!scheme || (*scheme != "https" && *scheme != "http")) return "must be a URL that begins with https://";
    if (part_of(url, CURLUPART_USER) || part_of(url, CURLUPART_PASSWORD)) return "must hold no user and no password";
    if (part_of(url, CURLUPART_FRAGMENT)) return "must hold no fragment";
    const std::string host = lower(part_of(url, CURLUPART_HOST).value_or(""));
    const auto address = address_of(host);
    const bool tls = *scheme == "https";
    if (address && is_allowed(*address)) return "";
    if (!tls && (address || allowed_.empty())) return "must begin with https://";
    if ((address && !is_public(*address)) ||
        (allowed_.empty() && (host == "localhost" || host.ends_with(".localhost"))))
        return "must name a host that the public can reach";
    return "";
}

}  // namespace ledgerline::notify
