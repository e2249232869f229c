#include "http/client.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <system_error>

#include "base/text.h"
#include "http/curl_request.h"

namespace ledgerline::http {
namespace {

constexpr curl_off_t kRetryAfterSecondsMax = 24 * 3600;
constexpr long kBufferBytes = 128 * 1024;  // in which libcurl receives
constexpr const char* kClosed = "the server closed the connection";
constexpr const char* kCutOff = "the answer was cut off";
constexpr const char* kNotHttp = "the answer is not HTTP";

}  // namespace

const std::string* ClientResponse::header(std::string_view name) const {
    const auto found = std::ranges::find(headers, name, &Header::first);
    return found == headers.end() ? nullptr : &found->second;
}

// The request under way is in response, fault and the members between them; callbacks fill them.
struct Client::Impl {
    const std::string url;
    const UrlFacts facts;
    const ClientConfig config;
    CURL* const curl;
    std::array<char, CURL_ERROR_SIZE> reason{};
    std::atomic<SteadyTime> give_up_at = SteadyTime::max();

    ClientResponse response;
    std::size_t head_bytes = 0;
    bool head_complete = false;
    long sends = 0;
    std::string fault;  // why a callback ended the request

    Impl(const std::string& to, ClientConfig how);
    ~Impl() { curl_easy_cleanup(curl); }

    Result<ClientResponse> send(const ClientRequest& request, milliseconds timeout);

private:
    void set_request(const ClientRequest& request, const std::string& target_url, milliseconds timeout);
    Error error_of(CURLcode code) const;
    std::string reason_of(CURLcode code) const;
    long info(CURLINFO which) const;

    bool take_header(std::string_view line);
    bool take_body(std::string_view part);
    bool may_send();
    bool end(std::string why) {
        fault = std::move(why);
        return false;
    }
    std::string too_long() const {
        return "the answer is longer than " + std::to_string(config.response_bytes_max >> 20) + " MiB";
    }

    static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) {
        return static_cast<Impl*>(self)->taken(&Impl::take_header, {data, size}) ? size : 0;
    }
    static std::size_t on_body(char* data, std::size_t, std::size_t size, void* self) {
        return static_cast<Impl*>(self)->taken(&Impl::take_body, {data, size}) ? size : 0;
    }
    // No exception may pass through libcurl.
    bool taken(bool (Impl::*take)(std::string_view), std::string_view part) try {
        return (this->*take)(part);
    } catch (const std::exception&) {
        return end("out of memory");  // fits into a string without allocating
    }
    static int on_send(void* self, char*, char*, int, int) {
        return static_cast<Impl*>(self)->may_send() ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
    }
    // libcurl calls this about once a second, and whenever data moves. A result other than 0 ends the request.
    static int on_progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
        return std::chrono::steady_clock::now() >= static_cast<Impl*>(self)->give_up_at.load() ? 1 : 0;
    }
};

Client::Impl::Impl(const std::string& to, ClientConfig how)
    : url(to), facts(facts_of(to)), config(std::move(how)), curl((initialize_curl(), curl_easy_init())) {
    LEDGERLINE_ASSERT(curl);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason.data());
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "ledgerline");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);  // do not wait for a resolver that does not answer
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, kBufferBytes);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, config.redirects_max > 0 ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, static_cast<long>(config.redirects_max));
    curl_easy_setopt(curl, CURLOPT_POSTREDIR, static_cast<long>(CURL_REDIR_POST_ALL));
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, on_send);
    curl_easy_setopt(curl, CURLOPT_PREREQDATA, this);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, this);
    // An empty name means no proxy, whatever the environment says.
    if (facts.is_this_machine) curl_easy_setopt(curl, CURLOPT_PROXY, "");
    trust_as_environment_says(curl);
    if (!config.certificate_file.empty()) {
        curl_easy_setopt(curl, CURLOPT_SSLCERT, config.certificate_file.c_str());
        curl_easy_setopt(curl, CURLOPT_SSLKEY, config.key_file.c_str());
    }
    if (config.ca_file.empty()) return;
    curl_easy_setopt(curl, CURLOPT_CAINFO, config.ca_file.c_str());
    curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
}

// Callbacks -----------------------------------------------------------------------------------------------------------

// One line of a head, or of the trailers. A status line begins the answer: the one before it was interim, or a
// redirect.
bool Client::Impl::take_header(std::string_view line) {
    head_bytes += line.size();
    if (head_bytes > head_bytes_max) return end(std::string(kNotHttp) + ": its head is too long");
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("HTTP/")) {
        response = {};
        head_complete = false;
    } else if (line.empty()) {
        head_complete = true;
    } else if (!head_complete) {
        const auto colon = std::min(line.find(':'), line.size());
        const std::string_view name = line.substr(0, colon);
        if (is_token(name) && colon < line.size())
            response.headers.emplace_back(lower(name), std::string(trimmed(line.substr(colon + 1))));
    }
    return true;
}

