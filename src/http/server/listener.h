// Listener: the HTTP/1.1 edge. Accepts connections, reads and screens requests, runs the router's handlers, answers.
//
// It trusts nobody: a request whose framing could be read in two ways is answered with 400 and the connection closed,
// and everything that a client can make us hold is limited below. Beyond a limit the answer is early and cheap.
//
// What connections hold is counted as it arrives, by the memory it takes. The slowest goes first: when there is no room
// for a connection, the idle and unfinished ones of the most crowded address (connections.h); when there is no room for
// bytes, the request or answer that has been still the longest.
//
// The requests of one connection are answered one after another, in order. Requests pipelined in the meantime wait in
// the kernel; at most one block of 16 KiB is read ahead.
//
// A body is refused if its call accepts none (400 unexpected_body), unless it is empty. Before a refusal, a body of
// known length up to 64 KiB is read and dropped, so that the connection can be kept; otherwise it is closed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "base/result.h"
#include "http/router.h"
#include "http/server/browsers.h"
#include "http/server/listen_sockets.h"
#include "http/server/logins.h"
#include "http/server/network.h"
#include "http/server/pace.h"
#include "http/server/tls.h"
#include "observe/process_context.h"

namespace ledgerline::http {

struct ListenerConfig {
    std::string host = "127.0.0.1";  // as in ListenSockets::bind()
    std::uint16_t port = 8080;       // 0: any free port, returned by port()
    unsigned threads = 2;
    std::size_t connections_max = 4096;
    std::size_t header_bytes_max = 16 * 1024;  // request line and headers: 431 beyond
    std::size_t headers_max = 100;
    std::size_t connections_per_address = 0;  // 0: half of connections_max
    std::vector<Network> trusted_proxies;     // exempt from it: many clients share one of their addresses
    std::size_t connections_per_key = 0;      // by which the last request came; 0: half of connections_max
    std::size_t request_bytes_max = limits::requests_under_way_bytes_max;  // all together: 503 beyond
    std::size_t answer_bytes_max = limits::answers_under_way_bytes_max;    // all together: 503 beyond
    milliseconds request_timeout{30'000};  // from a request's first byte to its last: 408 beyond
    Pace request_pace{5 * limits::kibibyte, milliseconds(5'000)};   // a request that comes more slowly: 408
    std::shared_ptr<const TlsContext> tls;                          // null: plain
    milliseconds handshake_timeout{10'000};                         // of TLS
    milliseconds idle_timeout{75'000};                              // between requests; sent as Keep-Alive
    milliseconds write_timeout{120'000};                            // for one answer
    Pace answer_pace{64 * limits::kibibyte, milliseconds(10'000)};  // an answer that is read more slowly is aborted
    std::vector<std::string> api_keys;                              // those of a file
    KeyPolicy key_policy;                                           // without keys: whether everybody may call
    Browsers::Hosts allowed_hosts;                                  // of requests; nothing: any
    std::vector<std::string> cors_origins;                          // whose pages may call
    bool log_payments = false;                                      // those that succeed, too
};

class Listener {
public:
    // Connections served beyond connections_max at the same time, one request each, on their own thread: probes are
    // answered, other requests get 503. Further connections are closed without an answer.
    static constexpr std::size_t spare_connections_max = 64;
    // Open beyond connections_max at the same time: the spare ones, and those being evicted.
    static constexpr std::size_t connections_beyond_max = 2 * spare_connections_max;

    // All references must outlive it. The router must not change after start(). shared: another listener, whose keys
    // and certificate this one uses in place of those of its configuration; it must outlive this one, too.
    Listener(ListenerConfig config, const Router& router, const ProcessContext& context, Listener* shared = nullptr);
    ~Listener();

    // Binds the addresses of the configuration, or uses those already bound, so that one in use is known before
    // anything slow begins. Connections are refused until start(). Optional. Errors as in ListenSockets::bind().
    Result<void> bind();
    void bind(ListenSockets sockets);
    // Listens; from then on requests are answered. Must be called once. Errors as in bind().
    Result<void> start();
    // Who may call: the keys can be replaced at any time.
    ApiKeys& keys();
    // Connections made from now on use it; until then they are plain. Must not be null. Thread-safe.
    void set_tls(std::shared_ptr<const TlsContext> tls);
    // The sessions of browsers, for the calls that begin and end them.
    const Logins& logins() const;
    // 0 before bind().
    std::uint16_t port() const;

    // Stops accepting, lets current requests end until grace has passed, then closes everything: handlers that wait on
    // an Asio operation then see operation_aborted. Repeatable.
    //
    // A handler that even then does not end is left suspended until the listener is destroyed. Posting to its executor
    // stays allowed until then, so what resumes handlers is stopped after stop() and before the destructor.
    void stop(milliseconds grace);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace ledgerline::http
