#include "notify/sender.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <cstring>
#include <map>
#include <optional>

#include "base/result.h"
#include "base/text.h"
#include "http/curl_request.h"

namespace ledgerline::notify {
namespace {

constexpr curl_off_t kRetryAfterSecondsMax = 24 * 3600;

std::optional<boost::asio::ip::address> address_of(const sockaddr& of) {
    namespace ip = boost::asio::ip;
    if (of.sa_family == AF_INET) {
        sockaddr_in four{};
        std::memcpy(&four, &of, sizeof(four));
        return ip::make_address_v4(ntohl(four.sin_addr.s_addr));
    }
    if (of.sa_family != AF_INET6) return std::nullopt;
    sockaddr_in6 six{};
    std::memcpy(&six, &of, sizeof(six));
    ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), six.sin6_addr.s6_addr, bytes.size());
    return ip::address_v6(bytes);
}

// One message under way.
struct Transfer {
    Transfer(Outgoing message, const Destinations& where, const SenderConfig& how);
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;
    ~Transfer() {
        curl_easy_cleanup(curl);
        curl_slist_free_all(headers);
    }

    Answered answered(CURLcode code) const;

    const Outgoing outgoing;
    const Destinations& destinations;
    const SenderConfig& config;
    CURL* const curl = curl_easy_init();
    curl_slist* headers = nullptr;
    std::array<char, CURL_ERROR_SIZE> reason{};
    std::size_t answer_bytes = 0;
    bool cut = false;
    std::string refused;  // the address that may not be connected to

private:
    void set_limits();
    curl_socket_t open_socket(const curl_sockaddr& to);

    // The check is here because a name may have other addresses whenever it is looked up.
    static curl_socket_t on_socket(void* self, curlsocktype, curl_sockaddr* to) {
        return static_cast<Transfer*>(self)->open_socket(*to);
    }
    static std::size_t on_body(char*, std::size_t, std::size_t size, void* self) {
        auto& transfer = *static_cast<Transfer*>(self);
        transfer.answer_bytes += size;
        transfer.cut = transfer.answer_bytes > transfer.config.answer_bytes_max;
        return transfer.cut ? 0 : size;
    }
};

Transfer::Transfer(Outgoing message, const Destinations& where, const SenderConfig& how)
    : outgoing(std::move(message)), destinations(where), config(how) {
    LEDGERLINE_ASSERT(curl);
    for (const std::string& header : outgoing.headers) {
        curl_slist* longer = curl_slist_append(headers, header.c_str());
        LEDGERLINE_ASSERT(longer);
        headers = longer;
    }
    curl_easy_setopt(curl, CURLOPT_PRIVATE, this);
    curl_easy_setopt(curl, CURLOPT_URL, outgoing.url.c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, outgoing.body.data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(outgoing.body.size()));
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, this);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
    set_limits();
    http::trust_as_environment_says(curl);
}

void Transfer::set_limits() {
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason.data());
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "ledgerline");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");  // none, whatever the environment says: it would connect in our place
    curl_easy_setopt(curl, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(config.connect_max.count()));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(config.whole_max.count()));
    curl_easy_setopt(curl, CURLOPT_PIPEWAIT, 0L);
}

curl_socket_t Transfer::open_socket(const curl_sockaddr& to) {
    const auto address = address_of(to.addr);
    const bool tls = lower(outgoing.url.substr(0, 8)) == "https://";
    if (!address || !destinations.allows(http::bytes_of(*address), tls)) {
        refused = address ? address->to_string() : "of an unknown kind";
        return CURL_SOCKET_BAD;
    }
    return socket(to.family, to.socktype | SOCK_CLOEXEC, to.protocol);
}

Answered Transfer::answered(CURLcode code) const {
    Answered answer{.number = outgoing.number, .status = 0, .error = {}, .duration = {}, .retry_after = {}};
    curl_off_t took_us = 0, retry_after_s = 0;
    curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME_T, &took_us);
    answer.duration = std::chrono::duration_cast<milliseconds>(std::chrono::microseconds(took_us));
    if (code == CURLE_OK || cut) {
        long status = 0;
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after_s);
        answer.status = static_cast<int>(status);
        answer.retry_after = std::chrono::seconds(std::clamp<curl_off_t>(retry_after_s, 0, kRetryAfterSecondsMax));
        return answer;
    }
    if (!refused.empty())
        answer.error = "its address " + refused + " may not be called: only public ones, by https";
    else if (code == CURLE_OPERATION_TIMEDOUT)
        answer.error = "timed out";
    else
        answer.error = peer_text(reason[0] ? reason.data() : curl_easy_strerror(code));
    return answer;
}

}  // namespace

struct CurlSender::Impl {
    Impl(Destinations where, SenderConfig how) : destinations(std::move(where)), config(how), multi(open()) {
        curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, static_cast<long>(config.connections_kept_max));
        curl_multi_setopt(multi, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
    }
    ~Impl() {
        abandon();
        curl_multi_cleanup(multi);
    }
    static CURLM* open() {
        http::initialize_curl();
        CURLM* opened = curl_multi_init();
        LEDGERLINE_ASSERT(opened);
        return opened;
    }

    void abandon() {
        for (const auto& [handle, transfer] : transfers) curl_multi_remove_handle(multi, handle);
        transfers.clear();
    }

    void take_ended(std::vector<Answered>& ended) {
        int left = 0;
        while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
            if (message->msg != CURLMSG_DONE) continue;
            const auto transfer = transfers.find(message->easy_handle);
            const CURLcode code = message->data.result;
            curl_multi_remove_handle(multi, transfer->first);
            ended.push_back(transfer->second->answered(code));
            transfers.erase(transfer);
        }
    }

    const Destinations destinations;
    const SenderConfig config;
    CURLM* const multi;
    std::map<CURL*, std::unique_ptr<Transfer>> transfers;
};

CurlSender::CurlSender(Destinations destinations, SenderConfig config)
    : impl_(std::make_unique<Impl>(std::move(destinations), config)) {}
CurlSender::~CurlSender() = default;

void CurlSender::send(Outgoing message) {
    auto transfer = std::make_unique<Transfer>(std::move(message), impl_->destinations, impl_->config);
    CURL* const handle = transfer->curl;
    impl_->transfers.emplace(handle, std::move(transfer));
    LEDGERLINE_ASSERT(curl_multi_add_handle(impl_->multi, handle) == CURLM_OK);
}

std::vector<Answered> CurlSender::run(milliseconds at_most) {
    std::vector<Answered> ended;
    int running = 0;
    curl_multi_perform(impl_->multi, &running);
    impl_->take_ended(ended);
    if (!ended.empty()) return ended;
    curl_multi_poll(impl_->multi, nullptr, 0, static_cast<int>(at_most.count()), nullptr);
    curl_multi_perform(impl_->multi, &running);
    impl_->take_ended(ended);
    return ended;
}

void CurlSender::wake() { curl_multi_wakeup(impl_->multi); }

void CurlSender::abandon() { impl_->abandon(); }

}  // namespace ledgerline::notify
