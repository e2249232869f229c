// For tests: a server on a free port that answers every request with what the test supplies, valid HTTP or not.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"

namespace ledgerline::cli {

inline std::string http_answer(std::string_view status, std::string_view body, std::string_view more_headers = "") {
    return "HTTP/1.1 " + std::string(status) + "\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\nConnection: close\r\n" + std::string(more_headers) + "\r\n" + std::string(body);
}

// Sends all of it, as long as the client reads.
inline bool send_all(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

class AnsweringServer {
public:
    // Receives what has arrived of the request, and writes the answer. One request at a time.
    using Work = std::function<void(int socket, const std::string& request)>;

    explicit AnsweringServer(Work work)
        : work_(std::move(work)), socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(::listen(socket_, 64), 0);
        getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { run(); });
    }
    // The same answer to all requests.
    static Work always(std::string answer) {
        return [answer = std::move(answer)](int socket, const std::string&) { send_all(socket, answer); };
    }
    // Accepts requests and never answers.
    static Work silence() {
        return [](int, const std::string&) {};
    }
    ~AnsweringServer() {
        ending_ = true;
        ::shutdown(socket_, SHUT_RDWR);
        thread_.join();
        for (const int peer : silent_) ::close(peer);
        ::close(socket_);
    }

    std::uint16_t port() const { return port_; }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    // Keeps connections open after the work, for clients that wait in vain.
    void hold_connections() { hold_ = true; }
    // Waits until that many connections have arrived. False when at_most passes first.
    bool wait_connections(int count, milliseconds at_most = milliseconds(60'000)) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, at_most, [&] { return connections_ >= count; });
    }

private:
    void run() {
        while (true) {
            const int peer = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
            if (peer < 0 || ending_) return;
            {
                const std::lock_guard lock(mutex_);
                ++connections_;
                changed_.notify_all();
            }
            if (hold_) {
                silent_.push_back(peer);
                continue;
            }
            std::string request(64 * 1024, '\0');
            const ssize_t size = ::recv(peer, request.data(), request.size(), 0);
            request.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
            if (size > 0) work_(peer, request);
            // Unread parts of the request would reset the connection, and discard the answer.
            ::shutdown(peer, SHUT_WR);
            const timeval patience{1, 0};
            setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
            char rest[4096];
            while (::recv(peer, rest, sizeof rest, 0) > 0) {
            }
            ::close(peer);
        }
    }

    const Work work_;
    const int socket_;
    std::uint16_t port_ = 0;
    std::atomic<bool> ending_ = false;
    std::atomic<bool> hold_ = false;
    std::mutex mutex_;
    std::condition_variable changed_;
    int connections_ = 0;
    std::vector<int> silent_;
    std::thread thread_;
};

}  // namespace ledgerline::cli
