#include "roles/trace_sender.h"

#include <algorithm>
#include <utility>

namespace ledgerline::roles {
namespace {

constexpr std::chrono::seconds kRetryAfterMax{3600};

http::ClientConfig collector_config() {
    http::ClientConfig config;
    config.response_bytes_max = OtlpSender::answer_bytes_max;
    config.cuts_long_responses = true;
    config.redirects_max = 5;
    config.connect_max = milliseconds(5000);
    return config;
}

}  // namespace

HttpTraceSender::HttpTraceSender(const std::string& url, std::vector<http::Header> headers)
    : headers_(std::move(headers)), client_(url, collector_config()) {}

std::unique_ptr<OtlpSender> HttpTraceSender::of(const TraceSettings& settings) {
    if (settings.url.empty()) return nullptr;
    return std::make_unique<HttpTraceSender>(settings.url, settings.headers);
}

Result<OtlpAnswer> HttpTraceSender::post(const std::string& body, milliseconds timeout) {
    auto response = client_.send({.method = "POST", .headers = headers_, .body = body}, timeout);
    if (!response) return failure(Disposition::retry, "collector_unreachable", response.error().message);
    const milliseconds retry_after = std::min<milliseconds>(response->retry_after, kRetryAfterMax);
    return OtlpAnswer{response->status, retry_after, std::move(response->body)};
}

}  // namespace ledgerline::roles
