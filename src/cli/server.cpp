#include "cli/server.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <fstream>

#include "cli/exit_code.h"

namespace ledgerline::cli {
namespace {

constexpr milliseconds kTimeoutMin{100};
constexpr milliseconds kTimeoutMax{600'000};
constexpr std::int64_t kRetryAfterMaxSeconds = 300;

// The first line of the file, or else the environment's key; "" when there is neither.
Result<std::string> read_api_key(const std::string& path) {
    if (path.empty()) {
        const char* key = std::getenv("LEDGERLINE_API_KEY");
        return key ? key : "";
    }
    std::ifstream file(path);
    std::string key;
    if (!file || !std::getline(file, key))
        return failure(Disposition::refuse, std::string(bad_usage),
                       fmt::format("cannot read an API key from {}", path));
    if (key.ends_with('\r')) key.pop_back();
    return key;
}

// Seconds only: our server sends no dates.
std::optional<milliseconds> parse_retry_after(const std::string* header) {
    if (!header) return std::nullopt;
    std::int64_t seconds = 0;
    const auto parsed = std::from_chars(header->data(), header->data() + header->size(), seconds);
    if (parsed.ec != std::errc() || seconds < 0) return std::nullopt;
    return milliseconds(1000 * std::min(seconds, kRetryAfterMaxSeconds));
}

}  // namespace

void declare_server_options(Command& command, ServerOptions& options) {
    command.option({"--url", "URL", "The server's address"}, options.url);
    declare_key_options(command, options);
}

void declare_key_options(Command& command, ServerOptions& options) {
    command.option({"--api-key-file", "FILE",
                    "File with the API key in its first line; without it the key is taken from the variable "
                    "LEDGERLINE_API_KEY"},
                   options.api_key_file);
    command.option({"--timeout", "TIME", "How long one call may take"}, options.timeout, kTimeoutMin, kTimeoutMax);
}

bool Answer::retryable() const { return status == 408 || status == 429 || status >= 500; }

Error Answer::error() const {
    const std::string code = text_of(body, "code");
    const std::string detail = text_of(body, "detail");
    return {retryable() ? Disposition::retry : Disposition::refuse,
            code.empty() ? "http_" + std::to_string(status) : code,
            fmt::format("{} (HTTP {}{}{})", detail.empty() ? "the server refused the request" : detail, status,
                        code.empty() ? "" : ", ", code)};
}

Server::Server(http::BaseUrl base, std::string api_key, milliseconds timeout)
    : url_(base.to_string()), api_key_(std::move(api_key)), timeout_(timeout), client_(std::move(base)) {}

Result<Server> Server::open(const ServerOptions& options) {
    auto base = http::BaseUrl::parse(options.url);
    if (!base) return failure(Disposition::refuse, std::string(bad_usage), "--url: " + base.error().message);
    LEDGERLINE_TRY(std::string key, read_api_key(options.api_key_file));
    return Server(*std::move(base), std::move(key), options.timeout);
}

Result<http::ClientResponse> Server::exchange(http::ClientRequest request) {
    if (!api_key_.empty()) request.headers.emplace_back("X-API-Key", api_key_);
    return client_.send(request, timeout_);
}

Result<Answer> Server::call(std::string_view method, std::string target, std::string body,
                            std::vector<http::Header> headers) {
    LEDGERLINE_TRY(const http::ClientResponse response,
                   exchange({std::string(method), std::move(target), std::move(headers), std::move(body)}));
    Answer answer{response.status, {}, parse_retry_after(response.header("retry-after"))};
    if (response.body.empty()) return answer;
    auto parsed = json::parse(response.body);
    if (parsed)
        answer.body = *std::move(parsed);
    else if (answer.ok())
        return failure(Disposition::retry, "bad_answer",
                       fmt::format("{} answered {} with something else than JSON: is this a Ledgerline server?", url_,
                                   response.status));
    return answer;
}

Result<json::Value> Server::get(std::string target) {
    LEDGERLINE_TRY(Answer answer, call("GET", std::move(target)));
    if (!answer.ok()) return std::unexpected(answer.error());
    return std::move(answer.body);
}

Result<std::string> Server::get_text(std::string target) {
    LEDGERLINE_TRY(http::ClientResponse response, exchange({"GET", std::move(target), {}, ""}));
    if (response.status == 200) return std::move(response.body);
    auto problem = json::parse(response.body);
    return std::unexpected(Answer{response.status, problem.value_or(json::Value()), {}}.error());
}

Result<json::Value> Server::send(std::string_view method, std::string target, const json::Value& body) {
    LEDGERLINE_TRY(Answer answer, call(method, std::move(target), body.is_null() ? "" : json::serialize(body)));
    if (!answer.ok()) return std::unexpected(answer.error());
    return std::move(answer.body);
}

std::string text_of(const json::Value& object, std::string_view member) {
    const json::Value* value = object.find(member);
    const std::string* text = value ? value->if_string() : nullptr;
    return text ? *text : "";
}

}  // namespace ledgerline::cli
