// TamperingProxy: stands before PostgreSQL on a port of the loopback address and puts other messages in the place of
// the server's: what poolers, proxies and broken servers send.
//
// Thread-safe. Sessions through it must not ask for TLS: url() sees to it.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lab/tcp_proxy.h"

namespace ledgerline::test {

// One message of PostgreSQL's protocol, version 3: its type, its length, its body.
std::string pg_message(char type, const std::string& body);
// An ErrorResponse ('E') or NoticeResponse ('N') with these fields only.
std::string pg_fields(char type, const std::vector<std::pair<char, std::string>>& fields);

class TamperingProxy {
public:
    struct Answer {
        enum class After { go_on, be_silent, close };
        std::string bytes;  // sent in the place of the message
        After after = After::go_on;
    };
    // What is sent in the place of the server's next message; number counts the messages of its connection from 0.
    // Nothing: the message itself. Called on threads of the proxy, one call at a time.
    using Tamper = std::function<std::optional<Answer>(std::size_t number, char type, const std::string& body)>;

    // database_url: of a server on a Unix socket, as TestDatabase::url() gives it.
    explicit TamperingProxy(std::string database_url);

    // The same database through the proxy.
    std::string url() const;
    std::uint16_t port() const { return proxy_.port(); }
    // From the next message on.
    void tamper(Tamper tamper);

private:
    class Tampered;

    const std::string database_url_;
    std::mutex mutex_;
    Tamper tamper_;
    TcpProxy proxy_;  // last: its threads use the others
};

}  // namespace ledgerline::test
