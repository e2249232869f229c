#include "lab/webhook_receiver.h"

#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "base/result.h"
#include "base/text.h"
#include "lab/answering_server.h"
#include "lab/sockets.h"

namespace ledgerline::test {
namespace {

std::string decoded(std::string_view base64) {
    std::string bytes(base64.size(), '\0');
    std::size_t length = 0;
    if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), base64.data(), base64.size(),
                          nullptr, &length, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0)
        return "";
    bytes.resize(length);
    return bytes;
}

// Also on a port whose connections have just ended.
int listening_socket(std::uint16_t port) {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    const sockaddr_in address = loopback(port);
    LEDGERLINE_ASSERT(::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0);
    LEDGERLINE_ASSERT(::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    LEDGERLINE_ASSERT(::listen(descriptor, SOMAXCONN) == 0);
    return descriptor;
}

// Reads until text ends with what is wanted, or has that many bytes. False when the connection ended first.
bool receive(int peer, std::string& text, const std::function<bool()>& is_complete) {
    while (!is_complete()) {
        const std::string more = receive_some(peer);
        if (more.empty()) return false;
        text += more;
    }
    return true;
}

}  // namespace

std::string WebhookMessage::member(std::string_view name) const {
    const json::Value document = json();
    const json::Value* value = document.find(name);
    return value && value->if_string() ? *value->if_string() : "";
}

bool is_signed(const WebhookMessage& message, const std::string& secret) {
    const std::string key = decoded(std::string_view(secret).substr(6));
    const std::string text = message.id() + '.' + message.headers.at("webhook-timestamp") + '.' + message.body;
    std::string signatures = message.headers.at("webhook-signature");
    while (!signatures.empty()) {
        const std::string each = signatures.substr(0, signatures.find(' '));
        signatures.erase(0, std::min(signatures.size(), each.size() + 1));
        const std::string mac = each.starts_with("v1,") ? decoded(each.substr(3)) : "";
        if (mac.size() != crypto_auth_hmacsha256_BYTES) continue;
        crypto_auth_hmacsha256_state state;
        crypto_auth_hmacsha256_init(&state, reinterpret_cast<const unsigned char*>(key.data()), key.size());
        crypto_auth_hmacsha256_update(&state, reinterpret_cast<const unsigned char*>(text.data()), text.size());
        std::array<unsigned char, crypto_auth_hmacsha256_BYTES> wanted{};
        crypto_auth_hmacsha256_final(&state, wanted.data());
        if (sodium_memcmp(wanted.data(), mac.data(), wanted.size()) == 0) return true;
    }
    return false;
}

WebhookReceiver::WebhookReceiver(Decide decide, std::uint16_t port)
    : decide_(std::move(decide)), socket_(listening_socket(port)), port_(port_of(socket_)) {
    acceptor_ = std::thread([this] { accept(); });
}

WebhookReceiver::~WebhookReceiver() {
    ::shutdown(socket_, SHUT_RDWR);
    acceptor_.join();
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
        for (const int peer : peers_) ::shutdown(peer, SHUT_RDWR);
    }
    for (std::thread& each : threads_) each.join();
    for (const int peer : peers_) ::close(peer);
    ::close(socket_);
}

std::string WebhookReceiver::url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
}

std::vector<WebhookMessage> WebhookReceiver::taken() const {
    const std::lock_guard lock(mutex_);
    return taken_;
}

std::size_t WebhookReceiver::taken_count() const {
    const std::lock_guard lock(mutex_);
    return taken_.size();
}

void WebhookReceiver::accept() {
    while (true) {
        const int peer = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
        if (peer < 0) return;
        const std::lock_guard lock(mutex_);
        peers_.push_back(peer);
        threads_.emplace_back([this, peer] {
            serve(peer);
            ::shutdown(peer, SHUT_RDWR);
        });
    }
}

void WebhookReceiver::serve(int peer) {
    std::string text;
    while (true) {
        std::size_t end = 0;
        if (!receive(peer, text, [&] { return (end = text.find("\r\n\r\n")) != std::string::npos; })) return;
        WebhookMessage message;
        const std::string head = text.substr(0, end);
        message.path = head.substr(head.find(' ') + 1, head.find(" HTTP") - head.find(' ') - 1);
        for (std::size_t line = head.find("\r\n"); line != std::string::npos;) {
            const std::size_t next = head.find("\r\n", line + 2);
            const std::string field = head.substr(line + 2, next - line - 2);
            message.headers[lower(field.substr(0, field.find(':')))] = trimmed(field.substr(field.find(':') + 1));
            line = next;
        }
        const auto stated = message.headers.find("content-length");  // a GET, as after a redirect, has none
        const std::size_t length = stated == message.headers.end() ? 0 : std::stoul(stated->second);
        if (!receive(peer, text, [&] { return text.size() >= end + 4 + length; })) return;
        message.body = text.substr(end + 4, length);
        text.erase(0, end + 4 + length);
        if (!answer(peer, std::move(message))) return;
    }
}

bool WebhookReceiver::answer(int peer, WebhookMessage message) {
    ++arrived_;
    const int status = decide_ ? decide_(message) : 204;
    if (status == no_answer) return false;
    if (status == silence) {
        receive_some(peer);
        return false;
    }
    if (status >= 200 && status < 300) {
        const std::lock_guard lock(mutex_);
        taken_.push_back(std::move(message));
    }
    const std::string size = status == 204 ? "" : "Content-Length: " + std::to_string(body_.size()) + "\r\n";
    const bool sent = send_all(peer, "HTTP/1.1 " + std::to_string(status) + " X\r\n" + size + headers_ + "\r\n" +
                                         (status == 204 ? "" : body_));
    if (sent) ++answered_;
    return sent;
}

}  // namespace ledgerline::test
