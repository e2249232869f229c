// Holds, captures, releases and expiry through the whole pipeline: API, intake, publisher, memory bus and worker on
// real PostgreSQL.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <thread>

#include "audit/verify.h"
#include "base/random.h"
#include "lab/eventually.h"
#include "lab/pipeline.h"
#include "lab/verified.h"

namespace ledgerline::test {
namespace {

std::string hold_json(const std::string& account, const std::string& key, std::int64_t cents,
                      const std::string& more = "") {
    return fmt::format(R"({{"account_id":"{}","amount_cents":{},"currency":"EUR","idempotency_key":"{}"{}}})", account,
                       cents, key, more);
}

std::string key_json(const std::string& key, const std::string& more = "") {
    return fmt::format(R"({{"idempotency_key":"{}"{}}})", key, more);
}

class Holds : public testing::Test {
protected:
    Answer post(const std::string& path, const std::string& body) const {
        return pipeline_.api().post(path, body, {{"Prefer", "wait=10"}});
    }
    Answer pay(const std::string& account, const std::string& key, int cents, const std::string& type) const {
        return post("/v1/transactions", transaction_json(account, key, cents, type));
    }
    Answer hold(const std::string& account, const std::string& key, std::int64_t cents,
                const std::string& more = "") const {
        return post("/v1/holds", hold_json(account, key, cents, more));
    }
    Answer settle(const std::string& hold, const char* how, const std::string& key,
                  const std::string& more = "") const {
        return post("/v1/holds/" + hold + "/" + how, key_json(key, more));
    }
    Answer read(const std::string& hold) const { return pipeline_.api().get("/v1/holds/" + hold); }
    std::string open(int cents, const std::string& fields = R"("currency":"EUR")") const {
        const std::string account = pipeline_.api().account(fields);
        if (cents > 0) EXPECT_EQ(pay(account, "open", cents, "CREDIT").at("status"), "PROCESSED");
        return account;
    }
    // balance, held, available
    std::string amounts(const std::string& account) const {
        const Answer answer = pipeline_.api().get("/v1/accounts/" + account);
        return fmt::format("{} {} {}", answer.at("balance_cents"), answer.at("held_cents"),
                           answer.at("available_cents"));
    }
    void expect_clean() const { expect_verified(pipeline_.database()); }

