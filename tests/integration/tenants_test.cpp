// Tenants over HTTP, with the whole pipeline: who makes them, who acts in them, and what moves between them. That
// nothing of another one is found: tenants_matrix_test.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "integration/command_call.h"
#include "lab/pipeline.h"
#include "lab/raw_connection.h"
#include "lab/temp_dir.h"
#include "roles/exit_code.h"

namespace ledgerline::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class Tenants : public testing::Test {
protected:
    using Headers = std::vector<http::Header>;

    Tenants() {
        admin_ =
            made("/v1/keys", R"({"name":"ops","scopes":["admin"],"may_overdraw":true,"may_credit_external":true})", {})
                .at("key");
        EXPECT_TRUE(eventually([&] { return server().get("/v1/assets").status == 401; }));
        for (const char* name : {"acme", "zeta"}) EXPECT_EQ(call(admin_, "PUT", path_of(name)).status, 201);
        acme_ = key("acme", R"("admin")");
        zeta_ = key("zeta", R"("admin")");
    }

    static std::string path_of(const std::string& tenant) { return "/v1/tenants/" + tenant; }
    static Headers headers(const std::string& key, const std::string& tenant = "") {
        Headers sent = {{"X-API-Key", key}};
        if (!tenant.empty()) sent.emplace_back("X-Tenant", tenant);
        return sent;
    }
    Answer made(const std::string& path, const std::string& body, Headers sent) const {
        Answer answer = server().post(path, body, std::move(sent));
        EXPECT_EQ(answer.status, 201) << path << body << answer.text();
        return answer;
    }
    Answer call(const std::string& key, const std::string& method, const std::string& target,
                const std::string& body = "", const std::string& tenant = "") const {
        return server().call(method, target, body, headers(key, tenant));
    }
    // A key of the tenant with these scopes, by its text; as the operators make it.
    std::string key(const std::string& tenant, const std::string& scopes) {
        const std::string text =
            made("/v1/keys",
                 fmt::format(R"({{"name":"k{}","scopes":[{}],"may_overdraw":true,"may_credit_external":true}})",
                             ++names_, scopes),
                 headers(admin_, tenant))
                .at("key");
        EXPECT_TRUE(eventually([&] { return call(text, "GET", "/v1/assets").status == 200; }));
        return text;
    }
    std::string account(const std::string& key, const std::string& more = "") const {
        return made("/v1/accounts", fmt::format(R"({{"currency":"EUR"{}}})", more), headers(key)).at("id");
    }
    // Sent with a key of its own, and settled if it is accepted.
    Answer post(const std::string& key, const std::string& path, const std::string& body) {
        Headers sent = headers(key);
        if (body.find("idempotency_key") == std::string::npos)
            sent.emplace_back("Idempotency-Key", fmt::format("n{}", ++names_));
        sent.emplace_back("Prefer", "wait=30");
        return server().post(path, body, std::move(sent));
    }
    Answer credit(const std::string& key, const std::string& account, int cents) {
        return post(key, "/v1/transactions", transaction_json(account, fmt::format("c{}", ++names_), cents));
    }
    static std::string leg(const std::string& from, const std::string& to, int cents) {
        return fmt::format(R"({{"from_account_id":"{}","to_account_id":"{}","amount_cents":{},"currency":"EUR"}})",
                           from, to, cents);
    }
    Answer transfer(const std::string& key, const std::string& legs) {
        return post(key, "/v1/transfers", R"({"legs":[)" + legs + "]}");
    }
    std::string balance(const std::string& key, const std::string& account) const {
        return call(key, "GET", "/v1/accounts/" + account).at("balance_cents");
    }
    const ApiServer& server() const { return pipeline_.api(); }
    std::string value(const std::string& sql) const { return pipeline_.database().value(sql); }

    Pipeline pipeline_;
    std::string admin_, acme_, zeta_;
    int names_ = 0;
};

