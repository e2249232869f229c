// Sender: sends many messages at once, each with deadlines, and says what became of each.
//
// A redirect is not followed, and a destination that is not allowed is not connected to. What a server answers besides
// its status is thrown away.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "notify/destinations.h"

namespace ledgerline::notify {

struct Outgoing {
    std::uint64_t number = 0;  // chosen by the caller
    std::string url;
    std::vector<std::string> headers;  // "Name: value"
    std::string body;
};

struct Answered {
    std::uint64_t number = 0;
    int status = 0;     // 0: there was no answer
    std::string error;  // why there was none
    milliseconds duration{0};
    milliseconds retry_after{0};
};

// One thread at a time, except wake().
class Sender {
public:
    virtual ~Sender() = default;
    // Begins to send.
    virtual void send(Outgoing message) = 0;
    // Goes on with all that is being sent. Returns what has ended, once something has, at_most has passed, or wake()
    // was called.
    virtual std::vector<Answered> run(milliseconds at_most) = 0;
    virtual void wake() = 0;
    // Gives up all that is being sent.
    virtual void abandon() = 0;
};

struct SenderConfig {
    milliseconds connect_max{5'000};
    milliseconds whole_max{15'000};
    std::size_t answer_bytes_max = 64 * 1024;
    std::size_t connections_kept_max = 256;
};

class CurlSender final : public Sender {
public:
    explicit CurlSender(Destinations destinations, SenderConfig config = {});
    ~CurlSender() override;

    void send(Outgoing message) override;
    std::vector<Answered> run(milliseconds at_most) override;
    void wake() override;
    void abandon() override;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace ledgerline::notify
