// Accounts that change: over HTTP and on real PostgreSQL, decided by the worker's store or by the whole pipeline.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <map>
#include <sstream>
#include <thread>

#include "apply/pg_ledger_store.h"
#include "base/random.h"
#include "lab/pipeline.h"
#include "lab/verified.h"

namespace ledgerline::test {
namespace {

std::string path_of(const std::string& account) { return "/v1/accounts/" + account; }

Answer change(const ApiServer& api, const std::string& account, const std::string& body,
              std::vector<http::Header> headers = {}) {
    return api.call("PATCH", path_of(account), body, std::move(headers));
}

// No worker runs: decide() does what it does, when the test says so.
class AccountChanges : public testing::Test {
protected:
    AccountChanges() : store_(db::Session(server_.database().config(), server_.metrics(), "worker")) {}
    ~AccountChanges() override { expect_verified(server_.database()); }

    Answer change(const std::string& account, const std::string& body, std::vector<http::Header> headers = {}) const {
        return test::change(server_, account, body, std::move(headers));
    }
    Answer read(const std::string& account) const { return server_.get(path_of(account)); }
    Answer accept(const std::string& path, const std::string& body) const { return server_.post(path, body); }
    std::string pay(const std::string& account, const std::string& key, int cents, const char* type) const {
        const Answer made = accept("/v1/transactions", transaction_json(account, key, cents, type));
        EXPECT_EQ(made.status, 201) << made.text();
        return made.at("id");
    }
    std::string hold(const std::string& account, const std::string& key, int cents) const {
        const Answer made =
            accept("/v1/holds",
                   fmt::format(R"({{"account_id":"{}","amount_cents":{},"currency":"EUR","idempotency_key":"{}"}})",
                               account, cents, key));
        EXPECT_EQ(made.status, 201) << made.text();
        return made.at("id");
    }
    // Decides what waits in the account's lane, at most so many places. Returns the failure code of that transaction,
    // or its status.
    std::string decide(const std::string& transaction, std::size_t places_max = 1000) {
        const std::string lane =
            server_.database().value(fmt::format("SELECT lane FROM accepted WHERE id = '{}'", transaction));
        db::Connection connection = server_.database().connect();
        const auto rows = connection.query(
            {"undecided",
             "SELECT p.seq, p.event_id, c.applied_seq FROM lane_places p JOIN lane_cursors c USING (lane) "
             "WHERE lane = $1 AND seq > c.applied_seq ORDER BY seq"},
            db::Params().add(std::stoi(lane)));
        apply::LaneRun run{.lane = std::stoi(lane), .applied_seq = rows->int64(0, 2), .refs = {}};
        for (std::size_t row = 0; row < std::min(places_max, rows->size()); ++row)
            run.refs.push_back({rows->int64(row, 0), rows->uuid(row, 1)});
        const auto report = store_.apply(std::vector{run});
        EXPECT_TRUE(report) << report.error().message;
        const Answer known = server_.get("/v1/transactions/" + transaction);
        return known.at("failure_code") == "null" ? known.at("status") : known.at("failure_code");
    }
    std::string open(int cents, const std::string& fields = R"("currency":"EUR")") {
        const std::string account = server_.account(fields);
        if (cents > 0) EXPECT_EQ(decide(pay(account, "open", cents, "CREDIT")), "PROCESSED");
        return account;
    }