TEST_F(Tenants, AreMadeOnceAndListed) {
    const Answer again = call(admin_, "PUT", path_of("acme"));
    EXPECT_EQ(again.status, 200);
    EXPECT_EQ(again.at("name"), "acme");
    const Answer first = call(admin_, "GET", "/v1/tenants?limit=2");
    EXPECT_EQ(first.at("tenants.0.name"), "zeta");
    EXPECT_EQ(first.at("tenants.1.name"), "acme");
    const Answer last = call(admin_, "GET", "/v1/tenants?limit=2&cursor=" + first.at("next_cursor"));
    EXPECT_EQ(last.at("tenants.0.name"), "default");
    EXPECT_EQ(last.at("next_cursor"), "null");
    for (const char* name : {"Acme", "a_b", "-a", "a-", "a%20b"})
        EXPECT_EQ(call(admin_, "PUT", path_of(name)).at("field"), "name") << name;
    EXPECT_EQ(call(admin_, "PUT", path_of(std::string(64, 'a'))).code(), "invalid_parameter");
    EXPECT_EQ(value("SELECT count(*) FROM audit WHERE action = 'tenant_created' AND tenant = 0"), "2");
}

TEST_F(Tenants, AreForOperatorsAlone) {
    for (const std::string& text : {acme_, key("default", R"("accounts:read","accounts:write")")}) {
        EXPECT_EQ(call(text, "GET", "/v1/tenants").code(), "insufficient_scope");
        EXPECT_EQ(call(text, "PUT", path_of("mine")).code(), "insufficient_scope");
    }
    EXPECT_EQ(call(acme_, "GET", "/v1/lanes").code(), "insufficient_scope") << "they are of all tenants";
    // What reaches beyond a tenant is not given to its keys, or not by them.
    const auto refused = [&](const std::string& by, const std::string& scope, const std::string& tenant) {
        return server()
            .post("/v1/keys", fmt::format(R"({{"name":"more","scopes":["{}"]}})", scope), headers(by, tenant))
            .code();
    };
    EXPECT_EQ(refused(admin_, "tenants:admin", "acme"), "invalid_field");
    EXPECT_EQ(refused(acme_, "lanes:read", ""), "invalid_field");
    EXPECT_EQ(refused(acme_, "transfers:cross-tenant", ""), "key_limit_exceeded");
}

TEST_F(Tenants, OperatorsActInTheOneThatTheyName) {
    const std::string theirs = account(acme_, R"(,"reference":"till")");
    const std::string path = "/v1/accounts/" + theirs;
    EXPECT_EQ(call(admin_, "GET", path).code(), "account_not_found");
    EXPECT_EQ(call(admin_, "GET", path, "", "acme").at("reference"), "till");
    EXPECT_EQ(call(admin_, "GET", path, "", "zeta").code(), "account_not_found");
    EXPECT_EQ(call(admin_, "GET", path, "", "none").code(), "tenant_not_found");
    // Naming one's own is nothing special; another one is refused, whether there is such a tenant or not.
    EXPECT_EQ(call(acme_, "GET", path, "", "acme").status, 200);
    for (const char* other : {"zeta", "default", "none"})
        EXPECT_EQ(call(acme_, "GET", path, "", other).code(), "forbidden") << other;
    auto twice = headers(admin_, "acme");
    twice.emplace_back("X-Tenant", "zeta");
    EXPECT_EQ(server().call("GET", path, "", twice).code(), "forbidden");
    // Only for keys that may; and with their other scopes, except that they are admins there.
    const std::string reader = key("default", R"("accounts:read")");
    EXPECT_EQ(call(reader, "GET", path, "", "acme").code(), "forbidden");
    const std::string maker = key("default", R"("tenants:admin")");
    EXPECT_EQ(call(maker, "GET", path, "", "acme").code(), "insufficient_scope");
    EXPECT_EQ(call(maker, "GET", "/v1/keys", "", "acme").status, 200);
    EXPECT_EQ(call(maker, "GET", "/v1/keys").code(), "insufficient_scope");
}

