// Server: the HTTP API, as called by the commands.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/money.h"
#include "base/result.h"
#include "cli/command.h"
#include "http/client.h"

namespace ledgerline::cli {

struct ServerOptions {
    std::string url{};      // "": the profile's
    std::string profile{};  // "": the current one, or else a server on this machine
    std::string api_key_file{};
    std::string token_file{};  // sent in place of an API key
    std::string ca_file{};
    std::string tenant{};                        // "": that of the key
    std::string certificate_file{}, key_file{};  // shown to a server that asks for one
    milliseconds timeout{30'000};                // per call
};

// --url, --profile, --api-key-file, --token-file, --tenant, --ca-file, --client-cert, --client-key and --timeout. The
// key itself may also come from LEDGERLINE_API_KEY, but never from an argument: every user of the machine can read
// those.
void declare_server_options(Command& command, ServerOptions& options);
inline constexpr const char* api_key_variable = "LEDGERLINE_API_KEY";
// The same without --url.
void declare_key_options(Command& command, ServerOptions& options);

// One answer of the API, whatever its status.
struct Answer {
    int status = 0;
    json::Value body;  // null if absent
    std::optional<milliseconds> retry_after;
    std::string location;  // the target of a redirect; "" for other answers

    bool ok() const { return status >= 200 && status < 300; }
    // Whether the same request may succeed later: 408, 429 and 5xx.
    bool retryable() const;
    // The error in the problem document. Disposition::retry when it is retryable, refuse otherwise. server: the URL as
    // shown in messages, for an answer that is not Ledgerline's.
    Error error(std::string_view server) const;
};

// Not thread-safe: one thread at a time.
class Server {
public:
    static constexpr int known_tries_max = 4;

    // Does not connect yet. Error bad_usage: the profile, the URL or the key file cannot be used.
    static Result<Server> open(const ServerOptions& options);

    // Any answer that is JSON or not ok(). Errors are those of http::Client, and bad_answer().
    Result<Answer> call(std::string_view method, std::string target, std::string body = {},
                        std::vector<http::Header> headers = {});
    // The same for a request that is safe to repeat, such as one with an idempotency key: repeated while it is unknown
    // whether it was executed, at most known_tries_max times in all, none begun after the timeout.
    Result<Answer> call_until_known(std::string_view method, const std::string& target, const std::string& body,
                                    const std::vector<http::Header>& headers = {});
    // The object in a successful answer, which has the given member; otherwise the problem as an error.
    Result<json::Value> get(std::string target, std::string_view member);
    // Sent with call_until_known().
    Result<json::Value> send(std::string_view method, const std::string& target, const json::Value& body,
                             std::string_view member, const std::vector<http::Header>& headers = {});
    // The objects in the list that is this member of the answer.
    Result<json::Array> objects_of(const json::Value& answer, std::string_view member) const;
    // The asset with that code; null when the server has none. What ISO 4217 says is known; the server is asked for
    // everything else, once. One from before it had assets of its own has only ISO 4217's.
    Result<const Asset*> asset(std::string_view code);
    // The error in an answer that is not ok().
    Error error_of(const Answer& answer) const { return answer.error(url_); }
    // The error for an answer that Ledgerline would not give. what: what is wrong with it. Code "bad_answer" (retry: a
    // proxy may have answered for a server that is away).
    Error bad_answer(std::string_view what) const;

    const std::string& url() const { return url_; }
    void set_timeout(milliseconds timeout) { timeout_ = timeout; }

private:
    // Adds the tenant, and the key or the token, if there are any. A token is read anew for each call: it ends before
    // long ones do.
    Result<http::ClientResponse> exchange(http::ClientRequest request);
    Result<std::vector<Asset>> read_assets();
    Result<json::Value> object_of(Result<Answer> answer, std::string_view member) const;

    Server(const http::BaseUrl& base, std::string api_key, const ServerOptions& options);

    std::string url_;
    std::string api_key_;
    std::string token_file_;
    std::string tenant_;
    milliseconds timeout_;
    http::Client client_;
    std::optional<Result<std::vector<Asset>>> assets_;  // the answer, or why there is none
};

// The member's string; "" when it is missing, null or of another type.
std::string text_of(const json::Value& object, std::string_view member);

// The id of the account with that id or reference: people name accounts by either. Error account_not_found when no
// account has the reference; whether an id exists is not checked.
Result<std::string> resolve_account(Server& server, const std::string& id_or_reference);

}  // namespace ledgerline::cli
