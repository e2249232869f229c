// Statements and balances: periods, orders, CSV, balances at a time, the trial balance.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/api_server.h"

namespace ledgerline {
namespace {

using test::Answer;
using testing::ElementsAre;
using testing::HasSubstr;

class Statements : public testing::Test {
protected:
    // Entries of 1, 2, 4, 8, ... cents, decided at 10:00, 11:00, 12:00, ...
    void fill(int entries) {
        for (int i = 0; i < entries; ++i) {
            const std::string id =
                server_.post("/v1/transactions", server_.transaction(account_, fmt::format("k{}", i), 1 << i)).at("id");
            server_.apply(id);
            server_.database().run(fmt::format(
                "SET session_replication_role = replica; UPDATE decisions SET processed_at = '2026-01-01 {}:00Z' "
                "WHERE transaction_id = '{}'",
                10 + i, id));
        }
    }
    Answer entries(const std::string& query) const {
        return server_.get("/v1/accounts/" + account_ + "/entries?" + query);
    }
    Answer csv(const std::string& query, const std::string& accept = "text/csv") const {
        return server_.call("GET", "/v1/accounts/" + account_ + "/entries?" + query, "", {{"Accept", accept}});
    }
    // The amounts of all pages.
    std::vector<std::string> amounts(const std::string& query) const {
        std::vector<std::string> found;
        std::string cursor;
        while (true) {
            const Answer page = entries("limit=2&" + query + cursor);
            EXPECT_EQ(page.status, 200) << json::serialize(page.body);
            for (const json::Value& each : *page.body.find("entries")->if_array())
                found.push_back(each.find("net_cents")->if_number()->text);
            if (page.status != 200 || page.at("next_cursor") == "null") return found;
            cursor = "&cursor=" + page.at("next_cursor");
        }
    }
    Answer balance(const std::string& at) const {
        return server_.get("/v1/accounts/" + account_ + "/balance" + (at.empty() ? "" : "?at=" + at));
    }

