// Keys that are stored, over HTTP and on real PostgreSQL: their life, what each may call, and their limits.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "http/scope.h"
#include "integration/command_call.h"
#include "lab/pipeline.h"
#include "lab/raw_connection.h"
#include "lab/temp_dir.h"
#include "roles/exit_code.h"

namespace ledgerline::test {
namespace {

using cli::CommandOutcome;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kAdmin = R"({"name":"admin","scopes":["admin"],"may_overdraw":true,"may_credit_external":true})";

std::vector<http::Header> with(const std::string& key) { return {{"X-API-Key", key}}; }

class Keys : public testing::Test {
protected:
    Answer make(const std::string& body) const { return server().post("/v1/keys", body, with(admin_)); }
    // A key with these scopes, by its text.
    std::string key(const std::string& name, const std::string& scopes, const std::string& more = "") const {
        const Answer made = make(fmt::format(R"({{"name":"{}","scopes":[{}]{}}})", name, scopes, more));
        EXPECT_EQ(made.status, 201) << made.text();
        const std::string text = made.at("key");
        EXPECT_TRUE(eventually([&] { return status("GET", "/v1/assets", text) == 200; }));
        return text;
    }
    int status(const std::string& method, const std::string& target, const std::string& key) const {
        const Answer answer = server().call(method, target, "", key.empty() ? std::vector<http::Header>() : with(key));
        if (answer.status == 401 || answer.status == 403) ++refused_[answer.code()];
        return answer.status;
    }
    Answer post(const std::string& key, const std::string& target, const std::string& body) const {
        return server().post(target, body, with(key));
    }
    // Closes the API: everything needs a key now.
    void make_admin() {
        const Answer made = make(kAdmin);
        ASSERT_EQ(made.status, 201) << made.text();
        admin_ = made.at("key");
        admin_id_ = made.at("id");
        ASSERT_TRUE(eventually([&] { return status("GET", "/v1/assets", "") == 401; }));
    }
    const ApiServer& server() const { return pipeline_.api(); }
    std::string value(const std::string& sql) const { return pipeline_.database().value(sql); }

