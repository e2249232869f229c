// What tests of webhooks stand on: the pipeline, a notifier beside it, and the calls.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "lab/pipeline.h"
#include "lab/webhook_receiver.h"
#include "roles/webhook_service.h"

namespace ledgerline::test {

// Fast enough for a test, and as patient as one.
inline roles::WebhookServiceConfig service_config(const TestDatabase& database) {
    return {.database_url = database.url(),
            .settings = {.allowed = {*http::Network::parse("127.0.0.0/8")}},
            .queue = {.pause_min = milliseconds(20), .pause_max = milliseconds(200)}};
}

// A notifier as a role has it.
class Notifying {
public:
    Notifying(Pipeline& pipeline, const roles::WebhookServiceConfig& config, const Clock* clock = nullptr)
        : context_{clock ? *clock : clock_, random_, ids_, pipeline.metrics()},
          watchdog_(
              patience, [](const Error& error) { ADD_FAILURE() << error.message; }, pipeline.metrics()),
          service_(config, watchdog_, context_) {
        service_.start();
    }
    void stop() { service_.stop(); }

private:
    SystemClock clock_;
    SystemRandom random_;
    UuidGenerator ids_{clock_, random_};
    ProcessContext context_;
    roles::Watchdog watchdog_;
    roles::WebhookService service_;
};

class Webhooks : public testing::Test {
protected:
    Answer make(const std::string& url, const std::string& more = "") const {
        return server().post("/v1/webhooks", fmt::format(R"({{"url":"{}"{}}})", url, more));
    }
    Answer change(const std::string& id, const std::string& body) const {
        return server().call("PATCH", "/v1/webhooks/" + id, body);
    }
    Answer show(const std::string& id) const { return server().get("/v1/webhooks/" + id); }
    // Posts to the account and waits until it is decided.
    std::string pay(const std::string& account, const std::string& key, int cents = 100,
                    const std::string& more = "") const {
        const Answer made = server().post("/v1/transactions", ApiServer::transaction(account, key, cents, more),
                                          {{"Prefer", "wait=30"}});
        EXPECT_EQ(made.status, 201) << made.text();
        return made.at("id");
    }
    Notifying& notify() { return notify(service_config(pipeline_.database())); }
    Notifying& notify(const roles::WebhookServiceConfig& config, const Clock* clock = nullptr) {
        return notifying_.emplace(pipeline_, config, clock);
    }
    static std::vector<std::string> ids_of(const WebhookReceiver& receiver) {
        std::vector<std::string> ids;
        for (const WebhookMessage& each : receiver.taken()) ids.push_back(each.id());
        return ids;
    }
    // What the feed tells of an account.
    std::vector<std::string> told(const std::string& account) const {
        std::vector<std::string> ids;
        const Answer events = server().get("/v1/events?limit=1000&account_id=" + account);
        for (int n = 0; events.at(fmt::format("events.{}.id", n)) != "missing"; ++n)
            ids.push_back(events.at(fmt::format("events.{}.id", n)));
        return ids;
    }
    static bool receives(const WebhookReceiver& receiver, std::size_t count) {
        return eventually([&] { return receiver.taken_count() >= count; });
    }
    const ApiServer& server() const { return pipeline_.api(); }
    std::string value(const std::string& sql) const { return pipeline_.database().value(sql); }

    Pipeline pipeline_;
    ManualClock clock_{SystemClock().wall_now()};  // for a notifier whose time the test moves
    std::optional<Notifying> notifying_;
};

}  // namespace ledgerline::test
