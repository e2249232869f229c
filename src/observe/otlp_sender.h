// OtlpSender: delivers one batch of spans to a collector. The seam under the exporter.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace ledgerline {

struct OtlpAnswer {
    int status = 0;
    milliseconds retry_after{0};  // what the collector asked for; 0 if it did not
    std::string body;             // only its beginning, answer_bytes_max of it
};

// Used by one thread at a time, except hurry().
class OtlpSender {
public:
    static constexpr std::size_t answer_bytes_max = 16 * 1024;

    virtual ~OtlpSender() = default;
    // Posts body. An Error means that there was no answer within timeout.
    virtual Result<OtlpAnswer> post(const std::string& body, milliseconds timeout) = 0;
    // The process wants to end: gives up the current request at that time or soon after. From any thread.
    virtual void hurry(SteadyTime end) = 0;
};

}  // namespace ledgerline
