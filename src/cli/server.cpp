#include "cli/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "base/uuid.h"
#include "base/wakeup.h"
#include "cli/field_options.h"
#include "cli/profile.h"
#include "roles/config_file.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

constexpr milliseconds kUnknownPause{100};  // before a request is repeated, unless the server sets a delay
constexpr milliseconds kTimeoutMin{100};
constexpr milliseconds kTimeoutMax{600'000};
constexpr milliseconds kRetryAfterMax{300'000};
constexpr std::size_t kDetailBytesMax = 1000;  // of a server's text in a message

std::unexpected<Error> unusable_key(const std::string& source, const std::string& why) {
    return failure(Disposition::refuse, std::string(roles::bad_usage), fmt::format("{}: {}", source, why));
}

// The key itself is never shown. source: the file or the variable.
Result<std::string> checked_key(std::string key, const std::string& source) {
    while (key.ends_with('\r') || key.ends_with(' ')) key.pop_back();
    if (key.empty()) return unusable_key(source, "holds no API key");
    if (!is_visible_ascii(key))
        return unusable_key(source,
                            "an API key has only visible ASCII characters: no spaces, line ends or control characters");
    return key;
}

// The first line of the file, otherwise the environment's key; "" when there is neither.
Result<std::string> read_api_key(const std::string& path) {
    if (!path.empty()) {
        LEDGERLINE_TRY(const std::string text, roles::read_secret_file("--api-key-file", path));
        return checked_key(text.substr(0, text.find('\n')), "--api-key-file " + path);
    }
    const char* key = std::getenv(api_key_variable);
    if (!key || !*key) return "";
    return checked_key(key, api_key_variable);
}

http::ClientConfig client_config(const ServerOptions& options) {
    http::ClientConfig config;
    config.ca_file = options.ca_file;
    config.certificate_file = options.certificate_file;
    config.key_file = options.key_file;
    return config;
}

// The first line of the file. A token has only characters that a header can carry.
Result<std::string> read_token(const std::string& path) {
    LEDGERLINE_TRY(const std::string text, roles::read_secret_file("--token-file", path));
    std::string token = text.substr(0, text.find('\n'));
    while (token.ends_with('\r') || token.ends_with(' ')) token.pop_back();
    if (token.empty() || !is_visible_ascii(token)) return unusable_key("--token-file " + path, "holds no access token");
    return token;
}

// libcurl does not say which file it cannot use.
Result<void> check_tls_files(const ServerOptions& options) {
    if (options.certificate_file.empty() != options.key_file.empty())
        return failure(Disposition::refuse, std::string(roles::bad_usage),
                       "--client-cert and --client-key need one another");
    if (!options.ca_file.empty()) LEDGERLINE_CHECK(roles::read_config_file("--ca-file", options.ca_file));
    if (options.key_file.empty()) return {};
    LEDGERLINE_CHECK(roles::read_config_file("--client-cert", options.certificate_file));
    LEDGERLINE_CHECK(roles::read_secret_file("--client-key", options.key_file));
    return {};
}

}  // namespace

void declare_server_options(Command& command, ServerOptions& options) {
    command.option({"--url", "URL", "The server's address; without it the profile's, or http://127.0.0.1:8080"},
                   options.url);
    declare_key_options(command, options);
}

void declare_key_options(Command& command, ServerOptions& options) {
    command.option({"--profile", "NAME", "The server of that profile, in place of the one in use"}, options.profile);
    command.alternatives("--url", "--profile");
    command.option({"--api-key-file", "FILE",
                    "File with the API key in its first line; without it the key is read from the variable "
                    "LEDGERLINE_API_KEY"},
                   options.api_key_file);
    command.option(
        {"--token-file", "FILE",
         "File with an access token in its first line, sent in place of an API key; read again for each call"},
        options.token_file);
    command.alternatives("--api-key-file", "--token-file");
    command.parsed({"--tenant", "NAME", "The tenant to act in, for a key that may act in all of them"}, "",
                   [&options](const std::string& name) {
                       options.tenant = name;
                       return tenant_rule(name);
                   });
    command.option({"--ca-file", "FILE",
                    "Certificates to trust of an https server, in PEM, instead of the system's: that of "
                    "--tls-self-signed, for example"},
                   options.ca_file);
    command.option({"--client-cert", "FILE", "Certificate to show to an https server that asks for one, in PEM"},
                   options.certificate_file);
    command.option({"--client-key", "FILE", "The key of that certificate, in PEM"}, options.key_file);
    command.option({"--timeout", "TIME", "How long one call may take"}, options.timeout, kTimeoutMin, kTimeoutMax);
}

bool Answer::retryable() const { return status == 408 || status == 429 || status >= 500; }

Error Answer::error(std::string_view server) const {
    const Disposition disposition = retryable() ? Disposition::retry : Disposition::refuse;
    const std::string code = text_of(body, "code").substr(0, kDetailBytesMax);
    const std::string detail = text_of(body, "detail").substr(0, kDetailBytesMax);
    if (!code.empty())
        return {
            disposition, code,
            fmt::format("{} (HTTP {}, {})", detail.empty() ? "the server refused the request" : detail, status, code)};
    const std::string own_code = fmt::format("http_{}", status);
    if (!location.empty())
        return {disposition, own_code,
                fmt::format("{} answered {} and points to {}: redirects are not followed, --url must name the server "
                            "itself",
                            server, status, location.substr(0, kDetailBytesMax))};
    return {disposition, own_code,
            fmt::format("{} answered {} without saying why: is this a Ledgerline server?", server, status)};
}

Server::Server(const http::BaseUrl& base, std::string api_key, const ServerOptions& options)
    : url_(base.to_string()),
      api_key_(std::move(api_key)),
      token_file_(options.token_file),
      tenant_(options.tenant),
      timeout_(options.timeout),
      client_(base, client_config(options)) {}

Result<Server> Server::open(const ServerOptions& given) {
    LEDGERLINE_TRY(const ServerOptions options, with_profile(given));
    auto base = http::BaseUrl::parse(options.url);
    if (!base) return failure(Disposition::refuse, std::string(roles::bad_usage), "--url: " + base.error().message);
    LEDGERLINE_TRY(std::string key, read_api_key(options.api_key_file));
    if (!options.token_file.empty()) LEDGERLINE_CHECK(read_token(options.token_file));
    LEDGERLINE_CHECK(check_tls_files(options));
    return Server(*base, std::move(key), options);
}

Result<http::ClientResponse> Server::exchange(http::ClientRequest request) {
    if (!token_file_.empty()) {
        LEDGERLINE_TRY(const std::string token, read_token(token_file_));
        request.headers.emplace_back("Authorization", "Bearer " + token);
    } else if (!api_key_.empty())
        request.headers.emplace_back("X-API-Key", api_key_);
    if (!tenant_.empty()) request.headers.emplace_back("X-Tenant", tenant_);
    return client_.send(request, timeout_);
}

Result<Answer> Server::call(std::string_view method, std::string target, std::string body,
                            std::vector<http::Header> headers) {
    LEDGERLINE_TRY(const http::ClientResponse response,
                   exchange({std::string(method), std::move(target), std::move(headers), std::move(body)}));
    Answer answer{response.status, {}, std::nullopt, ""};
    if (response.retry_after > milliseconds(0)) answer.retry_after = std::min(response.retry_after, kRetryAfterMax);
    if (const std::string* location = response.header("location"); location && response.status / 100 == 3)
        answer.location = *location;
    auto parsed = json::parse(response.body);
    if (parsed)
        answer.body = *std::move(parsed);
    else if (answer.ok())
        return std::unexpected(
            bad_answer(fmt::format("answered {} {}", response.status,
                                   response.body.empty() ? "without a body" : "with something other than JSON")));
    return answer;
}

Error Server::bad_answer(std::string_view what) const {
    return {Disposition::retry, "bad_answer", fmt::format("{} {}: is this a Ledgerline server?", url_, what)};
}

Result<json::Value> Server::object_of(Result<Answer> answer, std::string_view member) const {
    if (!answer) return std::unexpected(answer.error());
    if (!answer->ok()) return std::unexpected(error_of(*answer));
    if (!answer->body.find(member)) return std::unexpected(bad_answer(fmt::format("answered without '{}'", member)));
    return std::move(answer->body);
}

Result<json::Array> Server::objects_of(const json::Value& answer, std::string_view member) const {
    const json::Value* found = answer.find(member);
    const json::Array* objects = found ? found->if_array() : nullptr;
    if (objects && std::ranges::all_of(*objects, [](const json::Value& each) { return each.if_object(); }))
        return *objects;
    return std::unexpected(bad_answer(fmt::format("answered without a list of objects in '{}'", member)));
}

Result<const Asset*> Server::asset(std::string_view code) {
    const Asset* iso = find_asset(code);
    if ((iso && iso->exponent) || !is_currency_form(code)) return iso;
    if (!assets_) assets_ = read_assets();
    if (!*assets_) return std::unexpected(assets_->error());
    const auto found = std::ranges::find(**assets_, code, &Asset::code);
    return found != (*assets_)->end() ? &*found : iso;
}

Result<std::vector<Asset>> Server::read_assets() {
    LEDGERLINE_TRY(const Answer answer, call("GET", "/v1/assets"));
    std::vector<Asset> assets;
    if (answer.status == 404) return assets;
    if (!answer.ok()) return std::unexpected(error_of(answer));
    LEDGERLINE_TRY(const json::Array objects, objects_of(answer.body, "assets"));
    for (const json::Value& each : objects) {
        const json::Value* member = each.find("exponent");
        const auto exponent = member ? member->if_int64() : std::nullopt;
        if (exponent && (*exponent < 0 || *exponent > exponent_max))
            return std::unexpected(bad_answer("answered with an asset whose exponent is out of range"));
        assets.push_back({text_of(each, "code"), exponent});
    }
    return assets;
}

Result<json::Value> Server::get(std::string target, std::string_view member) {
    return object_of(call("GET", std::move(target)), member);
}

Result<json::Value> Server::send(std::string_view method, const std::string& target, const json::Value& body,
                                 std::string_view member, const std::vector<http::Header>& headers) {
    return object_of(call_until_known(method, target, body.is_null() ? "" : json::serialize(body), headers), member);
}

Result<Answer> Server::call_until_known(std::string_view method, const std::string& target, const std::string& body,
                                        const std::vector<http::Header>& headers) {
    const SteadyTime end = std::chrono::steady_clock::now() + timeout_;
    for (int tries = 1;; ++tries) {
        auto answer = call(method, target, body, headers);
        const bool unknown = answer ? text_of(answer->body, "code") == http::client_outcome_unknown
                                    : http::may_have_been_executed(answer.error());
        const milliseconds pause = answer ? answer->retry_after.value_or(kUnknownPause) : kUnknownPause;
        if (!unknown || tries == known_tries_max || std::chrono::steady_clock::now() + pause >= end) return answer;
        Wakeup().wait(pause);
    }
}

std::string text_of(const json::Value& object, std::string_view member) {
    const json::Value* value = object.find(member);
    const std::string* text = value ? value->if_string() : nullptr;
    return text ? *text : "";
}

Result<std::string> resolve_account(Server& server, const std::string& id_or_reference) {
    if (Uuid::parse(id_or_reference)) return id_or_reference;
    LEDGERLINE_TRY(const json::Value page,
                   server.get("/v1/accounts?reference=" + http::percent_encode(id_or_reference), "accounts"));
    LEDGERLINE_TRY(const json::Array accounts, server.objects_of(page, "accounts"));
    if (accounts.empty())
        return failure(Disposition::refuse, "account_not_found",
                       fmt::format("there is no account with the reference '{}'", id_or_reference));
    std::string id = text_of(accounts.front(), "id");
    // The id becomes part of a path.
    if (!Uuid::parse(id)) return std::unexpected(server.bad_answer("answered with an account that has no id"));
    return id;
}

}  // namespace ledgerline::cli