    Pipeline pipeline_;
};

TEST_F(Holds, LowerWhatIsAvailableUntilTheyAreSettled) {
    const std::string payer = open(100), payee = open(0);
    const Answer made = hold(payer, "h", 60, fmt::format(R"(,"to_account_id":"{}","reference":"order 7")", payee));
    ASSERT_EQ(made.status, 201) << made.text();
    EXPECT_EQ(made.at("status"), "PROCESSED");
    EXPECT_EQ(made.at("state"), "OPEN");
    EXPECT_EQ(made.at("to_account_id"), payee);
    EXPECT_EQ(made.header("location"), "/v1/holds/" + made.at("id"));
    EXPECT_EQ(amounts(payer), "100 60 40");
    EXPECT_EQ(pay(payer, "too much", 41, "DEBIT").at("failure_code"), "insufficient_balance");
    EXPECT_EQ(hold(payer, "too much too", 41).at("failure_code"), "insufficient_balance");
    EXPECT_EQ(pay(payer, "just right", 40, "DEBIT").at("status"), "PROCESSED");

    const std::string id = made.at("id");
    const Answer part = settle(id, "capture", "c1", R"(,"amount_cents":25,"final":false)");
    EXPECT_EQ(part.at("type"), "CAPTURE") << part.text();
    EXPECT_EQ(part.at("status"), "PROCESSED");
    EXPECT_EQ(part.at("legs.0.to_account_id"), payee);
    EXPECT_EQ(amounts(payer), "35 35 0");
    EXPECT_EQ(amounts(payee), "25 0 25");
    EXPECT_EQ(settle(id, "capture", "c1", R"(,"amount_cents":25,"final":false)").header("idempotent-replayed"), "true");
    EXPECT_EQ(settle(id, "capture", "c1", R"(,"amount_cents":25)").code(), "idempotency_key_reused");

    EXPECT_EQ(settle(id, "capture", "c2", R"(,"amount_cents":10)").at("status"), "PROCESSED");
    EXPECT_EQ(amounts(payer), "25 0 25");
    const Answer settled = read(id);
    EXPECT_EQ(settled.at("state"), "CAPTURED");
    EXPECT_EQ(settled.at("captured_cents"), "35");
    EXPECT_EQ(settled.at("released_cents"), "25");
    EXPECT_EQ(hold(payer, "h", 60, fmt::format(R"(,"to_account_id":"{}","reference":"order 7")", payee))
                  .header("idempotent-replayed"),
              "true");
    expect_clean();
}

TEST_F(Holds, AreReleasedAndListed) {
    const std::string payer = open(10);
    const std::string first = hold(payer, "1", 4).at("id"), second = hold(payer, "2", 6).at("id");
    EXPECT_EQ(settle(first, "release", "r").at("type"), "RELEASE");
    EXPECT_EQ(read(first).at("state"), "RELEASED");
    EXPECT_EQ(settle(first, "release", "r").header("idempotent-replayed"), "true");
    EXPECT_EQ(amounts(payer), "10 6 4");
    const Answer whole = settle(second, "capture", "c");
    EXPECT_EQ(whole.at("amount_cents"), "6") << whole.text();
    EXPECT_EQ(whole.at("legs.0.to_external"), "true");
    EXPECT_EQ(settle(second, "capture", "c").header("idempotent-replayed"), "true");
    EXPECT_EQ(amounts(payer), "4 0 4");
    const auto list = [&](const std::string& filter) {
        return pipeline_.api().get("/v1/holds?account_id=" + payer + filter);
    };
    EXPECT_EQ(list("").at("holds.0.id"), second);
    EXPECT_EQ(list("").at("holds.1.id"), first);
    EXPECT_EQ(list("&state=RELEASED").at("holds.0.id"), first);
    EXPECT_EQ(list("&state=OPEN").at("holds.0.id"), "missing");
    EXPECT_EQ(pipeline_.api().get("/v1/holds?limit=1").at("holds.0.id"), second);
    expect_clean();
}

TEST_F(Holds, ExpireByThemselvesAndLoseToWhatWasAcceptedBefore) {
    const std::string payer = open(10);
    const std::string kept = hold(payer, "kept", 3).at("id");
    const std::string id = hold(payer, "short", 5, R"(,"expires_in_s":4)").at("id");
    EXPECT_EQ(settle(id, "capture", "part", R"(,"amount_cents":2,"final":false)").at("status"), "PROCESSED");
    const std::string whole = hold(payer, "whole", 1, R"(,"expires_in_s":1)").at("id");
    EXPECT_TRUE(eventually([&] { return read(whole).at("state") == "EXPIRED"; }));
    EXPECT_TRUE(eventually([&] { return read(id).at("state") == "CAPTURED"; }));
    EXPECT_EQ(read(id).at("released_cents"), "3");
    EXPECT_EQ(read(kept).at("state"), "OPEN");
    EXPECT_EQ(amounts(payer), "8 3 5");
    EXPECT_EQ(settle(whole, "capture", "late").code(), "hold_closed");
    EXPECT_EQ(pipeline_.database().value("SELECT count(*) FROM accepted WHERE idempotency_key LIKE 'expire:%'"), "2");
    EXPECT_TRUE(eventually([&] { return pipeline_.database().value("SELECT count(*) FROM due_holds") == "1"; }));
    expect_clean();
}

TEST_F(Holds, ManyThatAreDueAtOnceExpireOnce) {
    const std::string payer = open(1000);
    constexpr int kHolds = 300;
    for (int i = 0; i < kHolds; ++i)
        EXPECT_EQ(
            pipeline_.api().post("/v1/holds", hold_json(payer, std::to_string(i), 1, R"(,"expires_in_s":1)")).status,
            201);
    EXPECT_TRUE(eventually([&] {
        return pipeline_.database().value("SELECT count(*) FROM hold_steps WHERE state = 'EXPIRED'") ==
               std::to_string(kHolds);
    }));
    EXPECT_EQ(pipeline_.database().value("SELECT count(*) FROM decisions WHERE kind = 'REFUSED'"), "0");
    EXPECT_EQ(amounts(payer), "1000 0 1000");
    expect_clean();
}

TEST_F(Holds, ExpireBesideOneWhoseReleaseTheDatabaseRefuses) {
    const std::string payer = open(10);
    std::vector<std::string> ids;
    for (int i = 0; i < 5; ++i) ids.push_back(hold(payer, std::to_string(i), 1, R"(,"expires_in_s":2)").at("id"));
    pipeline_.database().run(
        "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = "
        "'check_violation'; END $$; CREATE TRIGGER poison BEFORE INSERT ON accepted FOR EACH ROW WHEN "
        "(NEW.idempotency_key = 'expire:" +
        ids[2] + "') EXECUTE FUNCTION poison()");
    EXPECT_TRUE(eventually([&] { return amounts(payer) == "10 1 9"; }));
    EXPECT_EQ(read(ids[2]).at("state"), "OPEN");
    pipeline_.database().run("DROP TRIGGER poison ON accepted");
    EXPECT_TRUE(eventually([&] { return read(ids[2]).at("state") == "EXPIRED"; })) << "it is tried again";
    expect_clean();
}

// Two holds whose expiry the database refuses when it is decided. One is replayed; of the other the operator gives up
// the expiry, so that it stays open until it is released.
TEST_F(Holds, OutliveADeadLetterOfTheirExpiry) {
    const std::string payer = open(10);
    pipeline_.database().run(
        "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS (SELECT FROM accepted WHERE "
        "id "
        "= NEW.transaction_id AND idempotency_key LIKE 'expire:%') THEN RAISE EXCEPTION 'no' USING ERRCODE = "
        "'check_violation'; END IF; RETURN NEW; END $$; CREATE TRIGGER poison BEFORE INSERT ON decisions FOR EACH ROW "
        "WHEN (NEW.kind = 'POSTED') EXECUTE FUNCTION poison()");
    const std::string replayed = hold(payer, "1", 1, R"(,"expires_in_s":1)").at("id");
    const std::string discarded = hold(payer, "2", 2, R"(,"expires_in_s":1)").at("id");
    const auto letter_of = [&](const std::string& hold) {
        return pipeline_.database().value(
            "SELECT d.id FROM dead_letters d JOIN accepted t ON t.id = d.transaction_id WHERE t.idempotency_key = "
            "'expire:" +
            hold + "'");
    };
    EXPECT_TRUE(eventually([&] { return pipeline_.database().value("SELECT count(*) FROM dead_letters") == "2"; }));
    EXPECT_EQ(amounts(payer), "10 3 7");
    pipeline_.database().run("DROP TRIGGER poison ON decisions");
    EXPECT_EQ(pipeline_.api().post("/v1/dead-letters/" + letter_of(replayed) + "/replay", "").status, 200);
    EXPECT_EQ(pipeline_.api().post("/v1/dead-letters/" + letter_of(discarded) + "/discard", "").status, 200);
    EXPECT_TRUE(eventually([&] { return read(replayed).at("state") == "EXPIRED"; }));
    EXPECT_EQ(read(discarded).at("state"), "OPEN");
    EXPECT_EQ(settle(discarded, "release", "by hand").at("status"), "PROCESSED");
    EXPECT_EQ(amounts(payer), "10 0 10");
    expect_clean();
}

TEST_F(Holds, SayWhatIsWrongWithThem) {
    const std::string payer = open(10), yen = open(0, R"("currency":"JPY")");
    const std::string nobody = "00000000-0000-7000-8000-000000000000";
    const std::string id = hold(payer, "good", 5).at("id");
    const std::string released = hold(payer, "released", 1).at("id");
    EXPECT_EQ(settle(released, "release", "released it").at("status"), "PROCESSED");
    const std::string failed = hold(payer, "failed", 100).at("id");
    const std::string hold_path = "/v1/holds", capture = hold_path + "/" + id + "/capture";
    const std::string before = pipeline_.database().value("SELECT count(*) FROM accepted");
    const std::vector<std::tuple<std::string, std::string, std::string, std::string>> wrong{
        {hold_path, hold_json(payer, "k", 0), "invalid_field", "amount_cents"},
        {hold_path, hold_json(payer, "k", 1, R"(,"expires_in_s":0)"), "invalid_field", "expires_in_s"},
        {hold_path, hold_json(payer, "k", 1, R"(,"expires_in_s":7776001)"), "invalid_field", "expires_in_s"},
        {hold_path, hold_json(payer, "k", 1, R"(,"expires_at":"soon")"), "invalid_field", "expires_at"},
        {hold_path, hold_json(payer, "k", 1, R"(,"expires_at":"2001-01-01T00:00:00Z")"), "expiry_passed", "expires_at"},
        {hold_path, hold_json(payer, "k", 1, R"(,"expires_at":"2999-01-01T00:00:00Z")"), "invalid_field", "expires_at"},
        {hold_path, hold_json(payer, "k", 1, fmt::format(R"(,"to_account_id":"{}")", payer)), "invalid_field",
         "to_account_id"},
        {hold_path, hold_json(payer, "k", 1, fmt::format(R"(,"to_account_id":"{}")", nobody)), "account_not_found",
         "to_account_id"},
        {hold_path, hold_json(payer, "k", 1, fmt::format(R"(,"to_account_id":"{}")", yen)), "currency_mismatch",
         "to_account_id"},
        {hold_path, hold_json(nobody, "k", 1), "account_not_found", "account_id"},
        {hold_path, hold_json(yen, "k", 1), "currency_mismatch", "currency"},
        {hold_path, hold_json(payer, "expire:" + id, 1), "invalid_idempotency_key", "idempotency_key"},
        {capture, key_json("k", R"(,"amount_cents":0)"), "invalid_field", "amount_cents"},
        {capture, key_json("k", R"(,"amount_cents":6)"), "capture_exceeds_hold", "amount_cents"},
        {capture, key_json("k", fmt::format(R"(,"to_account_id":"{}")", payer)), "invalid_field", "to_account_id"},
        {capture, key_json("k", fmt::format(R"(,"to_account_id":"{}")", nobody)), "account_not_found", "to_account_id"},
        {capture, "{}", "missing_idempotency_key", "idempotency_key"},
        {hold_path + "/" + nobody + "/release", key_json("k"), "hold_not_found", "missing"},
        {hold_path + "/" + released + "/capture", key_json("k"), "hold_closed", "missing"},
        {hold_path + "/" + released + "/release", key_json("k"), "hold_closed", "missing"},
        {hold_path + "/" + failed + "/capture", key_json("k"), "hold_failed", "missing"},
    };
    for (const auto& [path, body, code, field] : wrong) {
        const Answer answer = pipeline_.api().post(path, body);
        EXPECT_EQ(answer.code(), code) << path << ' ' << body << '\n' << answer.text();
        EXPECT_EQ(answer.at("field"), field) << body << '\n' << answer.text();
    }
    EXPECT_EQ(pipeline_.database().value("SELECT count(*) FROM accepted"), before) << "nothing was stored";
}

TEST_F(Holds, ThatDoNotAddUpAreFoundByVerify) {
    const std::string payer = open(10);
    const std::string id = hold(payer, "h", 5).at("id");
    EXPECT_EQ(settle(id, "capture", "c", R"(,"amount_cents":2,"final":false)").at("status"), "PROCESSED");
    expect_clean();
    const auto found = [&] {
        db::Connection connection = pipeline_.database().connect();
        const auto report = audit::verify(connection, {});
        EXPECT_TRUE(report) << report.error().message;
        return report ? report->finding(audit::Check::holds).violated : -1;
    };
    pipeline_.database().run("ALTER TABLE hold_steps DISABLE TRIGGER immutable");
    pipeline_.database().run("UPDATE hold_steps SET captured_after_cents = 3 WHERE captured_after_cents = 2");
    EXPECT_EQ(found(), 2) << "the step, and what the account holds";
    pipeline_.database().run(
        "UPDATE hold_steps SET captured_after_cents = 1, released_after_cents = 1 "
        "WHERE captured_after_cents = 3");
    EXPECT_EQ(found(), 1) << "as much is held, but another amount was captured";
    pipeline_.database().run("DELETE FROM hold_steps WHERE captured_after_cents = 1");
    EXPECT_EQ(found(), 1) << "the account holds less than its hold";
}

// What only the worker can know: captures that were all accepted while the hold still had enough.
TEST_F(Holds, AreCapturedConcurrentlyUpToTheirAmount) {
    const std::string payer = open(100), payee = open(0);
    const std::string id = hold(payer, "h", 50).at("id");
    std::vector<std::thread> clients;
    for (int client = 0; client < 6; ++client)
        clients.emplace_back([&, client] {
            const Answer made = pipeline_.api().post(
                "/v1/holds/" + id + "/capture",
                key_json(std::to_string(client),
                         fmt::format(R"(,"amount_cents":20,"final":false,"to_account_id":"{}")", payee)));
            EXPECT_TRUE(made.status == 201 || made.code() == "capture_exceeds_hold") << made.text();
        });
    for (std::thread& client : clients) client.join();
    expect_clean();
    EXPECT_EQ(amounts(payer), "60 10 50");
    EXPECT_EQ(amounts(payee), "40 0 40");
}

// An account and its holds as they must be, computed from the transactions in the order in which they were accepted for
// the account, without any code of the product.
struct Model {
    struct OpenHold {
        std::int64_t rest = 0;
        bool open = false;
    };
    std::int64_t balance = 0, held = 0;
    std::map<std::string, OpenHold> holds;

