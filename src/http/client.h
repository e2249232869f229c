// Client: a small blocking HTTP/1.1 client, for the command line and for tests.
//
// It keeps one connection alive between calls and never retries a request by itself. One exception: if the server has
// closed the kept connection and nothing of the request was sent on it, the client opens a new one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "http/message.h"

namespace ledgerline::http {

struct BaseUrl {
    std::string host;  // a name or an address; an IPv6 address is given without brackets
    std::uint16_t port = 80;
    std::string prefix;  // "", or a path that begins with a slash and does not end with one

    // [http://]host[:port][/prefix]. Error "bad_url" for anything else (https, a user, a query, ...); it states the
    // rule and reveals no secret.
    static Result<BaseUrl> parse(std::string_view text);
    std::string to_string() const;
};

struct ClientRequest {
    std::string method = "GET";
    std::string target;           // path and query, percent-encoded, begins with "/"; the prefix is prepended
    std::vector<Header> headers;  // other than Host, Connection and Content-Length, which the client writes itself
    std::string body;             // sent as application/json unless headers has a Content-Type
};

struct ClientResponse {
    int status = 0;
    std::vector<Header> headers;  // names in lower case
    std::string body;

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

// Not thread-safe: one thread at a time.
class Client {
public:
    static constexpr std::size_t response_bytes_max = 64 * 1024 * 1024;  // of one body

    explicit Client(BaseUrl base);
    ~Client();
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;

    // Sends one request and reads its answer, whatever its status. timeout bounds the whole call, including the lookup
    // of the host's name.
    Result<ClientResponse> send(const ClientRequest& request, milliseconds timeout);

    // Closes the connection; the next call opens a new one.
    void close();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace ledgerline::http