TEST_F(Tenants, HaveReferencesIdempotencyKeysAndNamesOfKeysOfTheirOwn) {
    const std::string body = R"({"currency":"EUR","reference":"till"})";
    auto sent = [&](const std::string& key) {
        Headers all = headers(key);
        all.emplace_back("Idempotency-Key", "open-till");
        return all;
    };
    const Answer ours = made("/v1/accounts", body, sent(acme_)), theirs = made("/v1/accounts", body, sent(zeta_));
    EXPECT_NE(ours.at("id"), theirs.at("id"));
    EXPECT_EQ(made("/v1/accounts", body, sent(acme_)).at("id"), ours.at("id"));
    EXPECT_EQ(server().post("/v1/accounts", body, headers(acme_)).code(), "reference_taken");
    EXPECT_EQ(call(zeta_, "GET", "/v1/accounts/by-reference/till").at("id"), theirs.at("id"));
    const std::string named = R"({"name":"shop","scopes":["accounts:read"]})";
    const Answer first = made("/v1/keys", named, headers(acme_));
    made("/v1/keys", named, headers(zeta_));
    EXPECT_EQ(server().post("/v1/keys", named, headers(acme_)).code(), "name_taken");
    // The key of a movement is its account's; whose account it is comes first.
    const std::string movement = transaction_json(ours.at("id"), "once", 5);
    const Answer accepted = made("/v1/transactions", movement, headers(acme_));
    EXPECT_EQ(server().post("/v1/transactions", movement, headers(zeta_)).code(), "account_not_found");
    EXPECT_EQ(made("/v1/transactions", movement, headers(acme_)).at("id"), accepted.at("id"));
    EXPECT_EQ(value("SELECT count(*) FROM accepted"), "1");
}

// In one batch of intake, and after it: each item on its own merits.
TEST_F(Tenants, AForeignAccountRefusesItsItemAlone) {
    const std::string ours = account(acme_), theirs = account(zeta_);
    const Answer answer =
        server().post("/v1/transactions/batch",
                      fmt::format(R"({{"transactions":[{},{},{}]}})", transaction_json(ours, "a", 7),
                                  transaction_json(theirs, "b", 7),
                                  fmt::format(R"({{"idempotency_key":"c","legs":[{}]}})", leg(ours, theirs, 1))),
                      headers(acme_));
    EXPECT_EQ(answer.at("results.0.status"), "201");
    EXPECT_EQ(answer.at("results.1.problem.code"), "account_not_found");
    EXPECT_EQ(answer.at("results.1.problem.field"), "transactions[1].account_id");
    EXPECT_EQ(answer.at("results.2.problem.code"), "account_not_found");
    EXPECT_EQ(value("SELECT count(*) FROM accepted"), "1");
}

