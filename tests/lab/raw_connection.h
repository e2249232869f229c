// RawConnection: a connection to 127.0.0.1 on which a test sends any bytes, valid HTTP or not.
//
//     RawConnection connection(port);
//     connection.send("GET / HTTP/1.1\r\n\r\n");
//     EXPECT_EQ(connection.receive()->status, 400);
//     EXPECT_TRUE(connection.closed());
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "http/message.h"
#include "lab/eventually.h"
#include "lab/sockets.h"

namespace ledgerline::test {

struct RawResponse {
    int status = 0;
    std::vector<http::Header> headers;
    std::string body;

    std::string header(std::string_view name) const {
        for (const auto& [key, value] : headers)
            if (key == name) return value;
        return "";
    }
    std::string code() const {
        const auto value = json::parse(body);
        const json::Value* code = value ? value->find("code") : nullptr;
        return code && code->if_string() ? *code->if_string() : "";
    }
};

// One connection to 127.0.0.1 that sends arbitrary bytes.
class RawConnection {
public:
    // from: the source address. receive_bytes: how much the kernel may buffer for us; 0: its default.
    explicit RawConnection(std::uint16_t port, const char* from = nullptr, int receive_bytes = 0)
        : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        if (from) bind_to(from);
        if (receive_bytes > 0) setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
        const sockaddr_in address = loopback(port);
        connected_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        const int on = 1;
        setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    RawConnection(RawConnection&& other) noexcept
        : socket_(std::exchange(other.socket_, -1)), connected_(other.connected_), read_(std::move(other.read_)) {}
    RawConnection& operator=(RawConnection&& other) noexcept {
        std::swap(socket_, other.socket_);
        std::swap(connected_, other.connected_);
        std::swap(read_, other.read_);
        return *this;
    }
    ~RawConnection() {
        if (socket_ >= 0) ::close(socket_);
    }

    bool connected() const { return connected_; }
    int socket() const { return socket_; }

    // False when the server has closed the connection.
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    void send_byte_by_byte(std::string_view bytes) {
        for (const char& byte : bytes)
            if (!send({&byte, 1})) return;
    }
    void shutdown_send() { ::shutdown(socket_, SHUT_WR); }

    // The next answer, interim ones included. Nothing when the connection ends instead.
    std::optional<RawResponse> receive(bool head_only = false) {
        std::size_t end = 0;
        while ((end = read_.find("\r\n\r\n")) == std::string::npos)
            if (!read_more()) return std::nullopt;
        RawResponse response = parsed_head(read_.substr(0, end + 2));
        read_.erase(0, end + 4);
        const std::string length = response.header("content-length");
        const std::size_t size = head_only || length.empty() ? 0 : std::stoul(length);
        while (read_.size() < size)
            if (!read_more()) return std::nullopt;
        response.body = read_.substr(0, size);
        read_.erase(0, size);
        return response;
    }

    // Everything that comes until the server closes the connection; nothing if it does not close it.
    std::optional<std::string> receive_all() {
        while (read_more()) continue;
        if (timed_out_) return std::nullopt;
        return std::exchange(read_, "");
    }

    // What comes up to the mark, and the mark. Nothing when the connection ends before.
    std::optional<std::string> receive_until(std::string_view mark) {
        std::size_t at = 0;
        while ((at = read_.find(mark)) == std::string::npos)
            if (!read_more()) return std::nullopt;
        std::string text = read_.substr(0, at + mark.size());
        read_.erase(0, at + mark.size());
        return text;
    }

    // Whether the server closes the connection without sending anything more.
    bool closed() { return read_.empty() && !read_more() && !timed_out_; }

private:
    void bind_to(const char* from) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        inet_pton(AF_INET, from, &address.sin_addr);
        ASSERT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }

    bool read_more() {
        pollfd entry{socket_, POLLIN, 0};
        timed_out_ = poll(&entry, 1, static_cast<int>(patience.count())) <= 0;
        if (timed_out_) return false;
        char block[16 * 1024];
        const ssize_t size = ::recv(socket_, block, sizeof block, 0);
        if (size <= 0) return false;
        read_.append(block, static_cast<std::size_t>(size));
        return true;
    }

    static RawResponse parsed_head(std::string_view text) {
        RawResponse response;
        response.status = std::stoi(std::string(text.substr(9, 3)));
        text.remove_prefix(text.find("\r\n") + 2);
        while (!text.empty()) {
            const std::string_view line = text.substr(0, text.find("\r\n"));
            text.remove_prefix(line.size() + 2);
            const auto colon = line.find(':');
            response.headers.emplace_back(lower(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
        }
        return response;
    }

    int socket_;
    bool connected_ = false;
    bool timed_out_ = false;
    std::string read_;
};

}  // namespace ledgerline::test
