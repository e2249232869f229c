#include "roles/trace_sender.h"

#include <algorithm>
#include <utility>

namespace ledgerline::roles {
namespace {

const http::ClientConfig kCollector{.response_bytes_max = OtlpSender::answer_bytes_max,
                                    .cuts_long_responses = true,
                                    .redirects_max = 5,
                                    .connect_max = milliseconds(5000)};
constexpr std::chrono::seconds kRetryAfterMax{3600};

}  // namespace

HttpTraceSender::HttpTraceSender(const std::string& url, std::vector<http::Header> headers)
    : headers_(std::move(headers)), client_(url, kCollector) {}

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
