// POST /v1/transfers through the whole pipeline: API, intake, publisher, memory bus and worker on real PostgreSQL.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/random.h"
#include "lab/eventually.h"
#include "lab/pipeline.h"
#include "lab/verified.h"

namespace ledgerline::test {
namespace {

using testing::HasSubstr;

std::string leg(const std::string& from, const std::string& to, std::int64_t cents, const char* currency = "EUR") {
    const auto side = [](const char* name, const std::string& account) {
        return account.empty() ? fmt::format(R"("{}_external":true)", name)
                               : fmt::format(R"("{}_account_id":"{}")", name, account);
    };
    return fmt::format(R"({{{},{},"amount_cents":{},"currency":"{}"}})", side("from", from), side("to", to), cents,
                       currency);
}

std::string transfer(const std::string& key, const std::vector<std::string>& legs, const std::string& more = "") {
    return fmt::format(R"({{"idempotency_key":"{}","legs":[{}]{}}})", key, fmt::join(legs, ","), more);
}

class Transfers : public testing::Test {
protected:
    Answer post(const std::string& body) const {
        return pipeline_.api().post("/v1/transfers", body, {{"Prefer", "wait=10"}});
    }
    std::string open(std::int64_t cents, const std::string& fields = R"("currency":"EUR")") const {
        const std::string account = pipeline_.api().account(fields);
        if (cents > 0) {
            const std::string key = "open " + account;
            const Answer made =
                pipeline_.api().post("/v1/transactions", ApiServer::transaction(account, key, static_cast<int>(cents)),
                                     {{"Prefer", "wait=10"}});
            EXPECT_EQ(made.at("status"), "PROCESSED");
        }
        return account;
    }
    std::string balance(const std::string& account) const {
        return pipeline_.api().get("/v1/accounts/" + account).at("balance_cents");
    }

