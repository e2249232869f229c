#include "lab/answering_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "base/result.h"
#include "lab/sockets.h"

namespace ledgerline::test {
namespace {

constexpr std::size_t kRequestBytesMax = 64 * 1024;  // received at once

}  // namespace

std::string http_answer(std::string_view status, std::string_view body, std::string_view more_headers) {
    return "HTTP/1.1 " + std::string(status) + "\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\nConnection: close\r\n" + std::string(more_headers) + "\r\n" + std::string(body);
}

bool send_all(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

std::string receive_some(int socket) {
    std::string bytes(kRequestBytesMax, '\0');
    const ssize_t size = ::recv(socket, bytes.data(), bytes.size(), 0);
    bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return bytes;
}

AnsweringServer::AnsweringServer(Work work)
    : work_(std::move(work)), socket_(bound_socket(0)), port_(port_of(socket_)) {
    LEDGERLINE_ASSERT(::listen(socket_, SOMAXCONN) == 0);
    thread_ = std::thread([this] { run(); });
}

AnsweringServer::~AnsweringServer() {
    end();
    for (const int peer : held_) ::close(peer);
    ::close(socket_);
}

AnsweringServer::Work AnsweringServer::always(std::string answer) {
    return [answer = std::move(answer)](int socket, const std::string&) { send_all(socket, answer); };
}

AnsweringServer::Work AnsweringServer::silence() {
    return [](int, const std::string&) {};
}

bool AnsweringServer::wait_connections(int count, milliseconds at_most) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, at_most, [&] { return connections_ >= count; });
}

void AnsweringServer::end() {
    ending_ = true;
    ::shutdown(socket_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
}

void AnsweringServer::run() {
    while (true) {
        const int peer = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
        if (peer < 0) return;
        if (ending_) {
            ::close(peer);
            return;
        }
        {
            const std::lock_guard lock(mutex_);
            ++connections_;
            changed_.notify_all();
        }
        if (hold_) {
            held_.push_back(peer);
            continue;
        }
        const std::string request = receive_some(peer);
        if (!request.empty()) work_(peer, request);
        // Unread parts of the request would reset the connection, and discard the answer.
        ::shutdown(peer, SHUT_WR);
        const timeval patience_for_the_rest{1, 0};
        setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience_for_the_rest, sizeof patience_for_the_rest);
        while (!receive_some(peer).empty()) {
        }
        ::close(peer);
    }
}

}  // namespace ledgerline::test
