// Server: the HTTP API as the commands call it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "cli/command.h"
#include "http/client.h"

namespace ledgerline::cli {

struct ServerOptions {
    std::string url = "http://127.0.0.1:8080";
    std::string api_key_file;
    milliseconds timeout{30'000};  // of one call
};

// --url, --api-key-file and --timeout. The key itself may also come in LEDGERLINE_API_KEY, never as an argument: those
// can be read by everybody on the machine.
void declare_server_options(Command& command, ServerOptions& options);
// The same without --url.
void declare_key_options(Command& command, ServerOptions& options);

// One answer of the API, whatever its status.
struct Answer {
    int status = 0;
    json::Value body;  // null when there is none
    std::optional<milliseconds> retry_after;
    std::string location;  // where a redirect points to; "" for other answers

    bool ok() const { return status >= 200 && status < 300; }
    // Whether the same request may succeed later: 408, 429 and 5xx.
    bool retryable() const;
    // What the problem document says. Disposition::retry when it is retryable, refuse otherwise.
    // server: how its URL is shown, for an answer that is not Ledgerline's.
    Error error(std::string_view server) const;
};

// Not thread-safe: one thread at a time.
class Server {
public:
    static constexpr int known_tries_max = 4;

    // Makes no connection yet. Error bad_usage: the URL or the key file cannot be used.
    static Result<Server> open(const ServerOptions& options);

    // Any answer that is JSON, or that is not ok(). Errors are those of http::Client, and bad_answer().
    Result<Answer> call(std::string_view method, std::string target, std::string body = {},
                        std::vector<http::Header> headers = {});
    // The same of a request that does no more when it is sent twice, as those with an idempotency key: sent again while
    // nobody knows whether it was executed, at most known_tries_max times in all and not begun after the timeout.
    Result<Answer> call_until_known(std::string_view method, const std::string& target, const std::string& body,
                                    const std::vector<http::Header>& headers = {});
    // The object of a successful answer, which has the member named; the problem as an error otherwise.
    Result<json::Value> get(std::string target, std::string_view member);
    // The body of a successful answer, whatever it is.
    Result<std::string> get_text(std::string target);
    // Sent as call_until_known() does.
    Result<json::Value> send(std::string_view method, const std::string& target, const json::Value& body,
                             std::string_view member, const std::vector<http::Header>& headers = {});
    // The objects of the list that is this member of the answer.
    Result<json::Array> objects_of(const json::Value& answer, std::string_view member) const;
    // What the answer says when it is not ok().
    Error error_of(const Answer& answer) const { return answer.error(url_); }
    // An answer that says nothing a Ledgerline would say: what is wrong with it. Code "bad_answer" (retry: a proxy may
    // have spoken for a server that is away).
    Error bad_answer(std::string_view what) const;

    void set_timeout(milliseconds timeout) { timeout_ = timeout; }

private:
    // With the key, if there is one.
    Result<http::ClientResponse> exchange(http::ClientRequest request);
    Result<json::Value> object_of(Result<Answer> answer, std::string_view member) const;

    Server(http::BaseUrl base, std::string api_key, milliseconds timeout);

    std::string url_;
    std::string api_key_;
    milliseconds timeout_;
    http::Client client_;
};

// The member's string; "" when it is missing, null or something else.
std::string text_of(const json::Value& object, std::string_view member);

}  // namespace ledgerline::cli
