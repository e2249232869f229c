#include "lab/tcp_proxy.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <deque>
#include <utility>

#include "base/result.h"
#include "lab/sockets.h"

namespace ledgerline::test {
namespace {

constexpr int kTickMs = 10;  // how soon a thread sees that something has changed
constexpr std::size_t kBufferBytes = 64 * 1024;

template <class Address>
int connected(int family, const Address& address) {
    const int descriptor = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return descriptor;
    close(descriptor);
    return -1;
}

bool send_all(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

}  // namespace

// One client's, and what is on its way to it.
class TcpProxy::Connection {
public:
    Connection(TcpProxy& proxy, int client)
        : proxy_(proxy), client_(client), server_(proxy.connect_()), filter_(proxy.make_filter_()) {}
    ~Connection() {
        close(client_);
        if (server_ >= 0) close(server_);
    }

    void run() {
        const int generation = proxy_.cut_generation_;
        while (server_ >= 0 && !proxy_.stopping_ && proxy_.cut_generation_ == generation) {
            if (!deliver()) return;
            pollfd ready[] = {{client_, POLLIN, 0}, {server_, POLLIN, 0}};
            if (poll(ready, 2, kTickMs) <= 0) continue;
            if (proxy_.swallowing_) {
                poll(nullptr, 0, kTickMs);
                continue;
            }
            for (const pollfd& from : ready)
                if (from.revents != 0 && !pass(from.fd)) return;
        }
    }

private:
    bool pass(int from) {
        const ssize_t bytes = recv(from, buffer_.data(), buffer_.size(), 0);
        if (bytes <= 0) return false;
        const std::string_view text(buffer_.data(), static_cast<std::size_t>(bytes));
        if (from == client_) {
            const Passed passed = filter_->from_client(text);
            return send_all(server_, passed.bytes) && !passed.close;
        }
        Passed passed = filter_->from_server(text);
        const bool close = passed.close;
        answers_.emplace_back(std::chrono::steady_clock::now() + proxy_.delay_.load(), std::move(passed.bytes));
        return deliver() && !close;
    }
    // What is due of the answers.
    bool deliver() {
        for (; !answers_.empty() && answers_.front().first <= std::chrono::steady_clock::now(); answers_.pop_front())
            if (!send_all(client_, answers_.front().second)) return false;
        return true;
    }

    TcpProxy& proxy_;
    const int client_, server_;
    const std::unique_ptr<Filter> filter_;
    std::deque<std::pair<SteadyTime, std::string>> answers_;
    std::array<char, kBufferBytes> buffer_{};
};

TcpProxy::TcpProxy(Connect connect, MakeFilter make_filter)
    : connect_(std::move(connect)), make_filter_(std::move(make_filter)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    LEDGERLINE_ASSERT(bind(listener_, reinterpret_cast<sockaddr*>(&address), length) == 0);
    LEDGERLINE_ASSERT(listen(listener_, SOMAXCONN) == 0);
    LEDGERLINE_ASSERT(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::jthread([this] { accept_all(); });
}

TcpProxy::~TcpProxy() {
    stopping_ = true;
    acceptor_.join();
    connections_.clear();
    close(listener_);
}

TcpProxy::Connect TcpProxy::to_port(std::uint16_t port) {
    return [port] { return connected(AF_INET, loopback(port)); };
}

TcpProxy::Connect TcpProxy::to_socket(const std::string& path) {
    return [path] {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        return connected(AF_UNIX, address);
    };
}

void TcpProxy::accept_all() {
    while (!stopping_) {
        pollfd ready{listener_, POLLIN, 0};
        if (poll(&ready, 1, kTickMs) <= 0) continue;
        const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (client >= 0) connections_.emplace_back([this, client] { Connection(*this, client).run(); });
    }
}

}  // namespace ledgerline::test
