#include "support/tampering_proxy.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "base/result.h"

namespace ledgerline::test {
namespace {

constexpr int kPollMs = 20;  // how soon a thread sees that the proxy ends
constexpr std::size_t kHeaderBytes = 5;

std::uint32_t length_at(const std::string& bytes) {
    std::uint32_t length = 0;
    std::memcpy(&length, bytes.data() + 1, sizeof length);
    return ntohl(length);
}

bool send_all(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

// Appends what has arrived; false at the end of the stream.
bool receive(int socket, std::string& bytes) {
    std::array<char, 64 * 1024> buffer{};
    const ssize_t count = recv(socket, buffer.data(), buffer.size(), 0);
    if (count <= 0) return false;
    bytes.append(buffer.data(), static_cast<std::size_t>(count));
    return true;
}

// The value of a parameter of a URL, which holds nothing that is encoded but slashes.
std::string parameter(const std::string& url, const std::string& name) {
    const auto begin = url.find(name + "=") + name.size() + 1;
    std::string value = url.substr(begin, url.find('&', begin) - begin);
    for (auto at = value.find("%2F"); at != std::string::npos; at = value.find("%2F")) value.replace(at, 3, "/");
    return value;
}

}  // namespace

std::string pg_message(char type, const std::string& body) {
    const std::uint32_t length = htonl(static_cast<std::uint32_t>(body.size() + sizeof length));
    std::string message(1, type);
    message.append(reinterpret_cast<const char*>(&length), sizeof length);
    return message + body;
}

std::string pg_fields(char type, const std::vector<std::pair<char, std::string>>& fields) {
    std::string body;
    for (const auto& [code, value] : fields) {
        body.push_back(code);
        body += value;
        body.push_back('\0');
    }
    body.push_back('\0');
    return pg_message(type, body);
}

TamperingProxy::TamperingProxy(std::string database_url) : database_url_(std::move(database_url)) {
    const std::string port = database_url_.contains("port=") ? parameter(database_url_, "port") : "5432";
    socket_path_ = parameter(database_url_, "host") + "/.s.PGSQL." + port;
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    LEDGERLINE_ASSERT(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    LEDGERLINE_ASSERT(listen(listener_, SOMAXCONN) == 0);
    LEDGERLINE_ASSERT(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::jthread([this] { accept_all(); });
}

TamperingProxy::~TamperingProxy() {
    stopping_ = true;
    acceptor_.join();
    connections_.clear();
    close(listener_);
}

std::string TamperingProxy::url() const {
    return database_url_.substr(0, database_url_.find('?')) + "?host=127.0.0.1&port=" + std::to_string(port_) +
           "&sslmode=disable&gssencmode=disable";
}

void TamperingProxy::tamper(Tamper tamper) {
    std::lock_guard lock(mutex_);
    tamper_ = std::move(tamper);
}

void TamperingProxy::accept_all() {
    while (!stopping_) {
        pollfd ready{listener_, POLLIN, 0};
        if (poll(&ready, 1, kPollMs) <= 0) continue;
        const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (client >= 0) connections_.emplace_back([this, client] { serve(client); });
    }
}

void TamperingProxy::serve(int client) {
    const int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_path_.copy(address.sun_path, sizeof address.sun_path - 1);
    bool open = connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    bool silent = false;
    std::string from_client, from_server;
    std::size_t number = 0;
    while (open && !stopping_) {
        std::array<pollfd, 2> ready{pollfd{client, POLLIN, 0}, pollfd{server, POLLIN, 0}};
        if (poll(ready.data(), ready.size(), kPollMs) <= 0) continue;
        if (ready[0].revents != 0) {
            from_client.clear();
            open = receive(client, from_client) && send_all(server, from_client);
        }
        if (open && ready[1].revents != 0) open = receive(server, from_server);
        while (open && from_server.size() >= kHeaderBytes && from_server.size() > length_at(from_server)) {
            const std::string message = from_server.substr(0, length_at(from_server) + 1);
            from_server.erase(0, message.size());
            open = pass_message(client, number++, message, silent);
        }
    }
    close(server);
    close(client);
}

bool TamperingProxy::pass_message(int client, std::size_t number, const std::string& message, bool& silent) {
    if (silent) return true;
    std::optional<Answer> answer;
    {
        std::lock_guard lock(mutex_);
        if (tamper_) answer = tamper_(number, message[0], message.substr(kHeaderBytes));
    }
    if (!answer) return send_all(client, message);
    const bool sent = send_all(client, answer->bytes);
    silent = answer->after == Answer::After::be_silent;
    return sent && answer->after != Answer::After::close;
}

}  // namespace ledgerline::test
