#include "http/curl_request.h"

#include <boost/asio/ip/address.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <cstdlib>

#include "base/text.h"

namespace ledgerline::http {
namespace {

// Whether a connection to that host stays on this machine.
bool is_this_machine(const std::string& host) {
    if (equal_ignoring_case(host, "localhost") || lower(host).ends_with(".localhost")) return true;
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(host, error);
    return !error && (address.is_loopback() || address.is_unspecified());
}

}  // namespace

void initialize_curl() {
    static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
    LEDGERLINE_ASSERT(done == CURLE_OK);
}

void trust_as_environment_says(CURL* curl) {
    for (const char* variable : {"SSL_CERT_FILE", "CURL_CA_BUNDLE"})
        if (const char* file = std::getenv(variable); file && *file) curl_easy_setopt(curl, CURLOPT_CAINFO, file);
    if (const char* folder = std::getenv("SSL_CERT_DIR"); folder && *folder)
        curl_easy_setopt(curl, CURLOPT_CAPATH, folder);
}

Result<void> check_request(const ClientRequest& request) {
    const auto refuse = [](const char* what) {
        return failure(Disposition::refuse, std::string(client_bad_request), what);
    };
    if (!is_token(request.method)) return refuse("method must be a token");
    if ((!request.target.empty() && !request.target.starts_with('/')) || has_byte_below(request.target, 0x21))
        return refuse("target must begin with / and hold neither spaces nor control characters");
    for (const auto& [name, value] : request.headers)
        if (!is_token(name) || has_byte_below(value, 0x20))
            return refuse("a header holds a character HTTP cannot carry");
    return {};
}

UrlFacts facts_of(const std::string& url) {
    const auto parsed = boost::urls::parse_uri(url);
    if (!parsed) return {"the server", false};
    std::string shown(parsed->scheme().data(), parsed->scheme().size());
    shown += "://";
    shown.append(parsed->encoded_host_and_port().data(), parsed->encoded_host_and_port().size());
    shown.append(parsed->encoded_path().data(), parsed->encoded_path().size());
    return {std::move(shown), is_this_machine(parsed->host_address())};
}

HeaderLines::HeaderLines(const ClientRequest& request) {
    add("Expect:");  // no "100-continue": one round trip less
    bool typed = false;
    for (const auto& [name, value] : request.headers) {
        add(value.empty() ? name + ";" : name + ": " + value);
        typed = typed || lower(name) == "content-type";
    }
    if (!typed) add(request.body.empty() ? "Content-Type:" : "Content-Type: application/json");
}

void HeaderLines::add(const std::string& line) {
    curl_slist* longer = curl_slist_append(lines_, line.c_str());
    LEDGERLINE_ASSERT(longer);
    lines_ = longer;
}

}  // namespace ledgerline::http
