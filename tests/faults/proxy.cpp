#include "faults/proxy.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ledgerline::test {
namespace {

constexpr int kTickMs = 10;
constexpr std::size_t kBufferBytes = 64 * 1024;
// The statement as its text stands in a Parse message and as its name stands in a Bind message.
constexpr std::string_view kMarks[] = {std::string_view("\0COMMIT\0", 8), std::string_view("\0commit\0", 8)};
constexpr std::size_t kMarkBytes = 8;

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

bool send_all(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

// Finds a commit in what a client sends, also where two reads meet.
class CommitFinder {
public:
    bool find(std::string_view bytes) {
        tail_ += bytes;
        const bool found = std::any_of(std::begin(kMarks), std::end(kMarks),
                                       [this](std::string_view mark) { return tail_.contains(mark); });
        tail_.erase(0, found ? tail_.size() : tail_.size() - std::min(tail_.size(), kMarkBytes - 1));
        return found;
    }

private:
    std::string tail_;
};

struct Socket {
    int descriptor;
    ~Socket() { close(descriptor); }
};

}  // namespace

Proxy::Proxy(std::uint16_t target_port) : target_port_(target_port) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    LEDGERLINE_ASSERT(bind(listener_, reinterpret_cast<sockaddr*>(&address), length) == 0);
    LEDGERLINE_ASSERT(listen(listener_, SOMAXCONN) == 0);
    LEDGERLINE_ASSERT(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::jthread([this] { accept_all(); });
}

Proxy::~Proxy() {
    stopping_ = true;
    acceptor_.join();
    connections_.clear();
    close(listener_);
}

void Proxy::accept_all() {
    while (!stopping_) {
        pollfd ready{listener_, POLLIN, 0};
        if (poll(&ready, 1, kTickMs) <= 0) continue;
        const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (client >= 0) connections_.emplace_back([this, client] { pass(client); });
    }
}

void Proxy::pass(int client_descriptor) {
    const Socket client{client_descriptor};
    const Socket server{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const sockaddr_in address = loopback(target_port_);
    if (connect(server.descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return;

    const int generation = cut_generation_;
    CommitFinder commits;
    bool cutting = false;  // a commit was passed on whose answer is for nobody
    std::array<char, kBufferBytes> buffer;
    while (!stopping_ && cut_generation_ == generation) {
        pollfd ready[] = {{client.descriptor, POLLIN, 0}, {server.descriptor, POLLIN, 0}};
        if (poll(ready, 2, kTickMs) <= 0) continue;
        if (swallowing_) {
            poll(nullptr, 0, kTickMs);
            continue;
        }
        for (const pollfd& from : ready) {
            if (from.revents == 0) continue;
            const bool from_client = from.fd == client.descriptor;
            const ssize_t bytes = recv(from.fd, buffer.data(), buffer.size(), 0);
            if (bytes <= 0) return;
            const std::string_view text(buffer.data(), static_cast<std::size_t>(bytes));
            if (!from_client && cutting) {
                ++commits_cut_;
                return;
            }
            if (from_client && cuts_left_ > 0 && commits.find(text)) {
                // Whoever takes the last cut has it for himself.
                cutting = cuts_left_.fetch_sub(1) > 0;
            }
            if (!send_all(from_client ? server.descriptor : client.descriptor, text)) return;
        }
    }
}

}  // namespace ledgerline::test
