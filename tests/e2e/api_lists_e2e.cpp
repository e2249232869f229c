// Lists and their cursors, as a stranger sees them.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "e2e/stranger.h"

namespace ledgerline::test {
namespace {

constexpr int kRows = 7;

class Lists : public Stranger {
protected:
    Lists() {
        std::vector<Movement> movements;
        for (int i = 0; i < kRows; ++i)
            movements.push_back({.account_id = account_, .key = fresh("row"), .amount_cents = i + 1});
        movements.push_back(
            {.account_id = account_, .key = fresh("refused"), .amount_cents = 1'000'000, .type = "DEBIT"});
        const Answer answer = settle_batch(movements);
        for (int i = kRows; i >= 0; --i)
            newest_first_.push_back(answer.at(fmt::format("results.{}.transaction.id", i)));
    }
    // The ids of all pages of so many rows.
    static std::vector<std::string> walk(const std::string& target, const std::string& list, int limit) {
        std::vector<std::string> ids;
        std::string cursor;
        while (cursor != "null" && ids.size() <= kRows + 1) {
            const Answer page = get(target + fmt::format("&limit={}", limit) +
                                    (cursor.empty() ? "" : "&cursor=" + http::percent_encode(cursor)));
            EXPECT_EQ(page.status, 200) << json::serialize(page.body);
            for (int i = 0; i < limit && page.at(fmt::format("{}.{}.id", list, i)) != "missing"; ++i)
                ids.push_back(page.at(fmt::format("{}.{}.id", list, i)));
            cursor = page.at("next_cursor");
            if (cursor == "missing") break;
        }
        return ids;
    }

    const std::string account_ = account();
    const std::string of_account_ = "/v1/transactions?account_id=" + account_;
    std::vector<std::string> newest_first_;
};

TEST_F(Lists, PagesOfAnySizeHoldEverythingOnce) {
    for (const int limit : {1, 2, 3, kRows + 1, 1000})
        EXPECT_EQ(walk(of_account_, "transactions", limit), newest_first_) << limit;
}

TEST_F(Lists, TransactionsAreFilteredByStatus) {
    EXPECT_EQ(walk(of_account_ + "&status=FAILED", "transactions", 2), std::vector{newest_first_.front()});
    EXPECT_EQ(walk(of_account_ + "&status=PROCESSED", "transactions", 3),
              std::vector(newest_first_.begin() + 1, newest_first_.end()));
    EXPECT_THAT(walk(of_account_ + "&status=PENDING", "transactions", 3), testing::IsEmpty());
    EXPECT_EQ(get("/v1/transactions?status=PROCESSED&limit=1").status, 200);
}

TEST_F(Lists, TheDefaultLimitIsFifty) {
    const Answer page = get(of_account_);
    EXPECT_EQ(page.at("limit"), "50");
    EXPECT_EQ(page.at("next_cursor"), "null");
}

TEST_F(Lists, EntriesAreNewestFirstAndHoldOnlyWhatWasPosted) {
    const Answer page = get("/v1/accounts/" + account_ + "/entries?limit=3");
    EXPECT_EQ(page.at("entries.0.amount_cents"), std::to_string(kRows));
    EXPECT_EQ(page.at("entries.0.transaction_id"), newest_first_[1]);
    EXPECT_EQ(page.at("entries.0.type"), "CREDIT");
    EXPECT_EQ(page.at("entries.0.balance_after_cents"), std::to_string(kRows * (kRows + 1) / 2));
    EXPECT_NE(page.at("entries.0.processed_at"), "missing");
    EXPECT_EQ(entries(account_, 3).size(), static_cast<std::size_t>(kRows));
}

TEST_F(Lists, ACursorBelongsToItsFilters) {
    const std::string cursor = http::percent_encode(get(of_account_ + "&limit=1").at("next_cursor"));
    for (const std::string& target :
         {"/v1/transactions?cursor=" + cursor, of_account_ + "&status=FAILED&cursor=" + cursor,
          "/v1/accounts?cursor=" + cursor, "/v1/accounts/" + account_ + "/entries?cursor=" + cursor,
          of_account_ + "&cursor=x" + cursor, of_account_ + "&cursor="}) {
        const Answer answer = get(target);
        EXPECT_EQ(answer.status, 400) << target;
        EXPECT_EQ(answer.code(), "invalid_cursor") << target;
    }
}

TEST_F(Lists, WhatIsWrongWithAQueryIsNamed) {
    struct Case {
        const char* query;
        const char* code;
    };
    for (const std::string& list : {std::string("/v1/transactions"), std::string("/v1/accounts"),
                                    "/v1/accounts/" + account_ + "/entries", std::string("/v1/dead-letters")})
        for (const auto& [query, code] : {Case{"limit=0", "invalid_parameter"},
                                          {"limit=1001", "invalid_parameter"},
                                          {"limit=-1", "invalid_parameter"},
                                          {"limit=ten", "invalid_parameter"},
                                          {"limit=", "invalid_parameter"},
                                          {"limit=5&limit=5", "duplicate_parameter"},
                                          {"offset=10", "use_cursor"},
                                          {"sort=asc", "unknown_parameter"}}) {
            const Answer answer = get(list + "?" + query);
            EXPECT_EQ(answer.status, 400) << list << ' ' << query;
            EXPECT_EQ(answer.code(), code) << list << ' ' << query;
        }
    for (const char* target : {"/v1/transactions?status=DONE", "/v1/transactions?account_id=17",
                               "/v1/accounts?status=GONE", "/v1/dead-letters?state=OPEN"})
        EXPECT_EQ(get(target).status, 400) << target;
}

}  // namespace
}  // namespace ledgerline::test
