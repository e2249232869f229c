// The URLs that the client takes.
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "base/text.h"
#include "http/client.h"

namespace ledgerline::http {
namespace {

constexpr std::uint16_t kPort = 80, kTlsPort = 443;

std::string authority(const BaseUrl& base) {
    const std::string host = base.host.contains(':') ? "[" + base.host + "]" : base.host;
    return base.port == (base.tls ? kTlsPort : kPort) ? host : host + ":" + std::to_string(base.port);
}

}  // namespace

Result<BaseUrl> BaseUrl::parse(std::string_view text) {
    const auto refuse = [](const std::string& why) {
        return failure(Disposition::refuse, "bad_url", "the URL must be [http[s]://]host[:port][/prefix]: " + why);
    };
    if (text.empty()) return refuse("it is empty");
    // People type host:8080, although in a URL "host" would be the scheme.
    const bool has_scheme = text.contains("://");
    const std::string url = has_scheme ? std::string(text) : "http://" + std::string(text);
    const auto parsed = boost::urls::parse_uri(url);
    if (!parsed) return refuse("it is not a URL");
    BaseUrl base;
    base.tls = parsed->scheme_id() == boost::urls::scheme::https;
    if (!base.tls && parsed->scheme_id() != boost::urls::scheme::http)
        return refuse("its scheme is neither http nor https");
    if (base.tls) base.port = kTlsPort;
    if (parsed->has_userinfo()) return refuse("it names a user");
    if (parsed->has_query() || parsed->has_fragment()) return refuse("it has a query or a fragment");
    base.host = parsed->host_address();
    if (base.host.empty()) return refuse("it has no host");
    if (!has_scheme && (base.host == "http" || base.host == "https")) return refuse("// must follow the scheme");
    if (parsed->has_port() && !parsed->port().empty()) {
        const auto port = parse_port(parsed->port());
        if (!port) return refuse("its port is not 1 to 65535");
        base.port = *port;
    }
    base.prefix = std::string(parsed->encoded_path().data(), parsed->encoded_path().size());
    if (!base.prefix.empty() && !base.prefix.starts_with('/')) return refuse("its port is not a number");
    while (base.prefix.ends_with('/')) base.prefix.pop_back();
    return base;
}

std::string BaseUrl::to_string() const { return (tls ? "https://" : "http://") + authority(*this) + prefix; }

std::string percent_encode(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF", marks = "-._~";
    std::string encoded;
    for (const char c : text) {
        if (is_digit(c) || is_letter(c) || marks.contains(c)) {
            encoded += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            encoded += {'%', digits[byte >> 4], digits[byte & 15]};
        }
    }
    return encoded;
}

}  // namespace ledgerline::http