    bool apply(const std::string& type, const std::string& id, const std::string& parent, std::int64_t cents,
               bool final) {
        if (type == "CREDIT") return balance += cents, true;
        if (type == "DEBIT") return balance - held >= cents && (balance -= cents, true);
        if (type == "HOLD") {
            if (balance - held < cents) return false;
            held += cents;
            holds[id] = {cents, true};
            return true;
        }
        OpenHold& hold = holds[parent];
        if (!hold.open || (type == "CAPTURE" && cents > hold.rest)) return false;
        const std::int64_t captured = type == "CAPTURE" ? cents : 0;
        const std::int64_t given_back = type == "RELEASE" || final ? hold.rest - captured : 0;
        balance -= captured;
        held -= captured + given_back;
        hold.rest -= captured + given_back;
        hold.open = hold.rest > 0;
        return true;
    }
};

TEST_F(Holds, OfManyClientsAreWhatAModelSays) {
    constexpr int kAccounts = 4, kClients = 6, kRequests = 60;
    std::vector<std::string> accounts;
    for (int i = 0; i < kAccounts; ++i) accounts.push_back(open(200));
    std::vector<std::thread> clients;
    for (int client = 0; client < kClients; ++client)
        clients.emplace_back([&, client] {
            SeededRandom random(static_cast<std::uint64_t>(client) + 7);
            std::vector<std::string> holds;
            for (int i = 0; i < kRequests; ++i) {
                const std::string& account = accounts[random.below(kAccounts)];
                const std::string key = fmt::format("{}-{}", client, i);
                const int cents = 1 + static_cast<int>(random.below(60));
                const auto kind = random.below(holds.empty() ? 3 : 6);
                if (kind < 2) {
                    pipeline_.api().post("/v1/transactions",
                                         transaction_json(account, key, cents, kind == 0 ? "DEBIT" : "CREDIT"));
                } else if (kind == 2) {
                    const std::string more = random.below(3) == 0 ? R"(,"expires_in_s":1)" : "";
                    holds.push_back(pipeline_.api().post("/v1/holds", hold_json(account, key, cents, more)).at("id"));
                } else {
                    const std::string& id = holds[random.below(holds.size())];
                    const std::string more = kind == 3 ? ""
                                                       : fmt::format(R"(,"amount_cents":{},"final":{})", 1 + cents / 3,
                                                                     random.below(2) == 0);
                    const Answer made = pipeline_.api().post("/v1/holds/" + id + (kind == 3 ? "/release" : "/capture"),
                                                             key_json(key, more));
                    EXPECT_TRUE(made.status == 201 || made.status == 409 || made.status == 422) << made.text();
                }
            }
        });
    for (std::thread& client : clients) client.join();
    EXPECT_TRUE(eventually([&] {
        return pipeline_.database().value(
                   "SELECT count(*) FROM due_holds d JOIN accepted t ON "
                   "t.id = d.hold_id WHERE t.terms->>'expires_in_s' = '1'") == "0";
    }));
    expect_clean();
    std::size_t processed = 0;
    for (const std::string& account : accounts) {
        Model model;
        std::istringstream rows(pipeline_.database().value(
            "SELECT string_agg(concat_ws('|', t.type, t.id, coalesce(t.parent_id::text, ''), t.amount_cents, "
            "coalesce(t.terms->>'final', ''), d.kind, d.balance_after_cents, d.held_after_cents, "
            "coalesce(d.failure_code, '-')), E'\\n' ORDER BY t.seq) "
            "FROM accepted t JOIN decisions d ON d.lane = t.lane AND d.seq = t.seq WHERE t.account_id = '" +
            account + "'"));
        for (std::string line; std::getline(rows, line);) {
            std::vector<std::string> fields;
            std::istringstream text_of_row(line);
            for (std::string field; std::getline(text_of_row, field, '|');) fields.push_back(field);
            const auto text = [&](std::size_t column) { return fields.at(column); };
            // Time is not the model's: what came too late is refused whatever the hold has left.
            const bool late = text(8) == "hold_expired";
            const bool taken = !late && model.apply(text(0), text(1), text(2), std::stoll(text(3)), text(4) != "false");
            EXPECT_EQ(text(5), taken ? "POSTED" : "REFUSED") << text(0) << ' ' << text(1) << ' ' << text(8);
            EXPECT_EQ(text(6), std::to_string(model.balance)) << text(0) << ' ' << text(1);
            EXPECT_EQ(text(7), std::to_string(model.held)) << text(0) << ' ' << text(1);
            processed += taken ? 1 : 0;
        }
    }
    EXPECT_GT(processed, 100u);
}

}  // namespace
}  // namespace ledgerline::test