    Pipeline pipeline_;
};

TEST_F(Transfers, MoveMoneyBetweenAllTheirAccountsAtOnce) {
    const std::string buyer = open(100), seller = open(0), fees = open(0);
    const Answer made = post(
        transfer("k", {leg(buyer, seller, 100), leg(seller, fees, 3)}, R"(,"reference":"order 7","metadata":{"a":1})"));
    ASSERT_EQ(made.status, 201) << json::serialize(made.body);
    EXPECT_EQ(made.at("type"), "TRANSFER");
    EXPECT_EQ(made.at("status"), "PROCESSED");
    EXPECT_EQ(made.at("amount_cents"), "103");
    EXPECT_EQ(made.at("account_id"), buyer);
    EXPECT_EQ(made.at("reference"), "order 7");
    EXPECT_EQ(made.at("legs.1.from_account_id"), seller);
    EXPECT_EQ(made.at("legs.1.to_account_id"), fees);
    EXPECT_EQ(made.at("legs.1.amount_cents"), "3");
    EXPECT_EQ(balance(buyer), "0");
    EXPECT_EQ(balance(seller), "97");
    EXPECT_EQ(balance(fees), "3");
    EXPECT_EQ(pipeline_.api().get(made.header("location")).at("legs.0.to_account_id"), seller);

    for (const auto& [account, net_cents] : {std::pair{buyer, "-100"}, {seller, "97"}, {fees, "3"}}) {
        const Answer list = pipeline_.api().get("/v1/transactions?account_id=" + account);
        EXPECT_EQ(list.at("transactions.0.id"), made.at("id"));
        EXPECT_EQ(
            pipeline_.api().get("/v1/transactions?status=PROCESSED&account_id=" + account).at("transactions.0.id"),
            made.at("id"));
        const Answer entries = pipeline_.api().get("/v1/accounts/" + account + "/entries");
        EXPECT_EQ(entries.at("entries.0.transaction_id"), made.at("id"));
        EXPECT_EQ(entries.at("entries.0.type"), "TRANSFER");
        EXPECT_EQ(entries.at("entries.0.net_cents"), net_cents);
    }
}

TEST_F(Transfers, TakeTheirPartFromEveryAccountOrFromNone) {
    const std::string rich = open(100), poor = open(5), to = open(0);
    const Answer refused = post(transfer("k", {leg(rich, to, 50), leg(poor, to, 6)}));
    EXPECT_EQ(refused.at("status"), "FAILED");
    EXPECT_EQ(refused.at("failure_code"), "insufficient_balance");
    EXPECT_THAT(refused.at("failure_reason"), HasSubstr(poor));
    EXPECT_EQ(balance(rich), "100");
    EXPECT_EQ(balance(poor), "5");
    EXPECT_EQ(balance(to), "0");
    for (const std::string& account : {rich, poor, to})
        EXPECT_EQ(pipeline_.api().get("/v1/transactions?status=FAILED&account_id=" + account).at("transactions.0.id"),
                  refused.at("id"));
}

// An account may pay on in the same transfer what it gets by it.
TEST_F(Transfers, AreDecidedOnTheirNetEffect) {
    const std::string a = open(10), middle = open(0), b = open(0);
    EXPECT_EQ(post(transfer("k", {leg(middle, b, 10), leg(a, middle, 10)})).at("status"), "PROCESSED");
    EXPECT_EQ(balance(middle), "0");
    EXPECT_EQ(balance(b), "10");
}

TEST_F(Transfers, ExchangeCurrenciesOverTwoAccountsOfTheHouse) {
    const std::string dollars = R"("currency":"USD","min_balance_cents":-1000)";
    const std::string payer = open(100), house_eur = open(0), house_usd = open(0, dollars), payee = open(0, dollars);
    EXPECT_EQ(post(transfer("k", {leg(payer, house_eur, 100), leg(house_usd, payee, 110, "USD")})).at("status"),
              "PROCESSED");
    EXPECT_EQ(balance(house_eur), "100");
    EXPECT_EQ(balance(house_usd), "-110");
    EXPECT_EQ(balance(payee), "110");
}

TEST_F(Transfers, NameAccountsByTheirReferences) {
    const std::string alice = open(50, R"("currency":"EUR","reference":"alice")"), bob = open(0);
    const std::string body = fmt::format(
        R"({{"idempotency_key":"k","legs":[{{"from_reference":"alice","to_account_id":"{}","amount_cents":20,)"
        R"("currency":"EUR"}},{{"from_reference":"alice","to_external":true,"amount_cents":5,"currency":"EUR"}}]}})",
        bob);
    const Answer made = post(body);
    EXPECT_EQ(made.at("status"), "PROCESSED") << json::serialize(made.body);
    EXPECT_EQ(made.at("legs.0.from_account_id"), alice);
    EXPECT_EQ(made.at("legs.1.to_external"), "true");
    EXPECT_EQ(balance(alice), "25");
    EXPECT_EQ(post(body).header("idempotent-replayed"), "true");

    const Answer single = pipeline_.api().post(
        "/v1/transactions",
        R"({"account_reference":"alice","amount_cents":5,"currency":"EUR","type":"DEBIT","idempotency_key":"s"})",
        {{"Prefer", "wait=10"}});
    EXPECT_EQ(single.at("account_id"), alice);
    EXPECT_EQ(balance(alice), "20");

    const Answer unknown = post(
        transfer("u", {R"({"from_reference":"alice","to_reference":"nobody","amount_cents":1,"currency":"EUR"})"}));
    EXPECT_EQ(unknown.status, 404);
    EXPECT_EQ(unknown.code(), "account_not_found");
    EXPECT_EQ(unknown.at("field"), "legs[0].to_reference");
    const Answer same = post(transfer("u", {fmt::format(R"({{"from_reference":"alice","to_account_id":"{}",)"
                                                        R"("amount_cents":1,"currency":"EUR"}})",
                                                        alice)}));
    EXPECT_EQ(same.status, 400);
    EXPECT_EQ(same.at("field"), "legs[0].from_reference");
}

TEST_F(Transfers, AreTheSameWhateverTheOrderOfTheirLegs) {
    const std::string a = open(10), b = open(10);
    const Answer first = post(transfer("k", {leg(a, b, 1), leg(b, a, 2)}));
    const Answer turned = post(transfer("k", {leg(b, a, 2), leg(a, b, 1)}));
    EXPECT_EQ(turned.header("idempotent-replayed"), "true");
    EXPECT_EQ(turned.at("id"), first.at("id"));
    const Answer other = post(transfer("k", {leg(a, b, 1), leg(b, a, 3)}));
    EXPECT_EQ(other.status, 422);
    EXPECT_EQ(other.code(), "idempotency_key_reused");
    EXPECT_EQ(balance(a), "11");
}

TEST_F(Transfers, OfABatchStandAloneBesideTransactions) {
    const std::string a = open(10), b = open(0);
    const std::string missing = "00000000-0000-7000-8000-000000000000";
    const Answer batch = pipeline_.api().post(
        "/v1/transactions/batch",
        fmt::format(R"({{"transactions":[{},{},{},{}]}})", transfer("1", {leg(a, b, 4)}),
                    ApiServer::transaction(b, "2", 100), transfer("3", {leg(a, missing, 1)}),
                    transfer("4", {R"({"from_external":true,"to_external":true,"amount_cents":1,"currency":"EUR"})"})),
        {{"Prefer", "wait=10"}});
    ASSERT_EQ(batch.status, 200) << json::serialize(batch.body);
    EXPECT_EQ(batch.at("results.0.transaction.type"), "TRANSFER");
    EXPECT_EQ(batch.at("results.0.transaction.status"), "PROCESSED");
    EXPECT_EQ(batch.at("results.1.transaction.type"), "CREDIT");
    EXPECT_EQ(batch.at("results.2.problem.code"), "account_not_found");
    EXPECT_EQ(batch.at("results.2.problem.field"), "transactions[2].legs[0].to_account_id");
    EXPECT_EQ(batch.at("results.3.problem.field"), "transactions[3].legs[0].to_external");
    EXPECT_EQ(balance(b), "104");
}

TEST_F(Transfers, SayWhatIsWrongWithThem) {
    const std::string a = open(0), b = open(0), yen = open(0, R"("currency":"JPY")");
    const std::string good = leg(a, b, 1);
    const std::vector<std::pair<std::string, std::string>> wrong{
        {R"({"idempotency_key":"k"})", "legs"},
        {transfer("k", {}), "legs"},
        {transfer("k", std::vector<std::string>(101, good)), "legs"},
        {transfer("k", {"7"}), "legs[0]"},
        {transfer("k", {good, leg(a, a, 1)}), "legs[1].to_account_id"},
        {transfer("k", {leg("", "", 1)}), "legs[0].to_external"},
        {transfer("k", {leg(a, b, 0)}), "legs[0].amount_cents"},
        {transfer("k", {leg(a, b, 1'000'000'000'000'001)}), "legs[0].amount_cents"},
        {transfer("k", {leg(a, b, 1, "EURO")}), "legs[0].currency"},
        {transfer("k", {leg(a, yen, 1)}), "legs[0].currency"},
        {transfer("k", {R"({"amount_cents":1,"currency":"EUR"})"}), "legs[0].from_account_id"},
        {transfer("k", {R"({"from_external":7,"amount_cents":1,"currency":"EUR"})"}), "legs[0].from_external"},
        {transfer("k", {R"({"from_external":true,"from_reference":"x","to_reference":"y","amount_cents":1,)"
                        R"("currency":"EUR"})"}),
         "legs[0].from_account_id"},
        {transfer("k", {good.substr(0, good.size() - 1) + R"(,"memo":"x"})"}), "legs[0].memo"},
        {transfer("k", {good}, R"(,"amount_cents":1)"), "amount_cents"},
        {transfer("k", {good}, fmt::format(R"(,"reference":"{}")", std::string(65, 'r'))), "reference"},
        {fmt::format(R"({{"legs":[{}]}})", good), "idempotency_key"},
    };
    for (const auto& [body, field] : wrong) {
        const Answer answer = pipeline_.api().post("/v1/transfers", body);
        EXPECT_GE(answer.status, 400) << body;
        EXPECT_LT(answer.status, 500) << body;
        EXPECT_EQ(answer.at("field"), field) << body << "\n" << json::serialize(answer.body);
    }
    EXPECT_EQ(pipeline_.database().value("SELECT count(*) FROM accepted"), "0");
    EXPECT_EQ(post(transfer("k", std::vector<std::string>(100, good))).status, 201) << "no key was used up";
}

TEST_F(Transfers, ThatCannotBeDecidedAreParkedWithAllTheirPlaces) {
    const std::string a = open(10), b = open(0), c = open(0);
    const std::string poison =
        fmt::format("ALTER TABLE decisions ADD CONSTRAINT poison CHECK (account_id <> '{}' OR kind = 'PARKED')", c);
    pipeline_.database().run(poison);
    const auto send = [&](const char* key) {
        return pipeline_.api().post("/v1/transfers", transfer(key, {leg(a, c, 1)})).at("id");
    };
    const std::string replayed = send("r"), discarded = send("d");
    const Answer behind = post(transfer("behind", {leg(a, b, 2)}));
    EXPECT_EQ(behind.at("status"), "PROCESSED") << "what is behind them goes on";
    std::vector<std::string> letters;
    for (const std::string& id : {replayed, discarded}) {
        ASSERT_TRUE(
            eventually([&] { return pipeline_.api().get("/v1/transactions/" + id).at("dead_letter_id") != "null"; }));
        letters.push_back(pipeline_.api().get("/v1/transactions/" + id).at("dead_letter_id"));
    }
    EXPECT_EQ(pipeline_.database().value("SELECT count(*) FROM decisions WHERE kind = 'PARKED'"), "4");
    EXPECT_EQ(balance(a), "8");
    pipeline_.database().run("ALTER TABLE decisions DROP CONSTRAINT poison");
    EXPECT_EQ(pipeline_.api().post("/v1/dead-letters/" + letters[0] + "/replay", "").status, 200);
    EXPECT_EQ(pipeline_.api().post("/v1/dead-letters/" + letters[1] + "/discard", "").status, 200);
    EXPECT_TRUE(eventually([&] {
        return pipeline_.api().get("/v1/transactions/" + replayed).at("status") == "PROCESSED" &&
               pipeline_.api().get("/v1/transactions/" + discarded).at("status") == "FAILED";
    }));
    EXPECT_EQ(balance(a), "7");
    EXPECT_EQ(balance(c), "1");
}

// No money comes into being and none is lost, no account falls below its floor, and everything comes to an end.
TEST_F(Transfers, OfManyClientsKeepTheSum) {
    constexpr int kAccounts = 12, kClients = 6, kTransfers = 40;
    std::vector<std::string> accounts;
    for (int i = 0; i < kAccounts; ++i) accounts.push_back(open(1000));
    std::vector<std::thread> clients;
    for (int client = 0; client < kClients; ++client)
        clients.emplace_back([&, client] {
            SeededRandom random(static_cast<std::uint64_t>(client));
            const auto pick = [&] { return accounts[random.below(kAccounts)]; };
            for (int i = 0; i < kTransfers; ++i) {
                std::vector<std::string> legs;
                while (legs.size() < 1 + random.below(3)) {
                    const std::string from = pick(), to = pick();
                    if (from != to) legs.push_back(leg(from, to, 1 + static_cast<std::int64_t>(random.below(400))));
                }
                const Answer made =
                    pipeline_.api().post("/v1/transfers", transfer(fmt::format("{}-{}", client, i), legs));
                EXPECT_EQ(made.status, 201) << json::serialize(made.body);
            }
        });
    for (std::thread& client : clients) client.join();
    EXPECT_TRUE(eventually([&] { return pipeline_.database().value("SELECT count(*) FROM undecided") == "0"; }));
    EXPECT_EQ(pipeline_.database().value("SELECT sum(balance_cents) FROM accounts"), std::to_string(kAccounts * 1000));
    EXPECT_EQ(pipeline_.database().value("SELECT count(*) FROM accounts WHERE balance_cents < 0"), "0");
    EXPECT_EQ(pipeline_.database().value("SELECT count(*) FROM accepted WHERE type = 'TRANSFER'"),
              std::to_string(kClients * kTransfers));
    EXPECT_EQ(pipeline_.database().value(
                  "SELECT count(*) FROM transactions WHERE type = 'TRANSFER' AND status IN ('PROCESSED', 'FAILED')"),
              std::to_string(kClients * kTransfers));
    expect_verified(pipeline_.database());
}

}  // namespace
}  // namespace ledgerline::test