    ApiServer server_;
    apply::PgLedgerStore store_;
};

TEST_F(AccountChanges, ChangeWhatTheyNameAndKeepTheRest) {
    const std::string account =
        server_.account(R"("currency":"EUR","min_balance_cents":-5,"max_balance_cents":90,"metadata":{"tier":1})");
    EXPECT_EQ(read(account).at("max_balance_cents"), "90");
    const Answer all = change(account,
                              R"({"status":"SUSPENDED","min_balance_cents":20,"max_balance_cents":20,)"
                              R"("metadata":{"a":{"b":2}},"reason":"ticket 7"})",
                              {{"X-Operator", "Zoë"}, {"X-Request-Id", "r-1"}});
    ASSERT_EQ(all.status, 200) << all.text();
    EXPECT_EQ(all.at("status"), "SUSPENDED");
    EXPECT_EQ(all.at("min_balance_cents"), "20");
    EXPECT_EQ(all.at("max_balance_cents"), "20");
    EXPECT_EQ(all.at("metadata.tier"), "missing") << "the whole object is replaced";
    EXPECT_EQ(read(account).text(), all.text());

    const Answer lifted = change(account, R"({"max_balance_cents":null,"metadata":null})");
    EXPECT_EQ(lifted.at("max_balance_cents"), "null");
    EXPECT_EQ(lifted.at("metadata"), "null");
    EXPECT_EQ(lifted.at("min_balance_cents"), "20");
    EXPECT_EQ(lifted.at("status"), "SUSPENDED");
    EXPECT_EQ(change(account, R"({"status":"ACTIVE"})").at("status"), "ACTIVE");

    const Answer changes = server_.get(path_of(account) + "/changes");
    EXPECT_EQ(changes.at("changes.2.number"), "1");
    EXPECT_EQ(changes.at("changes.2.changed_by"), "Zoë");
    EXPECT_EQ(changes.at("changes.2.operator"), "Zoë");
    EXPECT_EQ(changes.at("changes.2.reason"), "ticket 7");
    EXPECT_EQ(changes.at("changes.2.request_id"), "r-1");
    EXPECT_EQ(changes.at("changes.2.before.status"), "ACTIVE");
    EXPECT_EQ(changes.at("changes.2.before.metadata.tier"), "1");
    EXPECT_EQ(changes.at("changes.2.after.metadata.a.b"), "2");
    EXPECT_EQ(changes.at("changes.2.changed_at"), all.at("updated_at"));
    EXPECT_EQ(changes.at("changes.1.before.max_balance_cents"), "20");
    EXPECT_EQ(changes.at("changes.1.after.max_balance_cents"), "null");
    EXPECT_EQ(changes.at("changes.1.after.status"), "missing") << "only what was changed";
    EXPECT_EQ(changes.at("changes.0.changed_by"), "api");
    EXPECT_EQ(changes.at("changes.0.operator"), "null");
    EXPECT_EQ(changes.at("changes.0.reason"), "null");
    EXPECT_EQ(changes.at("changes.3"), "missing");
}

TEST_F(AccountChanges, AreListedInPages) {
    const std::string account = server_.account(), other = server_.account();
    for (int i = 1; i <= 5; ++i) change(account, fmt::format(R"({{"min_balance_cents":{}}})", i));
    const std::string list = path_of(account) + "/changes";
    const Answer first = server_.get(list + "?limit=2");
    EXPECT_EQ(first.at("changes.0.number"), "5");
    EXPECT_EQ(first.at("has_more"), "true");
    const Answer second = server_.get(list + "?limit=2&cursor=" + first.at("next_cursor"));
    EXPECT_EQ(second.at("changes.0.number"), "3");
    const Answer last = server_.get(list + "?limit=2&cursor=" + second.at("next_cursor"));
    EXPECT_EQ(last.at("changes.0.number"), "1");
    EXPECT_EQ(last.at("changes.1"), "missing");
    EXPECT_EQ(last.at("next_cursor"), "null");
    EXPECT_EQ(server_.get(path_of(other) + "/changes").at("changes"), "[]");
    EXPECT_EQ(server_.get(path_of(other) + "/changes?cursor=" + first.at("next_cursor")).code(), "invalid_cursor");
    EXPECT_EQ(server_.get("/v1/accounts/00000000-0000-7000-8000-000000000000/changes").code(), "account_not_found");
}

// Two rows of 32 KiB each: more than 16 of them are more than a page holds.
TEST_F(AccountChanges, APageOfLargeChangesEndsEarly) {
    const std::string account = server_.account();
    for (int i = 0; i < 40; ++i)
        ASSERT_EQ(change(account, fmt::format(R"({{"metadata":{{"n":{},"text":"{}"}}}})", i, std::string(16'000, 'x')))
                      .status,
                  200);
    const Answer page = server_.get(path_of(account) + "/changes?limit=1000");
    EXPECT_EQ(page.at("has_more"), "true");
    EXPECT_EQ(page.at("changes.0.number"), "40");
    const Answer rest = server_.get(path_of(account) + "/changes?limit=1000&cursor=" + page.at("next_cursor"));
    EXPECT_EQ(rest.at("has_more"), "false");
}

TEST_F(AccountChanges, CanBeRepeated) {
    const std::string account = server_.account();
    const std::string body = R"({"status":"SUSPENDED","metadata":{"a":1,"b":[]},"reason":"why"})";
    const Answer first = change(account, body);
    const Answer again = change(account, R"({"metadata":{"b":[],"a":1.0},"status":"SUSPENDED","reason":"another"})");
    EXPECT_EQ(again.status, 200);
    EXPECT_EQ(again.text(), first.text());
    EXPECT_EQ(server_.database().value("SELECT count(*) FROM account_changes"), "1");
}

TEST_F(AccountChanges, ManyAtOnceAreMadeOneAfterTheOther) {
    const std::string account = server_.account();
    std::vector<std::future<Answer>> clients;
    for (int i = 1; i <= 8; ++i)
        clients.push_back(std::async(std::launch::async, [this, &account, i] {
            return change(account, fmt::format(R"({{"min_balance_cents":{}}})", i));
        }));
    for (auto& client : clients) EXPECT_EQ(client.get().status, 200);
    EXPECT_EQ(server_.database().value("SELECT string_agg(number::text, ' ' ORDER BY number) FROM account_changes"),
              "1 2 3 4 5 6 7 8");
}

TEST_F(AccountChanges, SayWhatIsWrong) {
    const std::string account = server_.account(R"("currency":"EUR","min_balance_cents":-10,"max_balance_cents":50)");
    const std::tuple<const char*, const char*, const char*> wrong[] = {
        {R"({"min_balance_cents":51})", "limits_crossed", "min_balance_cents"},
        {R"({"max_balance_cents":-11})", "limits_crossed", "max_balance_cents"},
        {R"({"min_balance_cents":7,"max_balance_cents":6})", "limits_crossed", "max_balance_cents"},
        {R"({"max_balance_cents":9000000000000001})", "invalid_field", "max_balance_cents"},
        {R"({"min_balance_cents":-1000000000000001})", "invalid_field", "min_balance_cents"},
        {R"({"status":"closed"})", "invalid_field", "status"},
        {R"({"metadata":"x"})", "invalid_field", "metadata"},
        {R"({"currency":"USD"})", "unknown_field", "currency"},
        {R"({"reason":"only"})", "missing_field", "missing"},
    };
    for (const auto& [body, code, field] : wrong) {
        const Answer refused = change(account, body);
        EXPECT_EQ(refused.code(), code) << body;
        EXPECT_EQ(refused.at("field"), field) << body;
    }
    EXPECT_EQ(change(account, R"({"status":"ACTIVE"})", {{"X-Operator", std::string(101, 'a')}}).at("field"),
              "X-Operator");
    EXPECT_EQ(change(account, R"({"status":"ACTIVE","reason":")" + std::string(501, 'r') + "\"}").at("field"),
              "reason");
    EXPECT_EQ(accept("/v1/accounts", R"({"currency":"EUR","max_balance_cents":-1})").code(), "limits_crossed");
    EXPECT_EQ(server_.database().value("SELECT count(*) FROM account_changes"), "0");
}

TEST_F(AccountChanges, OnlyAnEmptyAccountIsClosedAndForGood) {
    const std::string account = open(10);
    const Answer refused = change(account, R"({"status":"CLOSED","metadata":{}})");
    EXPECT_EQ(refused.status, 409);
    EXPECT_EQ(refused.code(), "account_not_empty");
    EXPECT_EQ(read(account).at("metadata"), "null") << "all of it or nothing";
    const std::string held = hold(account, "h", 10);
    EXPECT_EQ(decide(held), "PROCESSED");
    EXPECT_EQ(change(account, R"({"status":"CLOSED"})").code(), "account_not_empty");
    EXPECT_EQ(decide(accept("/v1/holds/" + held + "/capture", R"({"idempotency_key":"c"})").at("id")), "PROCESSED");

    EXPECT_EQ(change(account, R"({"status":"CLOSED","reason":"done"})").at("status"), "CLOSED");
    EXPECT_EQ(change(account, R"({"status":"CLOSED"})").status, 200) << "a lost answer can be asked for again";
    for (const char* body : {R"({"status":"ACTIVE"})", R"({"status":"SUSPENDED"})", R"({"metadata":{"a":1}})",
                             R"({"min_balance_cents":-1})", R"({"status":"CLOSED","max_balance_cents":5})"}) {
        const Answer late = change(account, body);
        EXPECT_EQ(late.status, 409) << body;
        EXPECT_EQ(late.code(), "closed_is_final") << body;
    }
    EXPECT_EQ(server_.get("/v1/accounts?status=CLOSED").at("accounts.0.id"), account);
    EXPECT_EQ(server_.get("/v1/accounts?status=ACTIVE").at("accounts"), "[]");
}

TEST_F(AccountChanges, AnAccountThatHoldsIsNotEmptyWhateverItsBalance) {
    const std::string account = server_.account(R"("currency":"EUR","min_balance_cents":-10)");
    const std::string held = hold(account, "h", 5);
    EXPECT_EQ(decide(held), "PROCESSED");
    EXPECT_EQ(read(account).at("balance_cents"), "0");
    EXPECT_EQ(change(account, R"({"status":"CLOSED"})").code(), "account_not_empty");
    EXPECT_EQ(decide(accept("/v1/holds/" + held + "/release", R"({"idempotency_key":"r"})").at("id")), "PROCESSED");
    EXPECT_EQ(change(account, R"({"status":"CLOSED"})").status, 200);
}

// Its release was on its way when the hold was settled and the account closed.
TEST_F(AccountChanges, AReleaseThatComesTooLateForAClosedAccountFindsItsHoldSettled) {
    const std::string account = open(5), held = hold(account, "h", 5);
    EXPECT_EQ(decide(held), "PROCESSED");
    const std::string capture = accept("/v1/holds/" + held + "/capture", R"({"idempotency_key":"c"})").at("id");
    const std::string release = accept("/v1/holds/" + held + "/release", R"({"idempotency_key":"r"})").at("id");
    EXPECT_EQ(decide(capture, 1), "PROCESSED");
    EXPECT_EQ(change(account, R"({"status":"CLOSED"})").at("status"), "CLOSED");
    EXPECT_EQ(decide(release), "hold_closed");
    EXPECT_EQ(accept("/v1/holds/" + held + "/release", R"({"idempotency_key":"r2"})").code(), "hold_closed");
}

TEST_F(AccountChanges, AClosedAccountIsRefusedAtIntake) {
    const std::string closed = server_.account(), other = open(50);
    change(closed, R"({"status":"CLOSED"})");
    const auto refused = [&](const std::string& path, const std::string& body, const char* field) {
        const Answer answer = accept(path, body);
        EXPECT_EQ(answer.status, 422) << answer.text();
        EXPECT_EQ(answer.code(), "account_closed");
        EXPECT_EQ(answer.at("field"), field);
    };
    refused("/v1/transactions", transaction_json(closed, "k", 1, "CREDIT"), "account_id");
    refused("/v1/transfers",
            fmt::format(R"({{"idempotency_key":"t","legs":[{{"from_account_id":"{}","to_account_id":"{}",)"
                        R"("amount_cents":1,"currency":"EUR"}}]}})",
                        other, closed),
            "legs[0].to_account_id");
    refused("/v1/holds",
            fmt::format(R"({{"account_id":"{}","amount_cents":1,"currency":"EUR","idempotency_key":"h"}})", closed),
            "account_id");
    const std::string held = hold(other, "h", 5);
    EXPECT_EQ(decide(held), "PROCESSED");
    const Answer capture = accept("/v1/holds/" + held + "/capture",
                                  fmt::format(R"({{"idempotency_key":"c","to_account_id":"{}"}})", closed));
    EXPECT_EQ(capture.code(), "account_closed") << capture.text();
    EXPECT_EQ(server_.get("/v1/holds/" + held).at("state"), "OPEN");
}

TEST_F(AccountChanges, WhatWasAcceptedBeforeACloseFailsWhenItIsDecidedAfter) {
    const std::string account = server_.account(), payer = open(50);
    const std::string credit = pay(account, "c", 5, "CREDIT"), held = hold(account, "h", 1);
    const std::string transfer =
        accept("/v1/transfers",
               fmt::format(R"({{"idempotency_key":"t","legs":[{{"from_account_id":"{}","to_account_id":"{}",)"
                           R"("amount_cents":1,"currency":"EUR"}}]}})",
                           payer, account))
            .at("id");
    EXPECT_EQ(change(account, R"({"status":"CLOSED"})").at("status"), "CLOSED");
    EXPECT_EQ(decide(credit), "account_closed");
    EXPECT_EQ(server_.get("/v1/holds/" + held).at("state"), "FAILED");
    EXPECT_EQ(server_.get("/v1/holds/" + held).at("failure_code"), "account_closed");
    EXPECT_EQ(decide(transfer), "account_closed");
    EXPECT_EQ(read(payer).at("balance_cents"), "50");
    EXPECT_EQ(server_.get("/v1/holds?account_id=" + account).at("holds.0.state"), "FAILED");
    EXPECT_EQ(accept("/v1/holds/" + held + "/release", R"({"idempotency_key":"r"})").code(), "hold_failed");
}

TEST_F(AccountChanges, FloorsAndCeilingsOfTheMomentDecide) {
    const std::string account = open(100);
    change(account, R"({"min_balance_cents":60,"max_balance_cents":120})");
    EXPECT_EQ(decide(pay(account, "1", 41, "DEBIT")), "insufficient_balance");
    EXPECT_EQ(decide(pay(account, "2", 40, "DEBIT")), "PROCESSED");
    EXPECT_EQ(decide(pay(account, "3", 61, "CREDIT")), "balance_limit_exceeded");
    EXPECT_EQ(decide(pay(account, "4", 60, "CREDIT")), "PROCESSED");
    EXPECT_EQ(decide(hold(account, "5", 61)), "insufficient_balance");
    // Above and below the balance: they only keep out what would go further.
    EXPECT_EQ(change(account, R"({"min_balance_cents":130,"max_balance_cents":null})").status, 200);
    EXPECT_EQ(decide(pay(account, "6", 1, "DEBIT")), "insufficient_balance");
    EXPECT_EQ(decide(pay(account, "7", 1, "CREDIT")), "PROCESSED");
    EXPECT_EQ(change(account, R"({"min_balance_cents":0,"max_balance_cents":10})").status, 200);
    EXPECT_EQ(decide(pay(account, "8", 1, "CREDIT")), "balance_limit_exceeded");
    EXPECT_EQ(decide(pay(account, "9", 21, "DEBIT")), "PROCESSED");
    EXPECT_EQ(read(account).at("balance_cents"), "100");
}

TEST_F(AccountChanges, ACaptureKeepsToTheCeilingOfThePayeeAndNotToTheFloorOfThePayer) {
    const std::string payer = open(100), payee = open(5, R"("currency":"EUR","max_balance_cents":30)");
    const std::string held = hold(payer, "h", 80);
    EXPECT_EQ(decide(held), "PROCESSED");
    change(payer, R"({"min_balance_cents":100})");
    const auto capture = [&](const char* key, int cents) {
        return decide(accept("/v1/holds/" + held + "/capture",
                             fmt::format(R"({{"idempotency_key":"{}","amount_cents":{},"final":false,)"
                                         R"("to_account_id":"{}"}})",
                                         key, cents, payee))
                          .at("id"));
    };
    EXPECT_EQ(capture("c1", 26), "balance_limit_exceeded");
    EXPECT_EQ(capture("c2", 25), "PROCESSED") << "what is set aside stays set aside";
    EXPECT_EQ(read(payer).at("balance_cents"), "75");
    EXPECT_EQ(read(payee).at("balance_cents"), "30");
}

TEST_F(AccountChanges, NobodyReadsWhatIsNotThere) {
    EXPECT_EQ(server_.get("/v1/accounts/by-reference/nobody").code(), "account_not_found");
    EXPECT_EQ(server_.get("/v1/accounts/by-reference/" + std::string(256, 'r')).code(), "invalid_parameter");
    const std::string account = server_.account(R"("currency":"EUR","reference":"entries")");
    EXPECT_EQ(server_.get("/v1/accounts/by-reference/entries").at("id"), account);
}

TEST_F(AccountChanges, AReferenceIsMadeOrFound) {
    const auto put = [&](const std::string& reference, const std::string& body) {
        return server_.call("PUT", "/v1/accounts/by-reference/" + reference, body);
    };
    const Answer made = put("w%C3%BC%3A1", R"({"currency":"EUR","min_balance_cents":-5,"metadata":{"a":1}})");
    ASSERT_EQ(made.status, 201) << made.text();
    EXPECT_EQ(made.at("reference"), "wü:1");
    EXPECT_EQ(made.header("location"), path_of(made.at("id")));
    for (const char* body : {R"({"currency":"EUR"})", R"({"currency":"EUR","min_balance_cents":-5})",
                             R"({"currency":"EUR","max_balance_cents":null,"metadata":{"b":2}})"}) {
        const Answer found = put("w%C3%BC%3A1", body);
        EXPECT_EQ(found.status, 200) << body;
        EXPECT_EQ(found.text(), made.text()) << body;
    }
    const std::pair<const char*, const char*> others[] = {
        {R"({"currency":"USD"})", "currency"},
        {R"({"currency":"EUR","min_balance_cents":0})", "min_balance_cents"},
        {R"({"currency":"EUR","max_balance_cents":7})", "max_balance_cents"},
    };
    for (const auto& [body, field] : others) {
        const Answer other = put("w%C3%BC%3A1", body);
        EXPECT_EQ(other.status, 409) << body;
        EXPECT_EQ(other.code(), "account_differs");
        EXPECT_EQ(other.at("field"), field);
        EXPECT_EQ(other.at("account_id"), made.at("id"));
    }
    EXPECT_EQ(put("new", R"({})").at("field"), "currency");
    EXPECT_EQ(put("new", R"({"currency":"EUR","reference":"new"})").code(), "unknown_field");
    EXPECT_EQ(put("new", R"({"currency":"EUR","max_balance_cents":-1})").code(), "limits_crossed");
    EXPECT_EQ(server_.get("/v1/accounts/by-reference/w%C3%BC%3A1").text(), made.text());
    EXPECT_EQ(server_.database().value("SELECT count(*) FROM accounts"), "1");
}

TEST_F(AccountChanges, OneOfManyAtOnceMakesTheReferenceAndAllGetIt) {
    std::vector<std::future<Answer>> clients;
    for (int i = 0; i < 8; ++i)
        clients.push_back(std::async(std::launch::async, [this] {
            return server_.call("PUT", "/v1/accounts/by-reference/r", R"({"currency":"EUR"})");
        }));
    std::multiset<int> statuses;
    std::set<std::string> ids;
    for (auto& client : clients) {
        const Answer answer = client.get();
        statuses.insert(answer.status);
        ids.insert(answer.at("id"));
    }
    EXPECT_EQ(statuses.count(201), 1u);
    EXPECT_EQ(statuses.count(200), 7u);
    EXPECT_EQ(ids.size(), 1u);
}

// What an account is at each of its places, in a few words. The order is that of the lane.
struct Model {
    std::int64_t balance = 0, held = 0, floor = 0, ceiling = -1;  // ceiling: -1 is none
    std::string status = "ACTIVE";
    std::map<std::string, std::int64_t> holds;  // what is left of those that were taken

    // The failure code, or "-".
    std::string apply(const std::string& type, const std::string& id, const std::string& parent, std::int64_t cents) {
        if (type == "RELEASE") {
            if (!holds.contains(parent)) return "hold_failed";
            if (holds[parent] == 0) return "hold_closed";
            held -= std::exchange(holds[parent], 0);
            return "-";
        }
        if (status != "ACTIVE") return status == "CLOSED" ? "account_closed" : "account_suspended";
        if (type == "CREDIT") {
            if (ceiling >= 0 && balance + cents > ceiling) return "balance_limit_exceeded";
            balance += cents;
            return "-";
        }
        if (balance - held - cents < floor) return "insufficient_balance";
        if (type == "HOLD")
            held += holds[id] = cents;
        else
            balance -= cents;
        return "-";
    }
};

TEST(AccountChangesOfManyClients, AreWhatAModelSays) {
    constexpr int kAccounts = 3, kClients = 6, kRequests = 80;
    Pipeline pipeline;
    const ApiServer& api = pipeline.api();
    std::vector<std::string> accounts;
    for (int i = 0; i < kAccounts; ++i) accounts.push_back(api.account());
    std::vector<std::thread> clients;
    for (int client = 0; client < kClients; ++client)
        clients.emplace_back([&, client] {
            SeededRandom random(static_cast<std::uint64_t>(client) + 3);
            std::vector<std::string> holds;
            for (int i = 0; i < kRequests; ++i) {
                const std::string& account = accounts[random.below(kAccounts)];
                const std::string key = fmt::format("{}-{}", client, i);
                const int cents = 1 + static_cast<int>(random.below(60));
                switch (random.below(8)) {
                    case 0:
                        test::change(api, account,
                                     random.below(3) == 0 ? R"({"status":"SUSPENDED"})" : R"({"status":"ACTIVE"})");
                        break;
                    case 1:
                        test::change(api, account,
                                     fmt::format(R"({{"min_balance_cents":{},"max_balance_cents":{}}})", cents - 40,
                                                 random.below(2) == 0 ? "null" : std::to_string(3 * cents)));
                        break;
                    case 2:
                        holds.push_back(
                            api.post("/v1/holds", fmt::format(R"({{"account_id":"{}","amount_cents":{},)"
                                                              R"("currency":"EUR","idempotency_key":"{}"}})",
                                                              account, cents, key))
                                .at("id"));
                        break;
                    case 3:
                        if (!holds.empty())
                            api.post("/v1/holds/" + holds[random.below(holds.size())] + "/release",
                                     fmt::format(R"({{"idempotency_key":"{}"}})", key));
                        break;
                    default:
                        api.post("/v1/transactions",
                                 transaction_json(account, key, cents, random.below(5) < 2 ? "DEBIT" : "CREDIT"));
                }
                // Nearly always too early, and final when not.
                if (i == kRequests - 1) test::change(api, account, R"({"status":"CLOSED"})");
            }
        });
    for (std::thread& client : clients) client.join();
    expect_verified(pipeline.database());

    std::map<std::string, int> seen;  // failure codes
    for (const std::string& account : accounts) {
        Model model;
        std::istringstream rows(pipeline.database().value(fmt::format(
            "SELECT string_agg(line, E'\\n' ORDER BY seq, rank) FROM ("
            "SELECT t.seq, 0 AS rank, concat_ws('|', t.type, t.id, coalesce(t.parent_id::text, ''), t.amount_cents, "
            "coalesce(d.failure_code, '-'), d.balance_after_cents, d.held_after_cents) AS line "
            "FROM accepted t JOIN decisions d ON d.lane = t.lane AND d.seq = t.seq WHERE t.account_id = '{0}' "
            "UNION ALL SELECT applied_seq, number, concat_ws('|', 'CHANGE', coalesce(after->>'status', ''), "
            "coalesce(after->>'min_balance_cents', ''), CASE WHEN after ? 'max_balance_cents' THEN "
            "coalesce(after->>'max_balance_cents', '-1') ELSE '' END, '') FROM account_changes "
            "WHERE account_id = '{0}') l",
            account)));
        for (std::string line; std::getline(rows, line);) {
            std::vector<std::string> fields;
            std::istringstream text_of_row(line);
            for (std::string field; std::getline(text_of_row, field, '|');) fields.push_back(field);
            fields.resize(7);
            if (fields[0] == "CHANGE") {
                if (!fields[1].empty()) model.status = fields[1];
                if (!fields[2].empty()) model.floor = std::stoll(fields[2]);
                if (!fields[3].empty()) model.ceiling = std::stoll(fields[3]);
                continue;
            }
            const std::string outcome = model.apply(fields[0], fields[1], fields[2], std::stoll(fields[3]));
            ++seen[outcome];
            EXPECT_EQ(fields[4], outcome) << line;
            EXPECT_EQ(fields[5], std::to_string(model.balance)) << line;
            EXPECT_EQ(fields[6], std::to_string(model.held)) << line;
        }
    }
    EXPECT_GT(seen["-"], 50);
    EXPECT_GT(seen["insufficient_balance"], 0);
    EXPECT_GT(seen["balance_limit_exceeded"], 0);
}

}  // namespace
}  // namespace ledgerline::test