TEST_F(Tenants, MoneyMovesBetweenThemWithAScopeOfItsOwn) {
    const std::string ours = account(acme_), theirs = account(zeta_);
    ASSERT_EQ(credit(acme_, ours, 100).at("status"), "PROCESSED");
    ASSERT_EQ(credit(zeta_, theirs, 100).at("status"), "PROCESSED");
    EXPECT_EQ(transfer(acme_, leg(ours, theirs, 30)).code(), "account_not_found") << "admin does not include it";
    const std::string payer =
        key("acme", R"("transactions:write","transactions:read","holds:write","transfers:cross-tenant")");
    // Nobody takes from another tenant, in whatever order the legs stand.
    EXPECT_EQ(transfer(payer, leg(theirs, ours, 30)).code(), "account_not_found");
    EXPECT_EQ(transfer(payer, leg(ours, theirs, 1) + "," + leg(theirs, ours, 30)).code(), "account_not_found");
    EXPECT_EQ(post(payer, "/v1/transactions", transaction_json(theirs, "to-them", 5)).code(), "account_not_found");
    const Answer paid = transfer(payer, leg(ours, theirs, 30));
    ASSERT_EQ(paid.at("status"), "PROCESSED") << paid.text();
    EXPECT_EQ(balance(acme_, ours), "70");
    EXPECT_EQ(balance(zeta_, theirs), "130");
    // Both see it; it is listed where it was made, and among the entries of both accounts.
    const std::string id = paid.at("id");
    for (const std::string& text : {acme_, zeta_}) EXPECT_EQ(call(text, "GET", "/v1/transactions/" + id).status, 200);
    EXPECT_THAT(call(acme_, "GET", "/v1/transactions").text(), HasSubstr(id));
    EXPECT_THAT(call(zeta_, "GET", "/v1/transactions").text(), Not(HasSubstr(id)));
    EXPECT_THAT(call(zeta_, "GET", "/v1/transactions?account_id=" + theirs).text(), HasSubstr(id));
    EXPECT_THAT(call(zeta_, "GET", "/v1/accounts/" + theirs + "/entries").text(), HasSubstr(id));
    // Who paid cannot take it back; who was paid can give it back.
    EXPECT_EQ(post(payer, "/v1/transactions/" + id + "/reverse", "{}").code(), "account_not_found");
    EXPECT_EQ(post(zeta_, "/v1/transactions/" + id + "/reverse", "{}").code(), "account_not_found");
    const std::string refunder = key("zeta", R"("transactions:write","transfers:cross-tenant")");
    EXPECT_EQ(post(refunder, "/v1/transactions/" + id + "/reverse", "{}").at("status"), "PROCESSED");
    EXPECT_EQ(balance(acme_, ours), "100");
}

TEST_F(Tenants, HoldsAreCapturedToThemWithThatScope) {
    const std::string ours = account(acme_), theirs = account(zeta_);
    ASSERT_EQ(credit(acme_, ours, 100).at("status"), "PROCESSED");
    const auto hold = [&](const std::string& more) {
        return fmt::format(R"({{"account_id":"{}","amount_cents":10,"currency":"EUR"{}}})", ours, more);
    };
    const std::string to_them = fmt::format(R"(,"to_account_id":"{}")", theirs);
    EXPECT_EQ(post(acme_, "/v1/holds", hold(to_them)).code(), "account_not_found");
    const Answer plain = post(acme_, "/v1/holds", hold(""));
    ASSERT_EQ(plain.status, 201) << plain.text();
    const std::string capture = "/v1/holds/" + plain.at("id") + "/capture";
    const std::string body = "{" + to_them.substr(1) + "}";
    EXPECT_EQ(post(acme_, capture, body).code(), "account_not_found");
    const std::string payer = key("acme", R"("holds:write","transfers:cross-tenant")");
    EXPECT_EQ(post(payer, "/v1/holds", hold(to_them)).status, 201);
    EXPECT_EQ(post(payer, capture, body).at("status"), "PROCESSED");
    EXPECT_EQ(balance(zeta_, theirs), "10");
}

