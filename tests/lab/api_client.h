// ApiClient: how tests call the API, and Answer: what it says.
//
//     ApiClient api(server.port());
//     const std::string account = api.post("/v1/accounts", R"({"currency":"EUR"})").at("id");
//     EXPECT_EQ(api.get("/v1/accounts/" + account).at("balance_cents"), "0");
//     EXPECT_EQ(api.get("/v1/accounts?offset=1").code(), "use_cursor");
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "http/client.h"
#include "lab/eventually.h"

namespace ledgerline::test {

struct Answer {
    int status = 0;  // 0: none came
    std::vector<http::Header> headers;
    json::Value body;     // JSON, or else one string
    std::string error{};  // why none came

    std::string header(std::string_view name) const;  // "" if there is none
    // The member at a path such as "results.0.transaction.id": strings and numbers as they are, null as "null", and
    // "missing" if there is none.
    std::string at(std::string_view path) const;
    std::int64_t number(std::string_view path) const;  // -1 if there is none
    std::string code() const { return at("code"); }
    std::string text() const;  // the whole body
};

// One connection, kept between calls. Not thread-safe.
class ApiClient {
public:
    // On 127.0.0.1. api_key: sent with every call unless empty.
    explicit ApiClient(std::uint16_t port, const std::string& api_key = "");
    explicit ApiClient(const http::BaseUrl& server) : client_(server) {}

    Answer call(const std::string& method, const std::string& target, const std::string& body = "",
                std::vector<http::Header> headers = {}, milliseconds timeout = patience);
    Answer get(const std::string& target, std::vector<http::Header> headers = {}) {
        return call("GET", target, "", std::move(headers));
    }
    Answer post(const std::string& target, const std::string& body, std::vector<http::Header> headers = {}) {
        return call("POST", target, body, std::move(headers));
    }
    // Opens an account and returns its id. fields: the members of the body.
    std::string open_account(const std::string& fields = R"("currency":"EUR")");

private:
    http::Client client_;
    std::vector<http::Header> headers_;  // of every call
};

// The body of a transaction of one account. more: further members, each with a comma before it.
std::string transaction_json(const std::string& account_id, const std::string& key, std::int64_t amount_cents = 100,
                             const std::string& type = "CREDIT", const std::string& more = "");

}  // namespace ledgerline::test
