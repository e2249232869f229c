// A server that receives webhooks, keeps what it took, and answers as the test says.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/json.h"

namespace ledgerline::test {

struct WebhookMessage {
    std::string path;
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;

    std::string id() const { return headers.at("webhook-id"); }
    json::Value json() const { return json::parse(body).value(); }
    std::string member(std::string_view name) const;
};

// Whether the message is signed with that secret (whsec_…), as the Standard Webhooks specification says.
bool is_signed(const WebhookMessage& message, const std::string& secret);

class WebhookReceiver {
public:
    static constexpr int no_answer = 0;  // the connection is closed
    static constexpr int silence = -1;   // and this leaves it open, for as long as the receiver lives
    // The status of the answer. Called by several threads.
    using Decide = std::function<int(const WebhookMessage&)>;

    // Takes everything unless decide says otherwise. port: 0 for any.
    explicit WebhookReceiver(Decide decide = {}, std::uint16_t port = 0);
    WebhookReceiver(const WebhookReceiver&) = delete;
    ~WebhookReceiver();

    std::string url(const std::string& path = "/hook") const;
    std::uint16_t port() const { return port_; }
    // What was answered with 2xx, in order of arrival; and how much arrived.
    std::vector<WebhookMessage> taken() const;
    std::size_t taken_count() const;
    std::size_t arrived() const { return arrived_; }
    // How many answers were sent to their end.
    std::size_t answered() const { return answered_; }
    // Headers that every answer has, each with CR LF behind it. Before the first message.
    void answer_with(std::string headers, std::string body = "") {
        headers_ = std::move(headers);
        body_ = std::move(body);
    }

private:
    void accept();
    void serve(int peer);
    bool answer(int peer, WebhookMessage message);

    const Decide decide_;
    const int socket_;
    const std::uint16_t port_;
    std::string headers_, body_;
    std::atomic<std::size_t> arrived_ = 0, answered_ = 0;
    mutable std::mutex mutex_;
    std::vector<WebhookMessage> taken_;
    std::list<std::thread> threads_;
    std::vector<int> peers_;
    bool ending_ = false;
    std::thread acceptor_;
};

}  // namespace ledgerline::test
