// TamperingProxy: stands before PostgreSQL on a port of the loopback address and puts other messages in the place of
// the server's: what poolers, proxies and broken servers send.
//
// Thread-safe. Sessions through it must not ask for TLS: url() sees to it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

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
    TamperingProxy(const TamperingProxy&) = delete;
    ~TamperingProxy();

    // The same database through the proxy.
    std::string url() const;
    std::uint16_t port() const { return port_; }
    // From the next message on.
    void tamper(Tamper tamper);

private:
    void accept_all();
    void serve(int client);
    bool pass_message(int client, std::size_t number, const std::string& message, bool& silent);

    const std::string database_url_;
    std::string socket_path_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::mutex mutex_;
    Tamper tamper_;
    std::atomic<bool> stopping_ = false;
    std::list<std::jthread> connections_;  // of the accepting thread
    std::jthread acceptor_;
};

}  // namespace ledgerline::test