TEST_F(Tenants, AreToldOfTheirOwnOutcomes) {
    const std::string ours = account(acme_), theirs = account(zeta_);
    const auto follow = [&](RawConnection& stream, const std::string& key) {
        ASSERT_TRUE(
            stream.send("GET /v1/events?after=latest HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
                        "X-API-Key: " +
                        key + "\r\n\r\n"));
        ASSERT_TRUE(stream.receive_until("retry: 1000"));
    };
    RawConnection stream(server().port());
    follow(stream, zeta_);
    ASSERT_EQ(credit(acme_, ours, 100).at("status"), "PROCESSED");
    ASSERT_EQ(call(acme_, "PATCH", "/v1/accounts/" + ours, R"({"metadata":{"a":1}})").status, 200);
    const std::string payer = key("acme", R"("transactions:write","transfers:cross-tenant")");
    ASSERT_EQ(transfer(payer, leg(ours, theirs, 30)).at("status"), "PROCESSED");
    ASSERT_EQ(credit(zeta_, theirs, 9).at("status"), "PROCESSED");
    const auto streamed = stream.receive_until(R"("net_cents":9)");
    ASSERT_TRUE(streamed);
    EXPECT_THAT(*streamed, HasSubstr(R"("net_cents":30)"));
    EXPECT_THAT(*streamed, Not(HasSubstr(R"("net_cents":100)")));
    EXPECT_THAT(*streamed, Not(HasSubstr("account.updated")));
    // The pages say the same.
    const Answer all = call(zeta_, "GET", "/v1/events");
    EXPECT_EQ(all.at("events.0.data.net_cents"), "30");
    EXPECT_EQ(all.at("events.1.data.net_cents"), "9");
    EXPECT_EQ(all.at("events.2"), "missing");
    EXPECT_EQ(call(acme_, "GET", "/v1/events").at("events.3"), "missing");
    EXPECT_EQ(call(admin_, "GET", "/v1/events").at("events.0"), "missing");
    EXPECT_EQ(call(zeta_, "GET", "/v1/events?account_id=" + ours).at("events.0"), "missing");
}

TEST_F(Tenants, HaveAnAuditOfTheirOwn) {
    const std::string ours = account(acme_);
    EXPECT_EQ(call(acme_, "GET", "/v1/lanes").status, 403);
    const auto actions = [&](const std::string& key, const std::string& tenant = "") {
        const Answer page = call(key, "GET", "/v1/audit", "", tenant);
        std::string found;
        for (int i = 0; page.at(fmt::format("audit.{}.action", i)) != "missing"; ++i)
            found += page.at(fmt::format("audit.{}.action", i)) + ' ';
        return found;
    };
    // Its first key, which the operators made; what it did; and what it was refused.
    EXPECT_TRUE(eventually([&] { return actions(acme_) == "login_refused account_created key_created "; }))
        << actions(acme_);
    EXPECT_EQ(actions(admin_, "acme"), actions(acme_));
    EXPECT_THAT(actions(admin_), Not(HasSubstr("account_created")));
    EXPECT_EQ(call(zeta_, "GET", "/v1/audit?subject=" + ours).at("audit.0"), "missing");
    EXPECT_EQ(call(acme_, "GET", "/v1/audit?subject=" + ours).at("audit.0.action"), "account_created");
}

TEST_F(Tenants, AreMadeAndActedInByTheCommands) {
    const TempDir dir;
    const std::string admin_file = dir.path() / "admin.key";
    std::ofstream(admin_file) << admin_ << '\n';
    std::filesystem::permissions(admin_file, std::filesystem::perms::owner_read);
    const auto run = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), {"--url", server().url(), "--api-key-file", admin_file});
        return cli::call_command(arguments);
    };
    const auto created = run({"tenants", "create", "shop", "-o", "json"});
    EXPECT_EQ(created.code, roles::exit_ok) << created.err;
    EXPECT_EQ(created.at("name"), "shop");
    EXPECT_THAT(run({"tenants", "list"}).out, HasSubstr("shop"));
    EXPECT_EQ(run({"tenants", "create", "Shop"}).code, roles::exit_usage);
    const auto limited =
        run({"tenants", "limit", "shop", "--requests-per-second", "9", "--max-waiters", "4", "-o", "json"});
    EXPECT_EQ(limited.at("requests_per_second"), "9") << limited.err;
    EXPECT_EQ(limited.at("waiters_max"), "4");
    EXPECT_EQ(run({"tenants", "limit", "shop", "-o", "json"}).at("waiters_max"), "null");
    EXPECT_NE(run({"tenants", "limit", "none"}).code, roles::exit_ok);
    const auto key = run({"keys", "create", "till", "--tenant", "shop", "--scope", "accounts:write", "-o", "json"});
    EXPECT_EQ(key.code, roles::exit_ok) << key.err;
    EXPECT_EQ(value("SELECT t.name FROM api_keys k JOIN tenants t ON t.id = k.tenant WHERE k.name = 'till'"), "shop");
    EXPECT_THAT(run({"keys", "list", "--tenant", "shop"}).out, Not(HasSubstr("ops")));
    EXPECT_NE(run({"keys", "list", "--tenant", "none"}).code, roles::exit_ok);
}

