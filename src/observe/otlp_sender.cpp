#include "observe/otlp_sender.h"

#include <curl/curl.h>

#include <algorithm>
#include <atomic>

namespace ledgerline {
namespace {

constexpr milliseconds kConnectTimeoutMax{5000};
constexpr long kRedirectsMax = 5;
constexpr curl_off_t kRetryAfterSecondsMax = 3600;

std::size_t append_answer(char* data, std::size_t, std::size_t size, void* answer) {
    std::string& body = static_cast<OtlpAnswer*>(answer)->body;
    body.append(data, std::min(size, CurlOtlpSender::answer_bytes_max - body.size()));
    return size;
}

// libcurl calls this about once a second, and whenever data moves. A result other than 0 ends the request.
int is_late(void* give_up_at, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return std::chrono::steady_clock::now() >= static_cast<std::atomic<SteadyTime>*>(give_up_at)->load() ? 1 : 0;
}

void initialise_curl() {
    static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
    LEDGERLINE_ASSERT(done == CURLE_OK);
}

}  // namespace

struct CurlOtlpSender::Handle {
    CURL* curl = nullptr;
    curl_slist* headers = nullptr;
    std::atomic<SteadyTime> give_up_at = SteadyTime::max();

    void add_header(const std::string& line) {
        curl_slist* longer = curl_slist_append(headers, line.c_str());
        LEDGERLINE_ASSERT(longer);
        headers = longer;
    }
    ~Handle() {
        curl_easy_cleanup(curl);
        curl_slist_free_all(headers);
    }
};

CurlOtlpSender::CurlOtlpSender(std::string url, const std::vector<std::pair<std::string, std::string>>& headers)
    : handle_(std::make_unique<Handle>()) {
    initialise_curl();
    CURL* curl = handle_->curl = curl_easy_init();
    LEDGERLINE_ASSERT(curl);
    handle_->add_header("Content-Type: application/json");
    handle_->add_header("Expect:");  // no "100-continue": one round trip less
    for (const auto& [name, value] : headers) handle_->add_header(name + ": " + value);
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, handle_->headers);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "ledgerline");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);  // do not wait for a resolver that does not answer
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, kRedirectsMax);
    curl_easy_setopt(curl, CURLOPT_POSTREDIR, static_cast<long>(CURL_REDIR_POST_ALL));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append_answer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, is_late);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &handle_->give_up_at);
}

CurlOtlpSender::~CurlOtlpSender() = default;

void CurlOtlpSender::hurry(SteadyTime end) { handle_->give_up_at = end; }

Result<OtlpAnswer> CurlOtlpSender::post(const std::string& body, milliseconds timeout) {
    CURL* curl = handle_->curl;
    OtlpAnswer answer;
    // libcurl reads 0 as "no limit".
    const long limit_ms = std::max<long>(1, timeout.count());
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, limit_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, std::min<long>(limit_ms, kConnectTimeoutMax.count()));
    if (const CURLcode code = curl_easy_perform(curl); code != CURLE_OK)
        return failure(Disposition::retry, "collector_unreachable", curl_easy_strerror(code));
    long status = 0;
    curl_off_t retry_after_s = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after_s);
    answer.status = static_cast<int>(status);
    answer.retry_after = std::chrono::seconds(std::clamp<curl_off_t>(retry_after_s, 0, kRetryAfterSecondsMax));
    return answer;
}

}  // namespace ledgerline
