// GET /v1/transactions: filters, pages and cursors.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/api_server.h"

namespace ledgerline {
namespace {

using test::Answer;
using testing::ElementsAre;
using testing::IsEmpty;

class TransactionsList : public testing::Test {
protected:
    std::string post(const std::string& account, const std::string& key) const {
        return server_.post("/v1/transactions", server_.transaction(account, key)).at("id");
    }
    // The keys of all pages.
    std::vector<std::string> keys(const std::string& query) const {
        std::vector<std::string> found;
        std::string cursor;
        while (true) {
            const Answer page = server_.get(fmt::format("/v1/transactions?limit=2{}{}", query, cursor));
            EXPECT_EQ(page.status, 200) << json::serialize(page.body);
            for (const json::Value& each : *page.body.find("transactions")->if_array())
                found.push_back(*each.find("idempotency_key")->if_string());
            if (page.status != 200 || page.at("next_cursor") == "null") return found;
            cursor = "&cursor=" + page.at("next_cursor");
        }
    }

    test::ApiServer server_;
    const std::string account_ = server_.account();
    const std::string other_ = server_.account_beside(account_);
};

TEST_F(TransactionsList, FiltersByStateAndAccountNewestFirst) {
    const std::string processed = post(account_, "processed"), failed = post(account_, "failed");
    const std::string parked = post(account_, "parked");
    server_.apply(processed);
    server_.apply(failed, "FAILED");
    const std::string letter = server_.park(parked);
    const std::string replayed = post(account_, "replayed");
    const std::string replay = server_.park(replayed);
    post(account_, "waiting");
    server_.apply(post(other_, "other processed"));
    post(other_, "other waiting");
    ASSERT_EQ(server_.post("/v1/dead-letters/" + replay + "/replay", "").status, 200);

    EXPECT_THAT(keys(""), ElementsAre("other waiting", "other processed", "waiting", "replayed", "parked", "failed",
                                      "processed"));
    EXPECT_THAT(keys("&status=PROCESSED"), ElementsAre("other processed", "processed"));
    EXPECT_THAT(keys("&status=FAILED"), ElementsAre("failed"));
    // What waits is in the order of its places: a replay gives a new one.
    EXPECT_THAT(keys("&status=PENDING"), ElementsAre("replayed", "other waiting", "waiting"));
    EXPECT_THAT(keys("&status=PROCESSING"), ElementsAre("parked"));
    const std::string of_account = "&account_id=" + account_;
    EXPECT_THAT(keys(of_account), ElementsAre("waiting", "replayed", "parked", "failed", "processed"));
    EXPECT_THAT(keys(of_account + "&status=PROCESSED"), ElementsAre("processed"));
    EXPECT_THAT(keys(of_account + "&status=FAILED"), ElementsAre("failed"));
    EXPECT_THAT(keys(of_account + "&status=PENDING"), ElementsAre("replayed", "waiting"));
    EXPECT_THAT(keys(of_account + "&status=PROCESSING"), ElementsAre("parked"));
    EXPECT_THAT(keys("&account_id=00000000-0000-7000-8000-000000000000"), IsEmpty());

    // Published, not yet applied.
    server_.database().run(
        "UPDATE lane_publish p SET published_seq = last_seq FROM lane_cursors i WHERE i.lane = p.lane");
    EXPECT_THAT(keys("&status=PENDING"), IsEmpty());
    EXPECT_THAT(keys("&status=PROCESSING"), ElementsAre("replayed", "other waiting", "waiting", "parked"));
    EXPECT_THAT(keys(of_account + "&status=PROCESSING"), ElementsAre("replayed", "waiting", "parked"));
    EXPECT_EQ(server_.get("/v1/transactions/" + parked).at("dead_letter_id"), letter);
}

// What waits, as the lists find it, and as each transaction says: both must say the same.
TEST_F(TransactionsList, BothViewsAgree) {
    const std::string ids[] = {post(account_, "a"), post(account_, "b"), post(account_, "c"), post(account_, "d"),
                               post(account_, "e")};
    const auto agree = [&] {
        EXPECT_EQ(
            server_.database().value(
                "SELECT count(*) FROM (SELECT id, account_id, lane, status FROM undecided) u FULL JOIN "
                "(SELECT id, account_id, lane, status FROM transactions WHERE status IN ('PENDING', 'PROCESSING')) t "
                "ON t = u WHERE t IS NULL OR u IS NULL"),
            "0");
        EXPECT_EQ(server_.database().value("SELECT count(*) FROM transactions"), "5");
    };
    agree();
    server_.apply(ids[0]);
    server_.apply(ids[1], "FAILED");
    agree();
    const std::string letter = server_.park(ids[2]);
    agree();
    ASSERT_EQ(server_.post("/v1/dead-letters/" + letter + "/replay", "").status, 200);
    agree();
    server_.apply(ids[3]);
    server_.apply(ids[4]);
    agree();
    server_.database().run(
        "UPDATE lane_publish p SET published_seq = last_seq FROM lane_cursors i WHERE i.lane = p.lane");
    agree();
    server_.park(ids[2]);
    agree();
}

TEST_F(TransactionsList, RefusesWhatItDoesNotKnow) {
    const std::pair<const char*, const char*> wrong[] = {
        {"?offset=10", "use_cursor"},          {"?page=2", "unknown_parameter"},
        {"?limit=0", "invalid_parameter"},     {"?limit=1001", "invalid_parameter"},
        {"?limit=-1", "invalid_parameter"},    {"?limit=5.0", "invalid_parameter"},
        {"?limit=", "invalid_parameter"},      {"?limit=1&limit=1", "duplicate_parameter"},
        {"?status=DONE", "invalid_parameter"}, {"?account_id=7", "invalid_parameter"},
        {"?cursor=", "invalid_cursor"},        {"?cursor=abc", "invalid_cursor"},
    };
    for (const auto& [query, code] : wrong) {
        const Answer refused = server_.get(std::string("/v1/transactions") + query);
        EXPECT_EQ(refused.status, 400) << query;
        EXPECT_EQ(refused.code(), code) << query;
    }
    EXPECT_EQ(server_.get("/v1/transactions?limit=1000").status, 200);
    EXPECT_EQ(server_.get("/v1/transactions/7").code(), "invalid_id");
    EXPECT_EQ(server_.get("/v1/transactions/00000000-0000-7000-8000-000000000000").code(), "transaction_not_found");
}

TEST_F(TransactionsList, ACursorBelongsToItsFilters) {
    for (int i = 0; i < 3; ++i) post(account_, std::to_string(i));
    const std::string cursor = "&cursor=" + server_.get("/v1/transactions?limit=1&status=PENDING").at("next_cursor");
    EXPECT_EQ(server_.get("/v1/transactions?limit=2&status=PENDING" + cursor).at("transactions.0.idempotency_key"),
              "1");
    EXPECT_EQ(server_.get("/v1/transactions?limit=1" + cursor).code(), "invalid_cursor");
    EXPECT_EQ(server_.get("/v1/transactions?status=PROCESSED" + cursor).code(), "invalid_cursor");
    EXPECT_EQ(server_.get("/v1/transactions?status=PENDING&account_id=" + account_ + cursor).code(), "invalid_cursor");
    EXPECT_EQ(server_.get("/v1/accounts?limit=1" + cursor).code(), "invalid_cursor");
}

}  // namespace
}  // namespace ledgerline
