// Webhooks over HTTP and on real PostgreSQL, from the calls that make them to the servers that receive.
#include <atomic>
#include <map>

#include "integration/webhooks_fixture.h"

namespace ledgerline::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kNone = "/v1/webhooks/0198f0a0-0000-7000-8000-000000000000";

// The calls -----------------------------------------------------------------------------------------------------------

TEST_F(Webhooks, AreMadeShownChangedAndDeleted) {
    const std::string account = server().account();
    const Answer made =
        make("https://shop.example/hooks",
             fmt::format(R"(,"events":["transaction.failed"],"account_ids":["{}"],"description":"x")", account));
    ASSERT_EQ(made.status, 201) << made.text();
    EXPECT_THAT(made.at("secret"), testing::MatchesRegex("whsec_[A-Za-z0-9+/]{43}="));
    EXPECT_EQ(made.header("location"), "/v1/webhooks/" + made.at("id"));
    EXPECT_EQ(made.header("cache-control"), "no-store");
    const Answer shown = show(made.at("id"));
    EXPECT_EQ(shown.at("secret"), "missing");
    EXPECT_EQ(shown.at("status"), "ENABLED");
    EXPECT_EQ(shown.at("account_ids.0"), account);
    const Answer changed = change(made.at("id"), R"({"status":"DISABLED","events":[],"description":null})");
    ASSERT_EQ(changed.status, 200) << changed.text();
    EXPECT_EQ(changed.at("status"), "DISABLED");
    EXPECT_EQ(changed.at("reason"), "by_operator");
    EXPECT_EQ(changed.at("events.0"), "missing");
    EXPECT_EQ(changed.at("description"), "null");
    EXPECT_EQ(changed.at("url"), "https://shop.example/hooks");
    EXPECT_EQ(changed.at("account_ids.0"), account);
    EXPECT_EQ(change(made.at("id"), R"({"status":"ENABLED"})").at("reason"), "null");
    EXPECT_EQ(server().get("/v1/webhooks").at("webhooks.0.id"), made.at("id"));
    EXPECT_EQ(server().call("DELETE", "/v1/webhooks/" + made.at("id")).at("id"), made.at("id"));
    EXPECT_EQ(show(made.at("id")).code(), "webhook_not_found");
    const Answer audit = server().get("/v1/audit?subject=" + made.at("id"));
    EXPECT_EQ(audit.at("audit.0.action"), "webhook_deleted");
    EXPECT_EQ(audit.at("audit.0.before.url"), "https://shop.example/hooks");
    EXPECT_EQ(audit.at("audit.2.before.status"), "ENABLED");
    EXPECT_EQ(audit.at("audit.2.after.status"), "DISABLED");
    EXPECT_EQ(audit.at("audit.3.action"), "webhook_created");
    EXPECT_THAT(audit.text(), Not(HasSubstr(made.at("secret").substr(6))));
}

TEST_F(Webhooks, NullIsAsIfItWereAbsent) {
    const Answer made = make("https://a.example/", R"(,"events":null,"account_ids":null,"description":null)");
    ASSERT_EQ(made.status, 201) << made.text();
    EXPECT_EQ(made.at("events.0"), "missing");
    const std::string account = server().account();
    change(made.at("id"), fmt::format(R"({{"account_ids":["{}"]}})", account));
    const Answer changed = change(made.at("id"), R"({"url":null,"events":null,"account_ids":null,"status":null})");
    ASSERT_EQ(changed.status, 200) << changed.text();
    EXPECT_EQ(changed.at("account_ids.0"), account);
}

