// Connection: one kept-alive connection to the server, with at most one request under way.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/result.h"
#include "bench/answer_reader.h"
#include "bench/request_text.h"

namespace ledgerline::bench {

class Connection {
public:
    enum class Progress { waiting, answered, broken };

    // The shape must outlive it.
    explicit Connection(const RequestShape& shape) : text_(shape) {}

    // To the loopback address; replaces an earlier connection.
    Result<void> connect(std::uint16_t port);
    // Sends the next request, or the part of it that fits. since: from when its latency counts.
    Progress send(Source& source, SteadyTime since);
    // Goes on when the socket can be written or read.
    Progress go_on();

    int socket() const { return socket_.number(); }
    SteadyTime since() const { return since_; }
    bool is_busy() const { return busy_; }
    // Whether it waits until the socket can be written.
    bool has_unsent() const { return !unsent_.empty(); }
    // Valid after `answered`, until the next request.
    const AnswerReader& answer() const { return answer_; }

private:
    Progress write();

    RequestText text_;
    AnswerReader answer_;
    Descriptor socket_;
    std::string_view unsent_;
    SteadyTime since_;
    bool busy_ = false;
};

}  // namespace ledgerline::bench
