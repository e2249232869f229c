// OtlpSender: delivers one batch of spans to a collector. The seam under the exporter.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace ledgerline {

struct OtlpAnswer {
    int status = 0;
    milliseconds retry_after{0};  // what the collector asked for; 0 if it did not
    std::string body;             // only its beginning
};

// Used by one thread at a time, except hurry().
class OtlpSender {
public:
    virtual ~OtlpSender() = default;
    // Posts body. An Error means that there was no answer within timeout.
    virtual Result<OtlpAnswer> post(const std::string& body, milliseconds timeout) = 0;
    // The process wants to end: gives up the current request at that time or soon after. From any thread.
    virtual void hurry(SteadyTime end) = 0;
};

// Over HTTP/1.1 or HTTPS, with libcurl: keeps the connection, follows redirects, honours http_proxy, https_proxy and
// no_proxy.
class CurlOtlpSender final : public OtlpSender {
public:
    static constexpr std::size_t answer_bytes_max = 16 * 1024;

    // headers are sent with each request. They may hold secrets and are never logged.
    CurlOtlpSender(std::string url, const std::vector<std::pair<std::string, std::string>>& headers);
    ~CurlOtlpSender() override;

    Result<OtlpAnswer> post(const std::string& body, milliseconds timeout) override;
    void hurry(SteadyTime end) override;

private:
    struct Handle;
    std::unique_ptr<Handle> handle_;
};

}  // namespace ledgerline
