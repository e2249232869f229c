#include "lab/tampering_proxy.h"

#include <arpa/inet.h>

#include <cstring>
#include <memory>
#include <string_view>

namespace ledgerline::test {
namespace {

constexpr std::size_t kHeaderBytes = 5;

std::uint32_t length_at(const std::string& bytes) {
    std::uint32_t length = 0;
    std::memcpy(&length, bytes.data() + 1, sizeof length);
    return ntohl(length);
}

// The value of a parameter of a URL, which holds nothing that is encoded but slashes.
std::string parameter(const std::string& url, const std::string& name) {
    const auto begin = url.find(name + "=") + name.size() + 1;
    std::string value = url.substr(begin, url.find('&', begin) - begin);
    for (auto at = value.find("%2F"); at != std::string::npos; at = value.find("%2F")) value.replace(at, 3, "/");
    return value;
}

std::string socket_path(const std::string& url) {
    return parameter(url, "host") + "/.s.PGSQL." + (url.contains("port=") ? parameter(url, "port") : "5432");
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

// The server's messages, one by one.
class TamperingProxy::Tampered final : public TcpProxy::Filter {
public:
    explicit Tampered(TamperingProxy& proxy) : proxy_(proxy) {}

    TcpProxy::Passed from_server(std::string_view bytes) override {
        received_ += bytes;
        TcpProxy::Passed passed;
        while (!passed.close && received_.size() >= kHeaderBytes && received_.size() > length_at(received_)) {
            const std::string message = received_.substr(0, length_at(received_) + 1);
            received_.erase(0, message.size());
            pass(message, passed);
        }
        return passed;
    }

private:
    void pass(const std::string& message, TcpProxy::Passed& passed) {
        const std::size_t number = number_++;
        if (silent_) return;
        std::optional<Answer> answer;
        {
            const std::lock_guard lock(proxy_.mutex_);
            if (proxy_.tamper_) answer = proxy_.tamper_(number, message[0], message.substr(kHeaderBytes));
        }
        passed.bytes += answer ? answer->bytes : message;
        silent_ = answer && answer->after == Answer::After::be_silent;
        passed.close = answer && answer->after == Answer::After::close;
    }

    TamperingProxy& proxy_;
    std::string received_;
    std::size_t number_ = 0;
    bool silent_ = false;
};

TamperingProxy::TamperingProxy(std::string database_url)
    : database_url_(std::move(database_url)),
      proxy_(TcpProxy::to_socket(socket_path(database_url_)), [this] { return std::make_unique<Tampered>(*this); }) {}

std::string TamperingProxy::url() const {
    return database_url_.substr(0, database_url_.find('?')) + "?host=127.0.0.1&port=" + std::to_string(port()) +
           "&sslmode=disable&gssencmode=disable";
}

void TamperingProxy::tamper(Tamper tamper) {
    const std::lock_guard lock(mutex_);
    tamper_ = std::move(tamper);
}

}  // namespace ledgerline::test
