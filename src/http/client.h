// Client: a blocking HTTP/1.1 client over libcurl, for the command line, the export of traces and tests.
//
// It keeps its connection alive between calls and never sends a request twice by itself, except to follow a redirect.
//
// https trusts the system's certificates, or those in CURL_CA_BUNDLE, SSL_CERT_FILE or SSL_CERT_DIR. Proxies come from
// http_proxy (lower case only), https_proxy, all_proxy and no_proxy. A server on this machine, by a loopback address or
// as localhost, is called directly even if those variables do not say so: a proxy cannot reach it.
//
//     Client client(*BaseUrl::parse("https://ledger.example:8443"));
//     const auto response = client.send({.target = "/v1/lanes"}, milliseconds(2000));
//     if (!response && may_have_been_executed(response.error())) ...
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "http/message.h"

namespace ledgerline::http {

struct BaseUrl {
    std::string host;  // a name or an address; an IPv6 address is given without brackets
    std::uint16_t port = 80;
    std::string prefix;  // "", or a path that begins with a slash and does not end with one
    bool tls = false;    // https

    // [http[s]://]host[:port][/prefix]. Error "bad_url" for anything else (a user, a query, ...); it states the rule
    // and reveals no secret.
    static Result<BaseUrl> parse(std::string_view text);
    std::string to_string() const;
};

struct ClientRequest {
    std::string method = "GET";
    std::string target{};           // path and query, percent-encoded; appended to the client's URL
    std::vector<Header> headers{};  // other than Host, Connection and Content-Length, which the client writes itself
    std::string body{};             // sent as application/json unless headers has a Content-Type
};

struct ClientResponse {
    int status = 0;
    std::vector<Header> headers;  // names in lower case
    std::string body;
    milliseconds retry_after{0};  // from Retry-After, in seconds or as a date; 0 if there is none

    // The first header with that name (given in lower case); null when there is none.
    const std::string* header(std::string_view name) const;
};

// The codes of Client::send's errors.
//
// Nothing of the request reached the server: repeating it is harmless. Disposition::retry.
inline constexpr std::string_view client_unreachable = "unreachable";
// The request was sent, partly or completely, and no proper answer came: it may have been executed. Disposition::retry,
// but only for requests that carry an idempotency key or change nothing.
inline constexpr std::string_view client_outcome_unknown = "outcome_unknown";
// The method, target or a header cannot be expressed in HTTP. Disposition::refuse.
inline constexpr std::string_view client_bad_request = "bad_request";

inline bool may_have_been_executed(const Error& error) { return error.code == client_outcome_unknown; }

// Percent-encodes everything except the unreserved characters of RFC 3986, for one path segment or query value.
std::string percent_encode(std::string_view text);

struct ClientConfig {
    std::size_t response_bytes_max = 64 * 1024 * 1024;  // of one body; a longer one is an error
    bool cuts_long_responses = false;                   // instead: only their beginning is kept
    int redirects_max = 0;                              // followed; the answer to one more is an error
    milliseconds connect_max{600'000};                  // at most the timeout of the call
    std::string ca_file{};                              // certificates to trust in place of all others, in PEM
    std::string certificate_file{}, key_file{};         // shown to a server that asks for one, in PEM
};

// Not thread-safe: one thread at a time, except give_up_at().
class Client {
public:
    static constexpr std::size_t head_bytes_max = 64 * 1024;  // of one answer, with interim answers and trailers

    explicit Client(const BaseUrl& base, ClientConfig config = {}) : Client(base.to_string(), std::move(config)) {}
    // url: http:// or https://, possibly with a user, a password and a query, which error messages do not show.
    explicit Client(const std::string& url, ClientConfig config = {});
    ~Client();
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;

    // Sends one request and reads its answer, whatever its status. timeout bounds the whole call, including the lookup
    // of the host's name. Messages of errors name the URL and the reason.
    Result<ClientResponse> send(const ClientRequest& request, milliseconds timeout);

    // The process wants to end: gives up the current request, and all later ones, at that time or within a second after
    // it. From any thread.
    void give_up_at(SteadyTime end);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace ledgerline::http