    test::ApiServer server_;
    const std::string account_ = server_.account(R"("currency":"EUR","min_balance_cents":-1000)");
};

TEST_F(Statements, OfAPeriodInEitherOrder) {
    fill(5);
    EXPECT_THAT(amounts(""), ElementsAre("16", "8", "4", "2", "1"));
    EXPECT_THAT(amounts("order=desc"), ElementsAre("16", "8", "4", "2", "1"));
    EXPECT_THAT(amounts("order=asc"), ElementsAre("1", "2", "4", "8", "16"));
    const std::string period = "from=2026-01-01T11:00:00Z&to=2026-01-01T13:00:00Z";
    EXPECT_THAT(amounts(period), ElementsAre("4", "2")) << "from counts, to does not";
    EXPECT_THAT(amounts(period + "&order=asc"), ElementsAre("2", "4"));
    EXPECT_THAT(amounts("from=2026-01-01T11:00:00.000001Z"), ElementsAre("16", "8", "4"));
    EXPECT_THAT(amounts("to=2026-01-01T13:00:00.000001Z&order=asc"), ElementsAre("1", "2", "4", "8"));
    EXPECT_THAT(amounts("to=2026-01-01T10:00:00Z"), testing::IsEmpty());
    EXPECT_THAT(amounts("from=2026-01-02T00:00:00Z"), testing::IsEmpty());

    const Answer page = entries(period + "&limit=1");
    EXPECT_EQ(page.at("currency"), "EUR");
    EXPECT_EQ(page.at("opening_balance_cents"), "1");
    EXPECT_EQ(page.at("closing_balance_cents"), "7");
    EXPECT_EQ(page.at("entries.0.balance_after_cents"), "7");
    EXPECT_EQ(page.at("entries.0.idempotency_key"), "k2");
    EXPECT_EQ(page.at("entries.0.reference"), "null");
    const Answer next = entries(period + "&limit=1&cursor=" + page.at("next_cursor"));
    EXPECT_EQ(next.at("opening_balance_cents"), "1") << "of the period, not of the page";
    EXPECT_EQ(next.at("closing_balance_cents"), "7");
    EXPECT_EQ(entries("to=2026-01-01T10:00:00Z").at("closing_balance_cents"), "0");
    EXPECT_EQ(entries("").at("opening_balance_cents"), "0");
    EXPECT_EQ(entries("").at("closing_balance_cents"), "31");
}

// What was refused moves no balance, and other accounts in the lane do not matter.
TEST_F(Statements, OpenAndCloseWithTheBalanceOfTheirTimes) {
    fill(2);
    const std::string id = server_.post("/v1/transactions", server_.transaction(account_, "no", 7)).at("id");
    server_.apply(id, "FAILED");
    const std::string now = entries("").at("closing_balance_cents");
    EXPECT_EQ(now, "3");
    EXPECT_EQ(entries("from=2026-01-01T12:00:00Z").at("opening_balance_cents"), "3");
    EXPECT_EQ(entries("from=2026-01-01T12:00:00Z").at("entries"), "[]");
}

TEST_F(Statements, RefuseWhatCannotBeMeant) {
    for (const auto& [query, field] : {std::pair{"from=noon", "from"},
                                       {"to=2026-13-01T00:00:00Z", "to"},
                                       {"order=newest", "order"},
                                       {"from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from"},
                                       {"at=2026-01-02T00:00:00Z", "at"}}) {
        const Answer refused = entries(query);
        EXPECT_EQ(refused.status, 400) << query;
        EXPECT_EQ(refused.at("field"), field) << query;
    }
    fill(3);
    const std::string cursor = "&cursor=" + entries("limit=1").at("next_cursor");
    EXPECT_EQ(entries("order=asc" + cursor).code(), "invalid_cursor");
    EXPECT_EQ(entries("to=2027-01-01T00:00:00Z" + cursor).code(), "invalid_cursor");
}

TEST_F(Statements, AsCsv) {
    for (const auto& [key, more] :
         {std::pair{"=cmd", R"(,"reference":"-1+1")"}, {"a,\\\"b", R"(,"reference":"plain")"}})
        server_.apply(server_.post("/v1/transactions", server_.transaction(account_, key, 5, more)).at("id"));
    server_.apply(server_.post("/v1/transactions", test::transaction_json(account_, "minus", 20, "DEBIT")).at("id"));
    const Answer page = csv("order=asc&limit=2");
    EXPECT_EQ(page.status, 200);
    EXPECT_EQ(page.header("content-type"), "text/csv; charset=utf-8; header=present");
    EXPECT_EQ(page.header("opening-balance-cents"), "0");
    EXPECT_EQ(page.header("closing-balance-cents"), "-10");
    EXPECT_EQ(page.header("currency"), "EUR");
    EXPECT_EQ(page.header("vary"), "Accept");
    EXPECT_THAT(page.text(), testing::StartsWith("transaction_id,seq,type,amount_cents,net_cents,balance_after_cents,"
                                                 "idempotency_key,reference,processed_at\r\n"));
    EXPECT_THAT(page.text(), HasSubstr(",CREDIT,5,5,5,'=cmd,'-1+1,"));
    EXPECT_THAT(page.text(), HasSubstr(",CREDIT,5,5,10,\"a,\"\"b\",plain,"));
    EXPECT_EQ(std::ranges::count(page.text(), '\n'), 3);

    const std::string link = page.header("link");
    EXPECT_THAT(link, testing::EndsWith(">; rel=\"next\""));
    const std::string target = link.substr(1, link.find('>') - 1);
    const Answer last = server_.call("GET", target, "", {{"Accept", "text/csv"}});
    EXPECT_EQ(last.status, 200) << target;
    EXPECT_EQ(std::ranges::count(last.text(), '\n'), 2);
    EXPECT_THAT(last.text(), HasSubstr(",DEBIT,20,-20,-10,minus,,")) << "numbers stay numbers";
    EXPECT_EQ(last.header("link"), "");
}

TEST_F(Statements, AsCsvOnlyForThoseWhoPreferIt) {
    fill(1);
    for (const char* accept : {"text/csv", "text/csv, */*", "application/json;q=0.5, text/csv;q=0.9",
                               "TEXT/CSV;header=present", "text/csv, application/json;q=0.1"})
        EXPECT_THAT(csv("", accept).header("content-type"), HasSubstr("text/csv")) << accept;
    for (const char* accept : {"application/json", "*/*", "text/html", "application/json, text/csv", "text/csv;q=0",
                               "text/csv;q=0.5, */*", "text/csv;q=x", ""})
        EXPECT_EQ(csv("", accept).header("content-type"), "application/json") << accept;
    EXPECT_EQ(csv("order=up").header("content-type"), "application/problem+json");
}

TEST_F(Statements, BalanceAtATime) {
    EXPECT_EQ(balance("").at("balance_cents"), "0");
    EXPECT_EQ(balance("").at("last_decided_at"), "null");
    fill(3);
    for (const auto& [at, cents] : {std::pair{"2026-01-01T09:59:59.999999Z", "0"},
                                    {"2026-01-01T10:00:00Z", "1"},
                                    {"2026-01-01T11:59:59Z", "3"},
                                    {"2026-01-01T13:00:00%2B01:00", "7"},
                                    {"", "7"},
                                    {"9999-12-31T23:59:59.999999Z", "7"},
                                    {"0001-01-01T00:00:00Z", "0"}})
        EXPECT_EQ(balance(at).at("balance_cents"), cents) << at;
    const Answer at = balance("2026-01-01T11:30:00Z");
    EXPECT_EQ(at.at("account_id"), account_);
    EXPECT_EQ(at.at("at"), "2026-01-01T11:30:00.000000Z");
    EXPECT_EQ(at.at("currency"), "EUR");
    EXPECT_EQ(at.at("held_cents"), "0");
    EXPECT_EQ(at.at("available_cents"), "3");
    EXPECT_EQ(at.at("last_decided_at"), "2026-01-01T11:00:00.000000Z");
    EXPECT_EQ(balance("then").at("field"), "at");
    EXPECT_EQ(server_.get("/v1/accounts/" + account_ + "/balance?when=x").code(), "unknown_parameter");
    EXPECT_EQ(server_.get("/v1/accounts/00000000-0000-7000-8000-000000000000/balance").code(), "account_not_found");
    EXPECT_EQ(server_.get("/v1/accounts/7/balance").code(), "invalid_id");
}

TEST_F(Statements, TrialBalanceSumsToZero) {
    EXPECT_EQ(server_.get("/v1/trial-balance").at("currencies.0.external_cents"), "0");
    fill(3);
    const std::string yen = server_.account(R"("currency":"JPY","min_balance_cents":-100)");
    server_.account(R"("currency":"JPY")");
    server_.apply(server_
                      .post("/v1/transactions", fmt::format(R"({{"account_id":"{}","amount_cents":5,"currency":"JPY",)"
                                                            R"("type":"DEBIT","idempotency_key":"k"}})",
                                                            yen))
                      .at("id"));
    const Answer all = server_.get("/v1/trial-balance");
    EXPECT_EQ(all.at("currencies.0.currency"), "EUR");
    EXPECT_EQ(all.at("currencies.0.accounts"), "1");
    EXPECT_EQ(all.at("currencies.0.balance_cents"), "7");
    EXPECT_EQ(all.at("currencies.0.external_cents"), "-7");
    EXPECT_EQ(all.at("currencies.1.currency"), "JPY");
    EXPECT_EQ(all.at("currencies.1.accounts"), "2");
    EXPECT_EQ(all.at("currencies.1.balance_cents"), "-5");
    EXPECT_EQ(all.at("currencies.1.held_cents"), "0");
    EXPECT_EQ(all.at("currencies.1.external_cents"), "5");
    EXPECT_EQ(all.at("has_more"), "false");
    EXPECT_EQ(server_.get("/v1/trial-balance?currency=EUR").code(), "unknown_parameter");
}

}  // namespace
}  // namespace ledgerline