bool Client::Impl::take_body(std::string_view part) {
    const std::size_t room = config.response_bytes_max - response.body.size();
    if (part.size() > room && !config.cuts_long_responses) return end(too_long());
    response.body += part.substr(0, room);
    return true;
}

// libcurl sends a request again when a kept connection ends before the answer: but then it may have been executed.
bool Client::Impl::may_send() { return ++sends <= 1 + info(CURLINFO_REDIRECT_COUNT) || end(kClosed); }

// Requests ------------------------------------------------------------------------------------------------------------

long Client::Impl::info(CURLINFO which) const {
    long value = 0;
    curl_easy_getinfo(curl, which, &value);
    return value;
}

void Client::Impl::set_request(const ClientRequest& request, const std::string& target_url, milliseconds timeout) {
    response = {};
    head_bytes = 0;
    head_complete = false;
    sends = 0;
    fault.clear();
    reason[0] = '\0';
    // libcurl reads 0 as "no limit".
    const long limit_ms = std::max<long>(1, timeout.count());
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, limit_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, std::min<long>(limit_ms, config.connect_max.count()));
    curl_easy_setopt(curl, CURLOPT_URL, target_url.c_str());
    const std::string& method = request.method;
    if (!request.body.empty() || method == "POST" || method == "PATCH" || method == "PUT") {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    } else {
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
        if (method == "HEAD") curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method.c_str());
}

Result<ClientResponse> Client::Impl::send(const ClientRequest& request, milliseconds timeout) {
    const HeaderLines headers(request);
    set_request(request, url + request.target, timeout);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    const CURLcode code = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, nullptr);
    if (code == CURLE_OK && !head_complete) fault = kCutOff;
    if (code != CURLE_OK || !head_complete) return std::unexpected(error_of(code));
    response.status = static_cast<int>(info(CURLINFO_RESPONSE_CODE));
    curl_off_t retry_after_s = 0;
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after_s);
    response.retry_after = std::chrono::seconds(std::clamp<curl_off_t>(retry_after_s, 0, kRetryAfterSecondsMax));
    return std::move(response);
}

Error Client::Impl::error_of(CURLcode code) const {
    // A proxy that refuses to connect has been sent bytes as well, but not of the request.
    const bool was_sent = sends > 0 && info(CURLINFO_REQUEST_SIZE) > 0;
    return {Disposition::retry, std::string(was_sent ? client_outcome_unknown : client_unreachable),
            facts.shown + (was_sent ? " gave no answer: " : " cannot be reached: ") + reason_of(code)};
}

std::string Client::Impl::reason_of(CURLcode code) const {
    if (!fault.empty()) return fault;
    std::string text = peer_text(reason[0] ? reason.data() : curl_easy_strerror(code));
    const long system_error = info(CURLINFO_OS_ERRNO);
    switch (code) {
        case CURLE_OPERATION_TIMEDOUT: {
            curl_off_t resolved_us = 0;
            curl_easy_getinfo(curl, CURLINFO_NAMELOOKUP_TIME_T, &resolved_us);
            return resolved_us > 0 ? "timed out" : "the resolver does not answer in time";
        }
        case CURLE_ABORTED_BY_CALLBACK:
            return "given up, because this process is ending";
        case CURLE_GOT_NOTHING:
            return kClosed;
        case CURLE_PARTIAL_FILE:
            return kCutOff;
        case CURLE_FILESIZE_EXCEEDED:
            return too_long();
        case CURLE_OUT_OF_MEMORY:
            // So libcurl also reports a header line over its limit of 100 KiB.
            if (sends > 0) return std::string(kNotHttp) + ": a line is too long";
            break;
        case CURLE_WEIRD_SERVER_REPLY:
        case CURLE_UNSUPPORTED_PROTOCOL:
            return std::string(kNotHttp) + ": " + text;
        case CURLE_RECV_ERROR:
            // Without an error of the system, it is the framing that is wrong.
            if (system_error == 0 && !url.starts_with("https")) return std::string(kNotHttp) + ": " + text;
            break;
        default:
            break;
    }
    if (system_error == 0) return text;
    const std::string message = std::generic_category().message(static_cast<int>(system_error));
    // A proxy may be what cannot be reached.
    return facts.is_this_machine ? message : text + " (" + message + ")";
}

Client::Client(const std::string& url, ClientConfig config) : impl_(std::make_unique<Impl>(url, std::move(config))) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

void Client::give_up_at(SteadyTime end) { impl_->give_up_at = end; }

Result<ClientResponse> Client::send(const ClientRequest& request, milliseconds timeout) {
    LEDGERLINE_CHECK(check_request(request));
    return impl_->send(request, timeout);
}

}  // namespace ledgerline::http
