// Stranger: a client that knows nothing of a server but its address and the documented contract. The end-to-end suite
// stands on it.
//
// The server is the one at LEDGERLINE_URL, where others may be at work and earlier runs have left their rows; without
// that variable one `ledgerline up` is started for the whole run. All names are new in each run.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "lab/api_client.h"

namespace ledgerline::test {

// The longest wait of Prefer: everything is decided long before it on a server that works.
inline constexpr const char* prefer_wait = "wait=30";

struct Movement {
    std::string account_id;
    std::string key;
    std::int64_t amount_cents = 100;
    std::string type = "CREDIT";
    std::string currency = "EUR";
    std::string more{};  // further members, each with a comma before it

    std::string json() const;
};

class Stranger : public testing::Test {
protected:
    // Each call has a connection of its own, so they are safe from any thread. Fails the test when no answer comes.
    static Answer call(const std::string& method, const std::string& target, const std::string& body = "",
                       std::vector<http::Header> headers = {});
    static Answer get(const std::string& target) { return call("GET", target); }
    static Answer post(const std::string& target, const std::string& body, std::vector<http::Header> headers = {}) {
        return call("POST", target, body, std::move(headers));
    }
    // What the server answers to these bytes until it closes; "" when it says nothing.
    static std::string raw(const std::string& bytes);

    // A name that nobody has used.
    static std::string fresh(const std::string& label);
    // Makes an account and returns its id.
    static std::string account(const std::string& currency = "EUR", const std::string& more = "");

    static Answer accept(const Movement& movement, std::vector<http::Header> headers = {}) {
        return post("/v1/transactions", movement.json(), std::move(headers));
    }
    // Waits for the outcome.
    static Answer settle(const Movement& movement) { return accept(movement, {{"Prefer", prefer_wait}}); }
    static Answer settle_batch(const std::vector<Movement>& movements);
    static std::string balance(const std::string& account_id);
    // All of the account's entries, oldest first, read in pages of this many.
    static json::Array entries(const std::string& account_id, int page = 1000);
};

std::string batch_of(const std::vector<Movement>& movements);
// The member of an element, as Answer::at tells it.
std::string member(const json::Value& value, std::string_view path);

}  // namespace ledgerline::test
