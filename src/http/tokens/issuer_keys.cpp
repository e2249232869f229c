#include "http/tokens/issuer_keys.h"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "http/curl_request.h"
#include "observe/exceptions.h"
#include "observe/log.h"

namespace ledgerline::http {
namespace {

constexpr std::string_view kDocument = "/.well-known/openid-configuration";

std::unexpected<Error> bad(const std::string& why) { return failure(Disposition::refuse, "bad_issuer", why); }
std::unexpected<Error> away(const std::string& why) { return failure(Disposition::retry, "issuer_away", why); }

bool is_url(std::string_view text) { return text.starts_with("https://") || text.starts_with("http://"); }

// Whoever could change what a key set says could sign as anybody.
Result<void> check_url(const std::string& what, const std::string& url) {
    if (!BaseUrl::parse(url)) return bad(what + " must be a URL, such as https://login.example/realm");
    if (!url.starts_with("https://") && !facts_of(url).is_this_machine)
        return bad(what + " must begin with https://, except on this machine");
    return {};
}

Result<std::string> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return away(fmt::format("{} cannot be read: {}", path, std::generic_category().message(errno)));
    std::string text{std::istreambuf_iterator<char>(file), {}};
    if (text.size() > IssuerKeys::answer_bytes_max) return bad(path + " is too long");
    return text;
}

}  // namespace

bool IssuerSource::is_file() const { return !keys.empty() && !is_url(keys); }

Result<void> IssuerSource::check() const {
    LEDGERLINE_CHECK(check_url("--jwt-issuer", issuer));
    if (keys.empty()) return {};
    if (is_url(keys)) return check_url("--jwt-jwks", keys);
    const auto text = read_file(keys);
    if (!text) return bad("--jwt-jwks: " + text.error().message);
    if (const auto set = KeySet::parse(*text); !set) return bad("--jwt-jwks: " + keys + ' ' + set.error().message);
    return {};
}

IssuerKeys::IssuerKeys(IssuerSource source, std::shared_ptr<AccessTokens> tokens, const ProcessContext& context)
    : source_(std::move(source)),
      tokens_(std::move(tokens)),
      clock_(context.clock),
      loop_(
          "issuer-keys", wakeup_, [this]() -> Result<milliseconds> { return step(); }, [](const Error&) {},
          exception_noter(context.metrics, "http")) {
    tokens_->when_unknown([this] { return ask(); });
}

IssuerKeys::~IssuerKeys() {
    stop();
    tokens_->when_unknown({});
}

void IssuerKeys::start() { loop_.start(); }

void IssuerKeys::stop() {
    ending_ = true;
    {
        const std::lock_guard lock(mutex_);
        if (client_) client_->give_up_at(SteadyTime::min());
    }
    loop_.stop();
}

// Tokens that anybody can make up must not make us ask for keys all the time.
bool IssuerKeys::ask() {
    SteadyTime last = asked_at_.load();
    const SteadyTime now = clock_.steady_now();
    if (last == SteadyTime::min()) return true;  // they are about to be read for the first time
    if (now - last < retry_pause) return false;
    if (asked_at_.compare_exchange_strong(last, now)) wakeup_.notify();
    return true;
}

milliseconds IssuerKeys::step() {
    asked_at_ = clock_.steady_now();
    auto text = read();
    const auto taken = text ? take(*std::move(text)) : std::unexpected(std::move(text).error());
    if (taken) {
        if (std::exchange(away_, false)) log::info("the issuer's keys are read again");
        return source_.is_file() ? file_pause : refresh_pause;
    }
    if (ending_) return retry_pause;
    if (!std::exchange(away_, true))
        log::warn("the keys of tokens cannot be read at the moment", {{"reason", taken.error().message}});
    give_up_stale();
    return retry_pause;
}

Result<void> IssuerKeys::take(std::string text) {
    if (text != text_) {
        LEDGERLINE_TRY(KeySet set, KeySet::parse(text));
        log::info("the keys of tokens are known", {{"issuer", source_.issuer}, {"keys", set.size()}});
        tokens_->trust(std::make_shared<const KeySet>(std::move(set)));
        text_ = std::move(text);
    }
    read_at_ = clock_.steady_now();
    return {};
}

void IssuerKeys::give_up_stale() {
    if (text_.empty() || clock_.steady_now() - read_at_ < stale_max) return;
    text_.clear();
    tokens_->trust(nullptr);
    log::error("the keys of tokens were not to be read for too long: no token is taken", {{"issuer", source_.issuer}});
}

Result<std::string> IssuerKeys::read() {
    if (source_.is_file()) return read_file(source_.keys);
    LEDGERLINE_TRY(const std::string url, keys_url());
    return fetch(url);
}

Result<std::string> IssuerKeys::keys_url() {
    if (!source_.keys.empty()) return source_.keys;
    std::string url = source_.issuer;
    if (url.ends_with('/')) url.pop_back();
    url += kDocument;
    LEDGERLINE_TRY(const std::string text, fetch(url));
    const auto document = json::parse(text);
    if (!document) return away(url + " is not JSON");
    const json::Value *issuer = document->find("issuer"), *keys = document->find("jwks_uri");
    if (!issuer || !issuer->if_string() || *issuer->if_string() != source_.issuer)
        return away(url + " names another issuer");
    if (!keys || !keys->if_string()) return away(url + " has no jwks_uri");
    LEDGERLINE_CHECK(check_url("jwks_uri of " + url, *keys->if_string()));
    return *keys->if_string();
}

Result<std::string> IssuerKeys::fetch(const std::string& url) {
    ClientConfig config;
    config.response_bytes_max = answer_bytes_max;
    config.ca_file = source_.ca_file;
    Client client(url, config);
    {
        const std::lock_guard lock(mutex_);
        client_ = &client;
    }
    if (ending_) client.give_up_at(SteadyTime::min());
    auto response = client.send({.headers = {{"Accept", "application/json"}}}, fetch_max);
    {
        const std::lock_guard lock(mutex_);
        client_ = nullptr;
    }
    if (!response) return std::unexpected(std::move(response).error());
    if (response->status != 200) return away(fmt::format("{} answered {}", facts_of(url).shown, response->status));
    return std::move(response->body);
}

}  // namespace ledgerline::http
