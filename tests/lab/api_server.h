// A database, the API on it, and a listener on a free port: for tests that speak HTTP. No publisher and no worker runs;
// apply() stands in for them.
//
//     ApiServer server;
//     const Answer made = server.post("/v1/transactions", ApiServer::transaction(server.account(), "key"));
//     server.apply(made.at("id"));
//     EXPECT_EQ(server.get("/v1/transactions/" + made.at("id")).at("status"), "PROCESSED");
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "api/api.h"
#include "http/server/listener.h"
#include "lab/api_client.h"
#include "lab/test_database.h"

namespace ledgerline::test {

class ApiServer {
public:
    ApiServer() : ApiServer(api::ApiConfig{}) {}
    // The database's URL is filled in.
    explicit ApiServer(api::ApiConfig config) : ApiServer(std::move(config), TestCluster::shared()) {}
    ApiServer(api::ApiConfig config, TestCluster& cluster);
    ~ApiServer();

    // Safe to use from any thread: each call has a connection of its own. Fails the test when there is no answer.
    Answer call(const std::string& method, const std::string& target, const std::string& body = "",
                std::vector<http::Header> headers = {}) const;
    Answer get(const std::string& target) const { return call("GET", target); }
    Answer post(const std::string& target, const std::string& body, std::vector<http::Header> headers = {}) const {
        return call("POST", target, body, std::move(headers));
    }

    std::uint16_t port() const { return listener_->port(); }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port()); }

    // Makes an account and returns its id.
    std::string account(const std::string& fields = R"("currency":"EUR")") const;
    std::string lane_of(const std::string& account_id) const;
    // The same for an account whose lane is not the other's: what apply() does to one leaves the other alone.
    std::string account_beside(const std::string& other_id) const;
    // The body of a transaction.
    static std::string transaction(const std::string& account_id, const std::string& key, int amount_cents = 100,
                                   const std::string& more = "");
    // Decides the last place of a transaction, as the worker would, and wakes the requests that wait. Whatever stands
    // before it in its lane counts as decided too.
    void apply(const std::string& transaction_id, const std::string& outcome = "PROCESSED");
    // The same for a transaction whose dead letter was discarded.
    void discard(const std::string& transaction_id);
    // Parks the transaction at its last place. Returns the letter's id.
    std::string park(const std::string& transaction_id);

    const TestDatabase& database() const { return database_; }
    api::Api& api() { return *api_; }
    const http::Router& router() const { return router_; }
    Metrics& metrics() { return metrics_; }
    Wakeup& publisher_wakeup() { return publisher_wakeup_; }

private:
    void decide(const std::string& transaction_id, const std::string& kind, const std::string& more);

    TestDatabase database_;
    SystemClock clock_;
    SystemRandom random_;
    UuidGenerator ids_{clock_, random_};
    Metrics metrics_{"test"};
    ProcessContext context_{clock_, random_, ids_, metrics_};
    Wakeup publisher_wakeup_;
    http::Router router_;
    std::unique_ptr<api::Api> api_;
    std::unique_ptr<http::Listener> listener_;
};

}  // namespace ledgerline::test