// A burst of ten times the limit: all keys of the tenant together, and no other tenant.
TEST_F(Tenants, HaveLimitsBesideThoseOfTheirKeys) {
    const std::string ours = account(acme_), theirs = account(zeta_);
    const std::string other_key = key("acme", R"("transactions:write")");
    const auto limit = [&](const std::string& limits) {
        return call(admin_, "PUT", path_of("acme") + "/limits", limits);
    };
    const Answer limited = limit(R"({"transactions_per_second":3,"waiters_max":7})");
    EXPECT_EQ(limited.status, 200) << limited.text();
    EXPECT_EQ(limited.at("transactions_per_second"), "3");
    EXPECT_EQ(limited.at("requests_per_second"), "null");
    EXPECT_EQ(call(admin_, "GET", "/v1/tenants").at("tenants.1.waiters_max"), "7");
    EXPECT_EQ(call(admin_, "PUT", path_of("acme")).at("waiters_max"), "7");

    // One call, all of it at one moment: what is more than the bucket holds is paid off before anybody gets more.
    const auto batch = [&](const std::string& account, const std::string& name, int items) {
        std::string body;
        for (int i = 0; i < items; ++i)
            body += (i == 0 ? "" : ",") + transaction_json(account, fmt::format("{}{}", name, i), 1);
        return fmt::format(R"({{"transactions":[{}]}})", body);
    };
    ASSERT_EQ(call(acme_, "POST", "/v1/transactions/batch", batch(ours, "a", 600)).at("results.599.status"), "201");
    const Answer refused = server().post("/v1/transactions", transaction_json(ours, "b", 1), headers(other_key));
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(refused.at("limit"), "tenant-transactions");
    EXPECT_EQ(refused.header("ratelimit-policy"), R"("tenant-transactions";q=3;w=1)");
    EXPECT_NE(refused.header("retry-after"), "");
    EXPECT_EQ(made("/v1/transactions", transaction_json(theirs, "b", 1), headers(zeta_)).status, 201);

    EXPECT_EQ(limit("{}").at("transactions_per_second"), "null");
    EXPECT_EQ(made("/v1/transactions", transaction_json(ours, "b", 1), headers(other_key)).status, 201);
    EXPECT_EQ(limit("{}").status, 200) << "nothing to change";
    EXPECT_EQ(
        value("SELECT string_agg(coalesce(after->>'transactions_per_second', 'none'), ' ' ORDER BY number) FROM audit "
              "WHERE action = 'tenant_limited' AND subject = 'acme' AND tenant = 0"),
        "3 none");
    EXPECT_EQ(limit(R"({"requests_per_second":0})").at("field"), "requests_per_second");
    EXPECT_EQ(limit(R"({"requests":1})").status, 400);
    EXPECT_EQ(call(admin_, "PUT", path_of("none") + "/limits", "{}").code(), "tenant_not_found");
    EXPECT_EQ(call(acme_, "PUT", path_of("acme") + "/limits", "{}").code(), "insufficient_scope");
}

// As another instance learns of them.
TEST_F(Tenants, LimitsAreReadFromTheDatabase) {
    pipeline_.database().run(
        "INSERT INTO tenant_limits (tenant, requests_per_second) SELECT id, 1 FROM tenants WHERE name = 'acme'");
    EXPECT_TRUE(eventually([&] { return call(acme_, "GET", "/v1/assets").at("limit") == "tenant-requests"; }));
    EXPECT_EQ(call(zeta_, "GET", "/v1/assets").status, 200);
}