    Pipeline pipeline_;
    std::string admin_, admin_id_;
    mutable std::map<std::string, int> refused_;  // calls of status(), by their code
};

TEST_F(Keys, TheFirstOneClosesTheApiAndMustBeAnAdmin) {
    EXPECT_EQ(status("GET", "/v1/accounts", ""), 200);
    const Answer refused = make(R"({"name":"shop","scopes":["accounts:read"]})");
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(refused.at("field"), "scopes");
    EXPECT_EQ(status("GET", "/v1/accounts", ""), 200);
    make_admin();
    EXPECT_EQ(status("GET", "/v1/accounts", ""), 401);
    EXPECT_EQ(status("GET", "/v1/accounts", "llk_nonsense"), 403);
    EXPECT_EQ(status("GET", "/v1/accounts", admin_), 200);
    EXPECT_EQ(status("GET", "/livez", ""), 200);
    // When all are revoked it stays closed.
    EXPECT_EQ(post(admin_, "/v1/keys/" + admin_id_ + "/revoke", "").status, 200);
    EXPECT_TRUE(eventually([&] { return status("GET", "/v1/accounts", admin_) == 403; }));
    EXPECT_EQ(status("GET", "/v1/accounts", ""), 401);
}

// A stream of events lasts an hour: its key is looked at again before each part.
TEST_F(Keys, AStreamEndsWithItsKey) {
    const auto follow = [&](RawConnection& stream, const std::string& key) {
        ASSERT_TRUE(
            stream.send("GET /v1/events?after=latest HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n" +
                        (key.empty() ? "" : "X-API-Key: " + key + "\r\n") + "\r\n"));
        ASSERT_TRUE(stream.receive_until("retry: 1000"));
    };
    const std::string account = server().account();
    RawConnection open(server().port()), revoked(server().port());
    follow(open, "");
    make_admin();
    const Answer shop = make(R"({"name":"shop","scopes":["transactions:read"]})");
    ASSERT_TRUE(eventually([&] { return status("GET", "/v1/assets", shop.at("key")) == 200; }));
    follow(revoked, shop.at("key"));
    ASSERT_EQ(post(admin_, "/v1/keys/" + shop.at("id") + "/revoke", "").status, 200);
    ASSERT_TRUE(eventually([&] { return status("GET", "/v1/assets", shop.at("key")) == 403; }));
    ASSERT_EQ(post(admin_, "/v1/transactions", ApiServer::transaction(account, "unseen")).status, 201);
    for (RawConnection* stream : {&open, &revoked}) {
        const auto rest = stream->receive_until("0\r\n\r\n");
        ASSERT_TRUE(rest);
        EXPECT_THAT(*rest, Not(HasSubstr("unseen")));
    }
}

TEST_F(Keys, AreShownOnceAndStoredAsTheirHash) {
    make_admin();
    const Answer made = make(
        R"({"name":"shop","scopes":["accounts:read","accounts:read"],"networks":["127.0.0.0/8"],"amount_cents_max":7,)"
        R"("requests_per_second":100,"transactions_per_second":9,"expires_at":"2099-01-01T00:00:00Z"})");
    ASSERT_EQ(made.status, 201) << made.text();
    const std::string text = made.at("key");
    EXPECT_THAT(text, testing::MatchesRegex("llk_[0-9a-f]{32}_[0-9a-f]{64}"));
    EXPECT_EQ(made.header("location"), "/v1/keys/" + made.at("id"));
    EXPECT_EQ(made.header("cache-control"), "no-store");
    const Answer read = server().get("/v1/keys/" + made.at("id") + "?");
    EXPECT_EQ(read.status, 401);
    const Answer shown = server().call("GET", "/v1/keys/" + made.at("id"), "", with(admin_));
    EXPECT_EQ(shown.at("key"), "missing");
    EXPECT_EQ(shown.at("scopes.0"), "accounts:read");
    EXPECT_EQ(shown.at("scopes.1"), "missing");
    EXPECT_EQ(shown.at("amount_cents_max"), "7");
    EXPECT_EQ(shown.at("may_overdraw"), "false");
    EXPECT_EQ(shown.at("expires_at"), "2099-01-01T00:00:00.000000Z");
    const Answer listed = server().call("GET", "/v1/keys", "", with(admin_));
    EXPECT_EQ(listed.at("keys.0.id"), made.at("id"));
    EXPECT_EQ(listed.at("keys.1.id"), admin_id_);
    EXPECT_THAT(listed.text(), Not(HasSubstr(text)));
    const std::string secret = text.substr(37);
    for (const char* table : {"api_keys", "api_key_secrets", "audit"})
        EXPECT_EQ(value(fmt::format("SELECT count(*) FROM {} t WHERE t::text LIKE '%{}%'", table, secret)), "0")
            << table;
    EXPECT_EQ(make(R"({"name":"shop","scopes":["admin"]})").code(), "name_taken");
}

TEST_F(Keys, WhatIsWrongWithOneIsNamed) {
    make_admin();
    const auto field = [&](const std::string& members) {
        const Answer refused = make("{" + members + "}");
        EXPECT_EQ(refused.status, 400) << members;
        return refused.at("field");
    };
    const std::string good = R"("name":"a","scopes":["admin"])";
    EXPECT_EQ(field(R"("scopes":["admin"])"), "name");
    EXPECT_EQ(field(R"("name":"a")"), "scopes");
    EXPECT_EQ(field(R"("name":"a","scopes":[])"), "scopes");
    EXPECT_EQ(field(R"("name":"a","scopes":["root"])"), "scopes");
    EXPECT_EQ(field(good + R"(,"networks":["10.0.0.0/33"])"), "networks");
    EXPECT_EQ(field(good + R"(,"amount_cents_max":0)"), "amount_cents_max");
    EXPECT_EQ(field(good + R"(,"requests_per_second":0)"), "requests_per_second");
    EXPECT_EQ(field(good + R"(,"expires_at":"2020-01-01T00:00:00Z")"), "expires_at");
    EXPECT_EQ(field(good + R"(,"colour":1)"), "colour");
    const std::string none = "/v1/keys/0198f0a0-0000-7000-8000-000000000000";
    EXPECT_EQ(server().call("GET", none, "", with(admin_)).code(), "key_not_found");
    EXPECT_EQ(post(admin_, none + "/revoke", "").code(), "key_not_found");
    EXPECT_EQ(post(admin_, none + "/rotate", "").code(), "key_not_found");
}

TEST_F(Keys, RotateWithTwoTextsForAWhile) {
    make_admin();
    const Answer made = make(R"({"name":"shop","scopes":["accounts:read"]})");
    const std::string path = "/v1/keys/" + made.at("id"), first = made.at("key");
    const Answer rotated = post(admin_, path + "/rotate", R"({"overlap_s":600})");
    ASSERT_EQ(rotated.status, 200) << rotated.text();
    EXPECT_NE(rotated.at("previous_ends_at"), "null");
    // Never used, as if its answer had been lost: another one takes its place.
    const Answer again = post(admin_, path + "/rotate", R"({"overlap_s":600})");
    ASSERT_EQ(again.status, 200) << again.text();
    const std::string second = again.at("key");
    EXPECT_TRUE(eventually([&] { return status("GET", "/v1/accounts", second) == 200; }));
    EXPECT_EQ(status("GET", "/v1/accounts", rotated.at("key")), 403);
    EXPECT_EQ(status("GET", "/v1/accounts", first), 200);
    // In use, both of them.
    EXPECT_TRUE(eventually([&] {
        return value("SELECT count(*) FROM api_key_secrets WHERE number = 3 AND last_used_at IS NOT NULL") == "1";
    }));
    EXPECT_EQ(post(admin_, path + "/rotate", "").code(), "rotation_under_way");
    EXPECT_EQ(status("GET", "/v1/accounts", first), 200);
    const auto used = [&] { return server().call("GET", path, "", with(admin_)).at("last_used_at") != "null"; };
    EXPECT_TRUE(eventually(used));
    EXPECT_EQ(post(admin_, path + "/revoke", R"({"reason":"left"})").status, 200);
    EXPECT_EQ(post(admin_, path + "/revoke", "").status, 200) << "again";
    EXPECT_EQ(post(admin_, path + "/rotate", "").code(), "key_ended");
    for (const std::string& text : {first, second})
        EXPECT_TRUE(eventually([&] { return status("GET", "/v1/accounts", text) == 403; }));
    EXPECT_EQ(value("SELECT count(*) FROM audit WHERE action = 'key_revoked'"), "1");
    EXPECT_EQ(value("SELECT reason FROM audit WHERE action = 'key_revoked'"), "left");
}

TEST_F(Keys, AnOverlapOfNothingEndsTheOldTextAtOnce) {
    make_admin();
    const Answer made = make(R"({"name":"shop","scopes":["accounts:read"]})");
    const Answer rotated = post(admin_, "/v1/keys/" + made.at("id") + "/rotate", R"({"overlap_s":0})");
    EXPECT_TRUE(eventually([&] { return status("GET", "/v1/accounts", rotated.at("key")) == 200; }));
    EXPECT_EQ(status("GET", "/v1/accounts", made.at("key")), 403);
}

// Every route with every scope: a key may call what its scope says, and nothing else.
TEST_F(Keys, EveryRouteTakesItsScopeAndNoOther) {
    make_admin();
    std::size_t refused = 0, let_in = 0;
    for (const auto& [had, name] : http::named_scopes) {
        const std::string text =
            had == http::Scope::admin ? admin_ : key(std::string(name), fmt::format("\"{}\"", name));
        for (const http::Route& route : server().router().routes()) {
            std::string target = route.pattern;
            for (std::size_t at = 0; (at = target.find('{')) != std::string::npos;)
                target.replace(at, target.find('}') - at + 1, "0198f0a0-0000-7000-8000-000000000000");
            const Answer answer = server().call(route.method, target, route.body_bytes_max > 0 ? "{}" : "", with(text));
            const bool may = route.scope == http::Scope::open || route.scope == http::Scope::any ||
                             route.scope == had || had == http::Scope::admin;
            EXPECT_EQ(answer.code() != http::edge_code::insufficient_scope, may) << name << ' ' << route.name;
            ++(may ? let_in : refused);
            const bool open = server().call(route.method, target).status != 401;
            EXPECT_EQ(open, route.scope == http::Scope::open) << route.name;
        }
    }
    EXPECT_GT(refused, 150u);
    EXPECT_GT(let_in, 100u);
}

TEST_F(Keys, MoveNoMoreThanTheyMay) {
    make_admin();
    const std::string account =
        post(admin_, "/v1/accounts", R"({"currency":"EUR","min_balance_cents":-1000})").at("id");
    const std::string other = post(admin_, "/v1/accounts", R"({"currency":"EUR"})").at("id");
    const std::string shop = key("shop", R"("transactions:write","holds:write","accounts:write","transactions:read")",
                                 R"(,"amount_cents_max":100)");
    const auto code = [&](const std::string& target, const std::string& body) {
        const Answer answer = post(shop, target, body);
        return answer.status < 300 ? "" : fmt::format("{} {} {}", answer.status, answer.code(), answer.at("field"));
    };
    EXPECT_EQ(code("/v1/transactions", transaction_json(account, "k1", 100, "DEBIT")), "");
    EXPECT_EQ(code("/v1/transactions", transaction_json(account, "k2", 101, "DEBIT")),
              "403 key_limit_exceeded amount_cents");
    EXPECT_EQ(code("/v1/transactions", transaction_json(account, "k3", 1, "CREDIT")), "403 key_limit_exceeded type");
    EXPECT_EQ(code("/v1/transactions?dry_run=true", transaction_json(account, "k3", 1, "CREDIT")),
              "403 key_limit_exceeded type");
    const auto leg = [&](const std::string& from, int cents) {
        return fmt::format(R"({{{},"to_account_id":"{}","amount_cents":{},"currency":"EUR"}})", from, other, cents);
    };
    const std::string ours = fmt::format(R"("from_account_id":"{}")", account);
    const auto transfer = [&](const std::string& name, const std::string& legs) {
        return fmt::format(R"({{"idempotency_key":"{}","legs":[{}]}})", name, legs);
    };
    EXPECT_EQ(code("/v1/transfers", transfer("t1", leg(ours, 50) + "," + leg(ours, 50))), "");
    EXPECT_EQ(code("/v1/transfers", transfer("t2", leg(ours, 50) + "," + leg(ours, 51))),
              "403 key_limit_exceeded legs");
    EXPECT_EQ(code("/v1/transfers", transfer("t3", leg(R"("from_external":true)", 1))), "403 key_limit_exceeded legs");
    const auto hold = [&](int cents) {
        return fmt::format(R"({{"account_id":"{}","amount_cents":{},"currency":"EUR","idempotency_key":"h{}"}})",
                           account, cents, cents);
    };
    EXPECT_EQ(code("/v1/holds", hold(100)), "");
    EXPECT_EQ(code("/v1/holds", hold(101)), "403 key_limit_exceeded amount_cents");

    // A debit that is taken back is money from outside. Of a batch the others are accepted.
    const Answer debit = post(admin_, "/v1/transactions", transaction_json(account, "k5", 10, "DEBIT"));
    ASSERT_TRUE(eventually([&] {
        return server().call("GET", "/v1/transactions/" + debit.at("id"), "", with(admin_)).at("status") == "PROCESSED";
    }));
    EXPECT_EQ(code("/v1/transactions/" + debit.at("id") + "/reverse", R"({"idempotency_key":"r1"})"),
              "403 key_limit_exceeded legs");
    const Answer batch =
        post(shop, "/v1/transactions/batch",
             fmt::format(R"({{"transactions":[{},{}]}})", transaction_json(account, "b1", 100, "DEBIT"),
                         transaction_json(account, "b2", 101, "DEBIT")));
    EXPECT_EQ(batch.at("results.0.status"), "201") << batch.text();
    EXPECT_EQ(batch.at("results.1.problem.code"), "key_limit_exceeded") << batch.text();

    EXPECT_EQ(code("/v1/accounts", R"({"currency":"EUR","min_balance_cents":-1})"),
              "403 key_limit_exceeded min_balance_cents");
    EXPECT_EQ(code("/v1/accounts", R"({"currency":"EUR"})"), "");
    const auto change = server().call("PATCH", "/v1/accounts/" + other, R"({"min_balance_cents":-1})", with(shop));
    EXPECT_EQ(change.code(), "key_limit_exceeded");
    const auto ensure =
        server().call("PUT", "/v1/accounts/by-reference/x", R"({"currency":"EUR","min_balance_cents":-1})", with(shop));
    EXPECT_EQ(ensure.code(), "key_limit_exceeded");
}

TEST_F(Keys, SendNoMoreTransactionsASecondThanTheyMay) {
    make_admin();
    const std::string account = post(admin_, "/v1/accounts", R"({"currency":"EUR"})").at("id");
    const std::string shop =
        key("shop", R"("transactions:write")", R"(,"transactions_per_second":20,"may_credit_external":true)");
    ApiClient client(http::BaseUrl::parse(server().url()).value());
    const auto began = std::chrono::steady_clock::now();
    int accepted = 0, refused = 0;
    for (int i = 0; i < 200; ++i) {
        const Answer answer =
            client.post("/v1/transactions", transaction_json(account, "k" + std::to_string(i)), with(shop));
        if (answer.status == 201) {
            ++accepted;
        } else {
            ++refused;
            EXPECT_EQ(answer.code(), "rate_limited");
            EXPECT_EQ(answer.header("retry-after"), "1");
            EXPECT_EQ(answer.header("ratelimit-policy"), R"("transactions";q=20;w=1)");
        }
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    const double allowed = 20 + 20 * seconds;
    if (seconds < 9) EXPECT_GT(refused, 0);
    EXPECT_LE(accepted, allowed + 1);
    EXPECT_GE(accepted, 20) << "http_test has the exact number, on a clock of its own";
    EXPECT_EQ(value("SELECT count(*) FROM accepted"), std::to_string(accepted));
}

// --- The audit ---

TEST_F(Keys, EveryChangeIsInTheAudit) {
    make_admin();
    const std::vector<http::Header> headers{{"X-API-Key", admin_}, {"X-Operator", "ann"}, {"X-Request-Id", "r-7"}};
    const std::string account =
        server().post("/v1/accounts", R"({"currency":"EUR","metadata":{"secret":"s"}})", headers).at("id");
    server().call("PATCH", "/v1/accounts/" + account, R"({"status":"SUSPENDED","reason":"ticket 7","metadata":null})",
                  headers);
    server().call("PATCH", "/v1/accounts/" + account, R"({"status":"SUSPENDED"})", headers);
    const Answer audit = server().call("GET", "/v1/audit?subject=" + account, "", with(admin_));
    ASSERT_EQ(audit.status, 200) << audit.text();
    EXPECT_EQ(audit.at("audit.0.action"), "account_changed");
    EXPECT_EQ(audit.at("audit.0.before.status"), "ACTIVE");
    EXPECT_EQ(audit.at("audit.0.after.status"), "SUSPENDED");
    EXPECT_EQ(audit.at("audit.0.after.metadata_changed"), "true");
    EXPECT_EQ(audit.at("audit.0.reason"), "ticket 7");
    EXPECT_EQ(audit.at("audit.0.operator"), "ann");
    EXPECT_EQ(audit.at("audit.0.key_id"), admin_id_);
    EXPECT_EQ(audit.at("audit.0.peer"), "127.0.0.1");
    EXPECT_EQ(audit.at("audit.0.request_id"), "r-7");
    EXPECT_EQ(audit.at("audit.1.action"), "account_created");
    EXPECT_EQ(audit.at("audit.1.after.currency"), "EUR");
    EXPECT_EQ(audit.at("audit.2.id"), "missing");
    EXPECT_THAT(audit.text(), Not(HasSubstr("secret"))) << "metadata can be erased, a chain cannot";

    const std::string page = "/v1/audit?key_id=" + admin_id_ + "&limit=1";
    const Answer first = server().call("GET", page, "", with(admin_));
    const Answer second = server().call("GET", page + "&cursor=" + first.at("next_cursor"), "", with(admin_));
    EXPECT_EQ(first.at("audit.0.action"), "account_changed");
    EXPECT_EQ(second.at("audit.0.action"), "account_created");
    EXPECT_EQ(second.at("has_more"), "false");
    const Answer made = server().call("GET", "/v1/audit?subject=" + admin_id_, "", with(admin_));
    EXPECT_EQ(made.at("audit.0.action"), "key_created");
    EXPECT_EQ(made.at("audit.0.key_id"), "null");
    EXPECT_EQ(server().call("GET", page + "&subject=x", "", with(admin_)).code(), "invalid_parameter");
}

TEST_F(Keys, EveryRefusedLoginIsInTheAudit) {
    make_admin();
    const std::string reader = key("reader", R"("accounts:read")");
    for (int i = 0; i < 3; ++i) status("GET", "/v1/accounts", "a-key-of-nobody");
    status("GET", "/v1/audit", reader);
    const auto count = [&](const char* code) {
        return value(
            fmt::format("SELECT coalesce(sum((after->>'count')::int), 0) FROM audit WHERE action = 'login_refused' "
                        "AND after->>'code' = '{}'",
                        code));
    };
    EXPECT_GE(refused_["forbidden"], 3);
    EXPECT_EQ(refused_["insufficient_scope"], 1);
    EXPECT_GE(refused_["unauthorized"], 1);
    for (const auto& [code, times] : refused_)
        EXPECT_TRUE(eventually([&] { return count(code.c_str()) == std::to_string(times); }))
            << code << ' ' << times << ' ' << count(code.c_str());
    EXPECT_EQ(value("SELECT subject || ' ' || peer FROM audit WHERE after->>'code' = 'insufficient_scope'"),
              "GET /v1/audit 127.0.0.1");
    EXPECT_NE(value("SELECT key_id FROM audit WHERE after->>'code' = 'insufficient_scope'"), "");
}

// --- The commands ---

class KeyCommands : public Keys {
protected:
    CommandOutcome call(std::vector<std::string> arguments) {
        for (const std::string& each : {std::string("--url"), server().url()}) arguments.push_back(each);
        if (!key_file_.empty())
            for (const std::string& each : {std::string("--api-key-file"), key_file_}) arguments.push_back(each);
        return cli::call_command(arguments);
    }
    TempDir dir_;
    std::string key_file_;
};

TEST_F(KeyCommands, MakeListRotateRevoke) {
    const std::string file = (dir_.path() / "admin.key").string();
    const CommandOutcome admin = call({"keys", "create", "ops", "--scope", "admin", "--key-file", file, "-o", "json"});
    ASSERT_EQ(admin.code, roles::exit_ok) << admin.err;
    EXPECT_THAT(admin.out, Not(HasSubstr("llk_")));
    EXPECT_EQ(std::filesystem::status(file).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    ASSERT_TRUE(eventually([&] { return status("GET", "/v1/assets", "") == 401; }));
    EXPECT_EQ(call({"keys", "list"}).code, roles::exit_refused);
    key_file_ = file;
    const CommandOutcome shop =
        call({"keys", "create", "shop", "--scope", "accounts:read", "--scope", "transactions:write",
              "--max-amount-cents", "500", "--network", "127.0.0.0/8", "-o", "json"});
    ASSERT_EQ(shop.code, roles::exit_ok) << shop.err;
    EXPECT_THAT(shop.at("key"), HasSubstr("llk_"));
    EXPECT_EQ(shop.at("amount_cents_max"), "500");
    EXPECT_EQ(shop.at("scopes.1"), "transactions:write");
    const CommandOutcome listed = call({"keys", "list", "-o", "json"});
    EXPECT_EQ(listed.lines(), 2);
    EXPECT_EQ(listed.at("name"), "shop");
    const CommandOutcome rotated = call({"keys", "rotate", shop.at("id"), "--overlap", "1h", "-o", "json"});
    EXPECT_NE(rotated.at("key"), shop.at("key")) << rotated.err;
    const CommandOutcome revoked =
        call({"keys", "revoke", shop.at("id"), "--reason", "left", "--operator", "ann", "-o", "json"});
    EXPECT_NE(revoked.at("revoked_at"), "null") << revoked.err;
    const CommandOutcome audit = call({"audit", "--subject", shop.at("id"), "-o", "json"});
    EXPECT_EQ(audit.lines(), 3);
    EXPECT_EQ(audit.at("action"), "key_revoked");
    EXPECT_EQ(audit.at("operator"), "ann");
    EXPECT_EQ(call({"keys", "create", "x", "--scope", "nothing"}).code, roles::exit_refused);
    EXPECT_EQ(call({"keys", "revoke", "not-an-id"}).code, roles::exit_usage);
}

}  // namespace
}  // namespace ledgerline::test
