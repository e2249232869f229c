// HttpTraceSender: posts spans to a collector with the HTTP client. Keeps its connection and follows redirects.
#pragma once

#include <string>
#include <vector>

#include "http/client.h"
#include "observe/otlp_sender.h"
#include "observe/trace_settings.h"

namespace ledgerline::roles {

class HttpTraceSender final : public OtlpSender {
public:
    // headers are sent with each request. They may hold secrets and are never logged.
    HttpTraceSender(const std::string& url, std::vector<http::Header> headers);
    // The sender that the settings ask for; null while they leave traces off.
    static std::unique_ptr<OtlpSender> of(const TraceSettings& settings);

    Result<OtlpAnswer> post(const std::string& body, milliseconds timeout) override;
    void hurry(SteadyTime end) override { client_.give_up_at(end); }

private:
    const std::vector<http::Header> headers_;
    http::Client client_;
};

}  // namespace ledgerline::roles
