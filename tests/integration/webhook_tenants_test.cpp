// Webhooks of several tenants, beside one another: each is told of its tenant's accounts, and of nothing else.
#include "integration/webhooks_fixture.h"

namespace ledgerline::test {
namespace {

using testing::HasSubstr;
using testing::UnorderedElementsAreArray;

class WebhooksOfTenants : public Webhooks {
protected:
    using Headers = std::vector<http::Header>;

    WebhooksOfTenants() {
        for (const char* tenant : {"acme", "zeta"})
            EXPECT_EQ(server().call("PUT", std::string("/v1/tenants/") + tenant).status, 201);
    }
    static Headers of(const std::string& tenant) { return {{"X-Tenant", tenant}}; }
    std::string account_of(const std::string& tenant) const {
        return server().post("/v1/accounts", R"({"currency":"EUR"})", of(tenant)).at("id");
    }
    Answer make_for(const std::string& tenant, const std::string& url, const std::string& more = "") const {
        return server().post("/v1/webhooks", fmt::format(R"({{"url":"{}"{}}})", url, more), of(tenant));
    }
    void pay_for(const std::string& tenant, const std::string& account, const std::string& key) const {
        Headers headers = of(tenant);
        headers.emplace_back("Prefer", "wait=30");
        const Answer made = server().post("/v1/transactions", ApiServer::transaction(account, key), headers);
        EXPECT_EQ(made.at("status"), "PROCESSED") << made.text();
    }
    // From an account of that tenant to one of any.
    void move(const std::string& tenant, const std::string& from, const std::string& to) const {
        const std::string body = fmt::format(
            R"({{"legs":[{{"from_account_id":"{}","to_account_id":"{}","amount_cents":1,"currency":"EUR"}}]}})", from,
            to);
        Headers headers = of(tenant);
        headers.emplace_back("Prefer", "wait=30");
        headers.emplace_back("Idempotency-Key", from + to);
        const Answer made = server().post("/v1/transfers", body, headers);
        EXPECT_EQ(made.at("status"), "PROCESSED") << made.text();
    }
    std::vector<std::string> told_to(const std::string& tenant) const {
        std::vector<std::string> ids;
        const Answer events = server().call("GET", "/v1/events?limit=1000", "", of(tenant));
        for (int n = 0; events.at(fmt::format("events.{}.id", n)) != "missing"; ++n)
            ids.push_back(events.at(fmt::format("events.{}.id", n)));
        return ids;
    }
};

TEST_F(WebhooksOfTenants, AreToldOfTheirOwnAccountsOnly) {
    WebhookReceiver acme, operators, none;
    const std::string ours = account_of("acme"), theirs = account_of("zeta"), own = server().account();
    ASSERT_EQ(make_for("acme", acme.url()).status, 201);
    ASSERT_EQ(make(operators.url()).status, 201);
    ASSERT_EQ(make_for("acme", none.url(), fmt::format(R"(,"account_ids":["{}"])", theirs)).status, 201);
    // What is decided before a notifier begins is read from the database, the rest is told by its tail.
    for (const bool is_read : {true, false}) {
        const std::string key = is_read ? "read" : "tailed";
        for (int n = 0; n < 5; ++n) {
            pay_for("zeta", theirs, key + std::to_string(n));
            pay_for("acme", ours, key + std::to_string(n));
            pay(own, key + std::to_string(n));
        }
        if (is_read) notify();
        ASSERT_TRUE(receives(acme, is_read ? 5 : 10));
        ASSERT_TRUE(receives(operators, is_read ? 5 : 10));
    }
    move("acme", ours, theirs);
    move("zeta", theirs, own);
    EXPECT_EQ(server().call("PATCH", "/v1/accounts/" + ours, R"({"min_balance_cents":-1})", of("acme")).status, 200);
    ASSERT_TRUE(receives(acme, 12));
    ASSERT_TRUE(receives(operators, 11));
    EXPECT_THAT(ids_of(acme), UnorderedElementsAreArray(told_to("acme")));
    EXPECT_THAT(ids_of(operators), UnorderedElementsAreArray(told_to("default")));
    // Nothing was made of what nobody is to be told.
    EXPECT_TRUE(eventually([&] { return value("SELECT count(*) FROM webhook_deliveries") == "23"; }));
    EXPECT_EQ(none.arrived(), 0U);
}

TEST_F(WebhooksOfTenants, FailWithoutTheOthersHearingOfIt) {
    WebhookReceiver gone([](const WebhookMessage&) { return 410; });
    WebhookReceiver ours, operators;
    const Answer made = make_for("acme", gone.url());
    ASSERT_EQ(make_for("acme", ours.url(), R"(,"events":["webhook.disabled"])").status, 201);
    ASSERT_EQ(make(operators.url()).status, 201);
    notify();
    pay_for("acme", account_of("acme"), "1");
    ASSERT_TRUE(receives(ours, 1));
    EXPECT_THAT(ours.taken()[0].body, HasSubstr(made.at("id")));
    EXPECT_EQ(value("SELECT count(*) FROM webhook_deliveries WHERE event_type = 'webhook.disabled'"), "1");
    const auto last_action = [&](const std::string& tenant) {
        return server().call("GET", "/v1/audit?subject=" + made.at("id"), "", of(tenant)).at("audit.0.action");
    };
    EXPECT_EQ(last_action("acme"), "webhook_disabled");
    EXPECT_EQ(last_action("default"), "missing");
}

TEST_F(WebhooksOfTenants, MayHaveTheSameUrlAndCountApart) {
    ASSERT_EQ(make_for("acme", "https://a.example/").status, 201);
    const Answer other = make_for("zeta", "https://a.example/");
    ASSERT_EQ(other.status, 201) << other.text();
    EXPECT_EQ(make_for("acme", "https://a.example/").code(), "url_taken");
    const std::string path = "/v1/webhooks/" + make_for("acme", "https://b.example/").at("id");
    EXPECT_EQ(server().call("PATCH", path, R"({"url":"https://a.example/"})", of("acme")).code(), "url_taken");
    EXPECT_EQ(server().call("PATCH", path, R"({"url":"https://c.example/"})", of("zeta")).code(), "webhook_not_found");
    const auto fill = [&](const std::string& tenant, int count) {
        pipeline_.database().run(fmt::format(
            "INSERT INTO webhooks (id, url, events, account_ids, status, changed_at, created_at, tenant) SELECT "
            "gen_random_uuid(), 'https://x.example/' || gen_random_uuid(), '{{}}', '{{}}', 'ENABLED', now(), now(), "
            "t.id "
            "FROM generate_series(1, {}), tenants t WHERE t.name = '{}'",
            count, tenant));
    };
    fill("acme", 48);
    EXPECT_THAT(make_for("acme", "https://d.example/").at("detail"), HasSubstr("There are 50 webhooks"));
    EXPECT_EQ(make_for("zeta", "https://d.example/").status, 201);
    fill("default", 448);  // 500 with the two of zeta
    const Answer full = make_for("zeta", "https://e.example/");
    EXPECT_EQ(full.code(), "too_many_webhooks");
    EXPECT_THAT(full.at("detail"), HasSubstr("has 500 webhooks"));
}

}  // namespace
}  // namespace ledgerline::test