TEST_F(Webhooks, WhatIsWrongWithOneIsNamed) {
    const auto field = [&](const std::string& body) {
        const Answer refused = server().post("/v1/webhooks", body);
        EXPECT_EQ(refused.status, 400) << body;
        return refused.at("field");
    };
    EXPECT_EQ(field("{}"), "url");
    EXPECT_EQ(field(R"({"url":"ftp://a.example/"})"), "url");
    EXPECT_EQ(field(R"({"url":"https://u:p@a.example/"})"), "url");
    EXPECT_EQ(field(R"({"url":"https://10.1.2.3/"})"), "url");
    EXPECT_EQ(field(R"({"url":"https://a.example/","events":["money"]})"), "events");
    EXPECT_EQ(field(R"({"url":"https://a.example/","account_ids":["x"]})"), "account_ids");
    EXPECT_EQ(field(R"({"url":"https://a.example/","status":"ENABLED"})"), "status");
    const Answer made = make("https://a.example/");
    ASSERT_EQ(made.status, 201);
    EXPECT_EQ(make("https://a.example/").code(), "url_taken");
    const Answer other = make("https://b.example/");
    EXPECT_EQ(change(other.at("id"), R"({"url":"https://a.example/"})").code(), "url_taken");
    for (const char* call : {"/rotate", "/ping"}) EXPECT_EQ(server().post(std::string(kNone) + call, "").status, 404);
    EXPECT_EQ(server().call("PATCH", kNone, "{}").code(), "webhook_not_found");
    EXPECT_EQ(server().call("DELETE", kNone).code(), "webhook_not_found");
    EXPECT_EQ(server().get(std::string(kNone) + "/deliveries").code(), "webhook_not_found");
    pipeline_.database().run(
        "INSERT INTO webhooks (id, url, events, account_ids, status, changed_at, created_at) SELECT gen_random_uuid(), "
        "'https://x.example/' || n, '{}', '{}', 'ENABLED', now(), now() FROM generate_series(1, 48) n");
    EXPECT_EQ(make("https://c.example/").code(), "too_many_webhooks");
}

// Delivery ------------------------------------------------------------------------------------------------------------

TEST_F(Webhooks, GetWhatTheFeedTellsSignedAndInOrder) {
    WebhookReceiver receiver;
    const std::string a = server().account(), b = server().account();
    pay(a, "before");
    const Answer made = make(receiver.url("/x?y=1"));
    notify();
    for (int n = 0; n < 20; ++n) pay(n % 2 ? a : b, "p" + std::to_string(n));
    ASSERT_TRUE(receives(receiver, 20));
    std::map<std::string, std::vector<std::string>> received;
    for (const WebhookMessage& message : receiver.taken()) {
        EXPECT_EQ(message.path, "/x?y=1");
        EXPECT_TRUE(is_signed(message, made.at("secret")));
        EXPECT_FALSE(is_signed(message, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
        EXPECT_EQ(message.headers.at("content-type"), "application/cloudevents+json; charset=utf-8");
        EXPECT_EQ(message.member("id"), message.id());
        EXPECT_EQ(message.member("type"), "transaction.processed");
        received[message.member("subject")].push_back(message.id());
    }
    std::vector<std::string> of_a = told(a);
    of_a.erase(of_a.begin());  // before it was made
    EXPECT_EQ(received[a], of_a);
    EXPECT_EQ(received[b], told(b));
    // Its position is stored, so that the next notifier sends nothing again; and so is what was delivered.
    const std::string deliveries = "/v1/webhooks/" + made.at("id") + "/deliveries?status=DELIVERED&limit=100";
    EXPECT_TRUE(eventually([&] { return server().get(deliveries).at("deliveries.19.id") != "missing"; }));
    EXPECT_EQ(server().get(deliveries).at("deliveries.0.tries.0.status"), "204");
    notify();
    pay(a, "after");
    ASSERT_TRUE(receives(receiver, 21));
    EXPECT_EQ(receiver.taken_count(), 21u);
}

// The next session may be to a standby that lagged behind: the position is the one that it has.
TEST_F(Webhooks, GoOnFromTheStoredPositionAfterALostSession) {
    WebhookReceiver receiver;
    const std::string a = server().account();
    make(receiver.url());
    const std::string position = value("SELECT position FROM webhook_progress");
    notify();
    pay(a, "1");
    ASSERT_TRUE(receives(receiver, 1));
    EXPECT_TRUE(eventually([&] { return value("SELECT position FROM webhook_progress") != position; }));
    value("UPDATE webhook_progress SET position = '" + position + "' RETURNING position");
    EXPECT_EQ(value("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND application_name = 'ledgerline webhooks'"),
              "1");
    ASSERT_TRUE(receives(receiver, 2));
    EXPECT_EQ(receiver.taken()[1].id(), receiver.taken()[0].id());
}

TEST_F(Webhooks, GetOnlyTheTypesAndAccountsThatTheyWant) {
    WebhookReceiver failures, one;
    const std::string a = server().account(), b = server().account();
    make(failures.url(), R"(,"events":["transaction.failed"])");
    make(one.url(), fmt::format(R"(,"account_ids":["{}"])", b));
    notify();
    pay(a, "1");
    pay(b, "2");
    server().post("/v1/transactions", transaction_json(a, "3", 1'000'000, "DEBIT"), {{"Prefer", "wait=30"}});
    ASSERT_TRUE(receives(failures, 1));
    ASSERT_TRUE(receives(one, 1));
    EXPECT_EQ(failures.taken()[0].member("type"), "transaction.failed");
    EXPECT_EQ(one.taken()[0].member("subject"), b);
    EXPECT_EQ(failures.arrived() + one.arrived(), 2u);
}

TEST_F(Webhooks, ALaterEventWaitsForAnEarlierOneOfItsAccountAlone) {
    const std::string a = server().account(), b = server().account();
    std::atomic<bool> refuse = true;
    WebhookReceiver receiver(
        [&](const WebhookMessage& message) { return refuse && message.member("subject") == a ? 500 : 200; });
    const Answer made = make(receiver.url());
    notify();
    pay(a, "a1");
    pay(b, "b1");
    pay(a, "a2");
    pay(b, "b2");
    ASSERT_TRUE(receives(receiver, 2));
    EXPECT_EQ(ids_of(receiver), told(b));
    // It is stored, so that the position of the endpoint moves over it.
    EXPECT_TRUE(eventually([&] { return show(made.at("id")).at("pending") == "2"; }));
    const Answer pending = server().get("/v1/webhooks/" + made.at("id") + "/deliveries?status=PENDING");
    EXPECT_EQ(pending.at("deliveries.0.account_id"), a);
    EXPECT_TRUE(eventually([&] {
        return server()
                   .get("/v1/webhooks/" + made.at("id") + "/deliveries?status=PENDING")
                   .number("deliveries.1.attempts") >= 2;
    }));
    // Another notifier goes on with it.
    notify();
    refuse = false;
    ASSERT_TRUE(receives(receiver, 4));
    std::vector<std::string> both = told(b);
    for (const std::string& id : told(a)) both.push_back(id);
    EXPECT_EQ(ids_of(receiver), both);
    EXPECT_TRUE(eventually([&] { return show(made.at("id")).at("pending") == "0"; }));
}

TEST_F(Webhooks, OneThatIsSlowOrDownHoldsUpNoOther) {
    WebhookReceiver slow([](const WebhookMessage&) { return WebhookReceiver::silence; });
    WebhookReceiver down([](const WebhookMessage&) { return WebhookReceiver::no_answer; });
    WebhookReceiver fast;
    std::vector<std::string> accounts;
    for (int n = 0; n < 20; ++n) accounts.push_back(server().account());  // more than may be under way to one
    for (const WebhookReceiver* each : {&slow, &down, &fast}) ASSERT_EQ(make(each->url()).status, 201);
    notify();
    for (int n = 0; n < 100; ++n) pay(accounts[static_cast<std::size_t>(n % 20)], std::to_string(n));
    ASSERT_TRUE(receives(fast, 100));
    EXPECT_EQ(slow.taken_count() + down.taken_count(), 0u);
    EXPECT_LE(slow.arrived(), 16u);
}

TEST_F(Webhooks, BothSecretsSignWhileTheyRotate) {
    WebhookReceiver receiver;
    const std::string account = server().account();
    const Answer made = make(receiver.url());
    const std::string path = "/v1/webhooks/" + made.at("id");
    const Answer rotated = server().post(path + "/rotate", R"({"overlap_s":600})");
    ASSERT_EQ(rotated.status, 200) << rotated.text();
    EXPECT_NE(rotated.at("previous_secret_ends_at"), "null");
    EXPECT_EQ(server().post(path + "/rotate", "").code(), "rotation_under_way");
    notify();
    pay(account, "1");
    ASSERT_TRUE(receives(receiver, 1));
    const WebhookMessage message = receiver.taken()[0];
    EXPECT_TRUE(is_signed(message, made.at("secret")));
    EXPECT_TRUE(is_signed(message, rotated.at("secret")));
    pipeline_.database().run(
        "UPDATE webhook_secrets SET ends_at = now() - interval '1 second' WHERE ends_at IS NOT NULL");
    // Noticed within a second: by the first event after that.
    EXPECT_TRUE(eventually([&, n = 2]() mutable {
        pay(account, std::to_string(n++));
        const WebhookMessage last = receiver.taken().back();
        return !is_signed(last, made.at("secret")) && is_signed(last, rotated.at("secret"));
    }));
    EXPECT_EQ(server().post(path + "/rotate", "").status, 200);
}

TEST_F(Webhooks, OneThatIsGoneIsDisabledAndTheOthersAreTold) {
    WebhookReceiver gone([](const WebhookMessage&) { return 410; });
    WebhookReceiver watcher;
    const std::string account = server().account();
    const Answer made = make(gone.url());
    make(watcher.url(), R"(,"events":["webhook.disabled"])");
    notify();
    pay(account, "1");
    ASSERT_TRUE(receives(watcher, 1));
    const WebhookMessage told = watcher.taken()[0];
    EXPECT_EQ(told.member("type"), "webhook.disabled");
    EXPECT_THAT(told.body, HasSubstr(made.at("id")));
    const Answer shown = show(made.at("id"));
    EXPECT_EQ(shown.at("status"), "DISABLED");
    EXPECT_EQ(shown.at("reason"), "gone");
    EXPECT_EQ(shown.at("pending"), "1");
    EXPECT_EQ(gone.arrived(), 1u);
    EXPECT_EQ(server().get("/v1/audit?subject=" + made.at("id")).at("audit.0.action"), "webhook_disabled");
    EXPECT_EQ(server().post("/v1/webhooks/" + made.at("id") + "/ping", "").code(), "webhook_disabled");
    EXPECT_TRUE(eventually([&] { return pipeline_.metrics().webhooks_failing.Value() == 1; }));
}

// By a clock that the test moves: an event that is not taken for three days.
TEST_F(Webhooks, OneThatFailsForTooLongIsDisabledAndGoesOnWhenItIsEnabled) {
    std::atomic<int> status = 503;
    WebhookReceiver receiver([&](const WebhookMessage&) { return status.load(); });
    WebhookReceiver watcher;
    const std::string account = server().account();
    const Answer made = make(receiver.url());
    make(watcher.url(), R"(,"events":["webhook.disabled"])");
    auto config = service_config(pipeline_.database());
    config.queue = {};
    notify(config, &clock_);
    pay(account, "1");
    pay(account, "2");
    milliseconds moved{0};
    ASSERT_TRUE(eventually([&] {
        clock_.advance(std::chrono::minutes(10));
        moved += std::chrono::minutes(10);
        return show(made.at("id")).at("status") == "DISABLED";
    }));
    EXPECT_GE(moved, std::chrono::hours(72));
    EXPECT_EQ(show(made.at("id")).at("reason"), "failing");
    EXPECT_TRUE(eventually([&] {
        clock_.advance(std::chrono::seconds(1));
        return watcher.taken_count() == 1;
    }));
    EXPECT_EQ(watcher.taken()[0].member("type"), "webhook.disabled");
    EXPECT_EQ(show(made.at("id")).at("pending"), "2");
    status = 200;
    ASSERT_EQ(change(made.at("id"), R"({"status":"ENABLED"})").status, 200);
    EXPECT_TRUE(eventually([&] {
        clock_.advance(std::chrono::seconds(1));
        return receiver.taken_count() == 2;
    }));
    EXPECT_EQ(ids_of(receiver), told(account));
}

TEST_F(Webhooks, APrivateAddressIsNotCalledWhateverItsNameIs) {
    WebhookReceiver receiver;
    const Answer made = make(receiver.url());
    auto config = service_config(pipeline_.database());
    config.settings.allowed.clear();
    notify(config);
    const Answer asked = server().post("/v1/webhooks/" + made.at("id") + "/ping", "");
    ASSERT_EQ(asked.status, 202) << asked.text();
    const std::string delivery = "/v1/webhooks/" + made.at("id") + "/deliveries/" + asked.at("id");
    ASSERT_TRUE(eventually([&] { return server().get(delivery).at("status") == "FAILED"; }));
    EXPECT_THAT(server().get(delivery).at("tries.0.error"), HasSubstr("127.0.0.1 may not be called"));
    EXPECT_EQ(receiver.arrived(), 0u);
}

TEST_F(Webhooks, ARedirectIsNotFollowed) {
    WebhookReceiver target;
    WebhookReceiver redirecting([](const WebhookMessage&) { return 302; });
    redirecting.answer_with("Location: " + target.url() + "\r\n");
    const std::string path = "/v1/webhooks/" + make(redirecting.url()).at("id");
    notify();
    const std::string delivery = path + "/deliveries/" + server().post(path + "/ping", "").at("id");
    EXPECT_TRUE(eventually([&] { return server().get(delivery).at("status") != "PENDING"; }));
    const Answer refused = server().get(delivery);
    EXPECT_EQ(refused.at("status"), "FAILED");
    EXPECT_EQ(refused.at("tries.0.status"), "302");
    EXPECT_EQ(target.arrived(), 0u);
}

}  // namespace
}  // namespace ledgerline::test