// Each instance that lives has an even part; here another one comes and goes.
TEST_F(Tenants, ShareLimitsBetweenInstances) {
    const std::string ours = account(acme_);
    std::string body;
    for (int i = 0; i < 200; ++i) body += (i == 0 ? "" : ",") + transaction_json(ours, fmt::format("s{}", i), 1);
    const std::string batch = fmt::format(R"({{"transactions":[{}]}})", body);
    // What its refusal says, once the bucket is overdrawn.
    const auto policy = [&] {
        call(acme_, "POST", "/v1/transactions/batch", batch);
        return server()
            .post("/v1/transactions", transaction_json(ours, "s0", 1), headers(acme_))
            .header("ratelimit-policy");
    };
    const auto shares = [&](int part) {
        return eventually([&] { return policy() == fmt::format(R"("tenant-transactions";q={};w=1)", part); });
    };
    ASSERT_EQ(call(admin_, "PUT", path_of("acme") + "/limits", R"({"transactions_per_second":10,"shared":true})")
                  .at("shared"),
              "true");
    EXPECT_TRUE(shares(10)) << "it is alone";
    pipeline_.database().run(
        "INSERT INTO limit_leases SELECT gen_random_uuid(), now() + interval '1 hour' FROM generate_series(1, 3)");
    EXPECT_TRUE(shares(2)) << "a quarter, and no more than that";
    pipeline_.database().run(
        "UPDATE limit_leases SET seen_at = now() - interval '10 seconds' WHERE seen_at > now() + interval '1 minute'");
    EXPECT_TRUE(shares(10)) << "they are gone";
}

TEST_F(Tenants, NoMoreOfTheirRequestsWaitThanMay) {
    ASSERT_EQ(call(admin_, "PUT", path_of("acme") + "/limits", R"({"waiters_max":1})").status, 200);
    const std::string ours = account(acme_);
    RawConnection stream(server().port());
    ASSERT_TRUE(
        stream.send("GET /v1/events?after=latest HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
                    "X-API-Key: " +
                    acme_ + "\r\n\r\n"));
    ASSERT_TRUE(stream.receive_until("retry: 1000"));
    EXPECT_EQ(call(acme_, "GET", "/v1/events?after=latest&wait=20").at("limit"), "tenant-waiters");
    EXPECT_EQ(call(acme_, "GET", "/v1/events").status, 200) << "it does not wait";
    const Answer paid = credit(acme_, ours, 5);
    EXPECT_EQ(paid.status, 201) << "it is answered as it is";
    EXPECT_EQ(paid.header("preference-applied"), "");
    EXPECT_EQ(credit(zeta_, account(zeta_), 5).at("status"), "PROCESSED");
}

// Whatever was there before tenants is of the default one, which file keys and an open API are of too.
TEST(TenantsOfAnOpenApi, AreActedInByAnybody) {
    const ApiServer server;
    EXPECT_EQ(server.call("PUT", "/v1/tenants/acme").status, 201);
    const Answer made = server.post("/v1/accounts", R"({"currency":"EUR"})", {{"X-Tenant", "acme"}});
    ASSERT_EQ(made.status, 201);
    EXPECT_EQ(server.get("/v1/accounts/" + made.at("id")).code(), "account_not_found");
    EXPECT_EQ(server.call("GET", "/v1/accounts", "", {{"X-Tenant", "acme"}}).at("accounts.0.id"), made.at("id"));
    // The first key closes the API for all tenants, so it is the operators'.
    EXPECT_EQ(server.post("/v1/keys", R"({"name":"a","scopes":["admin"]})", {{"X-Tenant", "acme"}}).at("field"),
              "scopes");
}

}  // namespace
}  // namespace ledgerline::test
