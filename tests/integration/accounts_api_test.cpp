// /v1/accounts over HTTP and on real PostgreSQL.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <set>

#include <future>
#include <set>

#include "lab/api_server.h"

namespace ledgerline {
namespace {

using test::Answer;

class AccountsApi : public testing::Test {
protected:
    Answer create(const std::string& body) const { return server_.post("/v1/accounts", body); }
    Answer set_status(const std::string& id, const std::string& body) const {
        return server_.call("PATCH", "/v1/accounts/" + id, body);
    }

    test::ApiServer server_;
};

TEST_F(AccountsApi, CreatesAnAccount) {
    const Answer made =
        create(R"({"currency":"EUR","reference":"wallet/ü","min_balance_cents":-500,"metadata":{"tier":1}})");
    EXPECT_EQ(made.status, 201);
    EXPECT_EQ(made.header("location"), "/v1/accounts/" + made.at("id"));
    EXPECT_EQ(made.at("reference"), "wallet/ü");
    EXPECT_EQ(made.at("currency"), "EUR");
    EXPECT_EQ(made.at("balance_cents"), "0");
    EXPECT_EQ(made.at("min_balance_cents"), "-500");
    EXPECT_EQ(made.at("status"), "ACTIVE");
    EXPECT_EQ(made.at("metadata.tier"), "1");
    EXPECT_EQ(made.at("created_at"), made.at("updated_at"));
    EXPECT_EQ(json::serialize(server_.get(made.header("location")).body), json::serialize(made.body));
}

TEST_F(AccountsApi, LeavesOutWhatIsOptional) {
    const Answer made = create(R"({"currency":"JPY","reference":null,"metadata":null})");
    EXPECT_EQ(made.status, 201);
    EXPECT_EQ(made.at("reference"), "null");
    EXPECT_EQ(made.at("metadata"), "null");
    EXPECT_EQ(made.at("min_balance_cents"), "0");
    EXPECT_EQ(create(R"({"currency":"JPY"})").status, 201);
}

TEST_F(AccountsApi, SpreadsAccountsOverTheLanes) {
    std::set<std::string> lanes;
    for (int i = 0; i < 60; ++i) lanes.insert(create(R"({"currency":"EUR"})").at("lane"));
    EXPECT_GE(lanes.size(), 6u);
    EXPECT_EQ(server_.database().value(
                  "SELECT count(*) FROM account_settings WHERE lane NOT IN (SELECT lane FROM lane_intake)"),
              "0");
}

TEST_F(AccountsApi, AReferenceBelongsToOneAccount) {
    const Answer first = create(R"({"currency":"EUR","reference":"r"})");
    const Answer second = create(R"({"currency":"USD","reference":"r"})");
    EXPECT_EQ(second.status, 409);
    EXPECT_EQ(second.code(), "reference_taken");
    EXPECT_EQ(second.at("account_id"), first.at("id"));
    EXPECT_EQ(second.at("field"), "reference");
}

TEST_F(AccountsApi, OneOfManyAtOnceGetsTheReference) {
    std::vector<std::future<Answer>> clients;
    for (int i = 0; i < 8; ++i)
        clients.push_back(
            std::async(std::launch::async, [&] { return create(R"({"currency":"EUR","reference":"r"})"); }));
    std::multiset<int> statuses;
    std::set<std::string> ids;
    for (auto& client : clients) {
        const Answer answer = client.get();
        statuses.insert(answer.status);
        ids.insert(answer.at(answer.status == 201 ? "id" : "account_id"));
    }
    EXPECT_EQ(statuses.count(201), 1u);
    EXPECT_EQ(statuses.count(409), 7u);
    EXPECT_EQ(ids.size(), 1u);
}

TEST_F(AccountsApi, RefusesMalformedBodies) {
    const std::pair<const char*, const char*> wrong[] = {
        {R"({})", "currency"},
        {R"({"currency":"EUR","min_balance_cents":9000000000000001})", "min_balance_cents"},
        {R"({"currency":"EUR","min_balance_cents":-1000000000000001})", "min_balance_cents"},
        {R"({"currency":"EUR","max_balance_cents":9000000000000001})", "max_balance_cents"},
        {R"({"currency":"EUR","max_balance_cents":-1000000000000001})", "max_balance_cents"},
        {R"({"currency":"EUR","max_balance_cents":"1"})", "max_balance_cents"},
        {R"({"currency":"EUR","min_balance_cents":-1.0})", "min_balance_cents"},
        {R"({"currency":"EUR","reference":""})", "reference"},
        {R"({"currency":"EUR","reference":"a\nb"})", "reference"},
        {R"({"currency":"EUR","metadata":[1]})", "metadata"},
        {R"({"currency":"EUR","balance_cents":5})", "balance_cents"},
        {R"({"currency":"XXX1"})", "currency"},
    };
    for (const auto& [body, field] : wrong) {
        const Answer refused = create(body);
        EXPECT_EQ(refused.status, 400) << body;
        EXPECT_EQ(refused.at("field"), field) << body;
    }
    EXPECT_EQ(create(R"({"currency":"EUR","reference":")" + std::string(256, 'r') + "\"}").at("field"), "reference");
    EXPECT_EQ(server_.database().value("SELECT count(*) FROM accounts"), "0");
}

TEST_F(AccountsApi, SuspendsAndReactivates) {
    const std::string id = server_.account();
    const Answer suspended = set_status(id, R"({"status":"SUSPENDED"})");
    EXPECT_EQ(suspended.status, 200);
    EXPECT_EQ(suspended.at("status"), "SUSPENDED");
    EXPECT_GT(suspended.at("updated_at"), suspended.at("created_at"));
    // The same again changes nothing.
    EXPECT_EQ(set_status(id, R"({"status":"SUSPENDED"})").at("updated_at"), suspended.at("updated_at"));
    EXPECT_EQ(set_status(id, R"({"status":"ACTIVE"})").at("status"), "ACTIVE");
    for (const char* body :
         {"{}", R"({"status":"GONE"})", R"({"status":null})", R"({"reason":"none"})", R"({"min_balance_cents":null})",
          R"({"status":"ACTIVE","reference":"x"})", R"({"status":"ACTIVE","reason":""})", R"({"metadata":[]})",
          R"({"max_balance_cents":0.5})"})
        EXPECT_EQ(set_status(id, body).status, 400) << body;
}

TEST_F(AccountsApi, SaysWhatIsWrongWithAnId) {
    EXPECT_EQ(server_.get("/v1/accounts/7").code(), "invalid_id");
    const std::string unknown = "/v1/accounts/00000000-0000-7000-8000-000000000000";
    EXPECT_EQ(server_.get(unknown).code(), "account_not_found");
    EXPECT_EQ(server_.get(unknown + "/entries").code(), "account_not_found");
    EXPECT_EQ(server_.call("PATCH", unknown, R"({"status":"ACTIVE"})").code(), "account_not_found");
}

TEST_F(AccountsApi, AKeyMakesOneAccount) {
    const std::vector<http::Header> key = {{"Idempotency-Key", "k-1"}};
    const std::string body = R"({"currency":"EUR","reference":"r","metadata":{"a":1,"b":2}})";
    const Answer first = server_.post("/v1/accounts", body, key);
    EXPECT_EQ(first.status, 201);
    EXPECT_EQ(first.header("idempotent-replayed"), "");
    set_status(first.at("id"), R"({"status":"SUSPENDED"})");
    // The same JSON in other words; a quoted key; the account as it is now.
    const Answer again = server_.post(
        "/v1/accounts", R"({"metadata":{"b":2,"a":1.0},"min_balance_cents":0,"reference":"r","currency":"EUR"})",
        {{"Idempotency-Key", "\"k-1\""}});
    EXPECT_EQ(again.status, 201);
    EXPECT_EQ(again.header("idempotent-replayed"), "true");
    EXPECT_EQ(again.header("location"), first.header("location"));
    EXPECT_EQ(again.at("id"), first.at("id"));
    EXPECT_EQ(again.at("status"), "SUSPENDED");
    for (const char* other :
         {R"({"currency":"USD","reference":"r","metadata":{"a":1,"b":2}})",
          R"({"currency":"EUR","reference":"s","metadata":{"a":1,"b":2}})",
          R"({"currency":"EUR","reference":"r","metadata":{"a":1}})", R"({"currency":"EUR","reference":"r"})",
          R"({"currency":"EUR","reference":"r","metadata":{"a":1,"b":2},"min_balance_cents":-1})"}) {
        const Answer refused = server_.post("/v1/accounts", other, key);
        EXPECT_EQ(refused.status, 422) << other;
        EXPECT_EQ(refused.code(), "idempotency_key_reused");
    }
    EXPECT_EQ(server_.database().value("SELECT count(*) FROM accounts"), "1");
}

TEST_F(AccountsApi, WhatIsRefusedUsesUpNoKey) {
    const std::vector<http::Header> key = {{"Idempotency-Key", "k"}};
    server_.account(R"("currency":"EUR","reference":"taken")");
    EXPECT_EQ(server_.post("/v1/accounts", R"({"currency":"EUR","reference":"taken"})", key).code(), "reference_taken");
    EXPECT_EQ(server_.post("/v1/accounts", R"({"currency":"EEE"})", key).status, 400);
    EXPECT_EQ(server_.database().value("SELECT count(*) FROM account_keys"), "0");
    EXPECT_EQ(server_.post("/v1/accounts", R"({"currency":"EUR","reference":"free"})", key).status, 201);
    for (const std::string& wrong : {std::string(), std::string(256, 'x'), std::string("\"open")})
        EXPECT_EQ(server_.post("/v1/accounts", R"({"currency":"EUR"})", {{"Idempotency-Key", wrong}}).code(),
                  "invalid_idempotency_key");
}

TEST_F(AccountsApi, OneKeyAtOneMomentMakesOneAccount) {
    constexpr int kClients = 12;
    std::vector<std::future<Answer>> clients;
    for (int client = 0; client < kClients; ++client)
        clients.push_back(std::async(std::launch::async, [&] {
            return server_.post("/v1/accounts", R"({"currency":"EUR"})", {{"Idempotency-Key", "k"}});
        }));
    std::set<std::string> ids;
    int created = 0;
    for (auto& client : clients) {
        const Answer answer = client.get();
        EXPECT_EQ(answer.status, 201);
        created += answer.header("idempotent-replayed").empty();
        ids.insert(answer.at("id"));
    }
    EXPECT_EQ(created, 1);
    EXPECT_EQ(ids.size(), 1u);
    EXPECT_EQ(server_.database().value("SELECT count(*) FROM accounts"), "1");
}

TEST_F(AccountsApi, ListsAccountsNewestFirst) {
    std::vector<std::string> ids;
    for (int i = 0; i < 5; ++i) ids.push_back(server_.account(fmt::format(R"("currency":"EUR","reference":"r{}")", i)));
    set_status(ids[1], R"({"status":"SUSPENDED"})");
    set_status(ids[3], R"({"status":"SUSPENDED"})");

    const Answer first = server_.get("/v1/accounts?limit=2");
    EXPECT_EQ(first.at("limit"), "2");
    EXPECT_EQ(first.at("has_more"), "true");
    EXPECT_EQ(first.at("accounts.0.id"), ids[4]);
    EXPECT_EQ(first.at("accounts.1.id"), ids[3]);
    EXPECT_EQ(first.at("accounts.2"), "missing");
    const Answer second = server_.get("/v1/accounts?limit=2&cursor=" + first.at("next_cursor"));
    EXPECT_EQ(second.at("accounts.0.id"), ids[2]);
    const Answer last = server_.get("/v1/accounts?limit=2&cursor=" + second.at("next_cursor"));
    EXPECT_EQ(last.at("accounts.0.id"), ids[0]);
    EXPECT_EQ(last.at("accounts.1"), "missing");
    EXPECT_EQ(last.at("next_cursor"), "null");
    EXPECT_EQ(last.at("has_more"), "false");

    const Answer suspended = server_.get("/v1/accounts?status=SUSPENDED");
    EXPECT_EQ(suspended.at("accounts.0.id"), ids[3]);
    EXPECT_EQ(suspended.at("accounts.1.id"), ids[1]);
    EXPECT_EQ(suspended.at("accounts.2"), "missing");
    EXPECT_EQ(suspended.at("limit"), "50");
    EXPECT_EQ(server_.get("/v1/accounts?status=ACTIVE&limit=1").at("accounts.0.id"), ids[4]);

    EXPECT_EQ(server_.get("/v1/accounts?reference=r2").at("accounts.0.id"), ids[2]);
    EXPECT_EQ(server_.get("/v1/accounts?reference=r2&status=SUSPENDED").at("accounts"), "[]");
    EXPECT_EQ(server_.get("/v1/accounts?reference=nobody").at("accounts"), "[]");
}

TEST_F(AccountsApi, ListsTheEntriesOfAnAccountNewestFirst) {
    const std::string id = server_.account(), other = server_.account();
    const auto post = [&](const std::string& account, const std::string& key, int amount_cents) {
        return server_.post("/v1/transactions", server_.transaction(account, key, amount_cents)).at("id");
    };
    std::vector<std::string> transactions;
    for (int i = 0; i < 3; ++i) transactions.push_back(post(id, std::to_string(i), 100 + i));
    server_.apply(transactions[0]);
    server_.apply(transactions[1], "FAILED");
    server_.apply(transactions[2]);
    server_.apply(post(other, "x", 7));

    const Answer page = server_.get("/v1/accounts/" + id + "/entries?limit=1");
    EXPECT_EQ(page.at("entries.0.transaction_id"), transactions[2]);
    EXPECT_EQ(page.at("entries.0.type"), "CREDIT");
    EXPECT_EQ(page.at("entries.0.amount_cents"), "102");
    EXPECT_EQ(page.at("entries.0.balance_after_cents"), "202");
    EXPECT_EQ(page.at("entries.1"), "missing");
    const Answer next = server_.get("/v1/accounts/" + id + "/entries?limit=1&cursor=" + page.at("next_cursor"));
    EXPECT_EQ(next.at("entries.0.transaction_id"), transactions[0]);
    EXPECT_EQ(next.at("next_cursor"), "null");
    // A cursor belongs to one account.
    EXPECT_EQ(server_.get("/v1/accounts/" + other + "/entries?limit=1&cursor=" + page.at("next_cursor")).code(),
              "invalid_cursor");
}

}  // namespace
}  // namespace ledgerline
