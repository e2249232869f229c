// A cursor belongs to the list it was given out for, and to that list's filters.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "lab/api_server.h"

namespace ledgerline {
namespace {

using test::Answer;

// Every list, with each kind of filter; each has two rows at least.
class Cursors : public testing::Test {
protected:
    Cursors() {
        for (const std::string& account : {account_, other_})
            for (int i = 0; i < 4; ++i) {
                const std::string id =
                    server_.post("/v1/transactions", server_.transaction(account, fmt::format("k{}", i))).at("id");
                if (i < 2)
                    server_.apply(id);
                else
                    server_.park(id);
            }
        for (const std::string& account : {account_, other_})
            lists_.insert(
                lists_.end(),
                {"/v1/accounts/" + account + "/entries?", "/v1/accounts/" + account + "/entries?order=asc",
                 "/v1/accounts/" + account + "/entries?from=2020-01-01T00:00:00Z",
                 "/v1/transactions?account_id=" + account, "/v1/transactions?status=PROCESSED&account_id=" + account,
                 "/v1/dead-letters?account_id=" + account});
        lists_.insert(lists_.end(), {"/v1/accounts?", "/v1/accounts?status=ACTIVE", "/v1/transactions?",
                                     "/v1/transactions?status=PROCESSED", "/v1/transactions?status=PROCESSING",
                                     "/v1/transactions?type=CREDIT", "/v1/transactions?currency=EUR",
                                     "/v1/transactions?created_after=2020-01-01T00:00:00Z",
                                     "/v1/transactions?created_before=2100-01-01T00:00:00Z", "/v1/dead-letters?",
                                     "/v1/dead-letters?state=PARKED"});
    }

    Answer page(const std::string& list, const std::string& more) const {
        return server_.get(list + (list.ends_with('?') ? "" : "&") + "limit=1" + more);
    }

    test::ApiServer server_;
    const std::string account_ = server_.account(), other_ = server_.account();
    std::vector<std::string> lists_;
};

TEST_F(Cursors, OfOneListAreRefusedByEveryOther) {
    for (const std::string& from : lists_) {
        const std::string cursor = page(from, "").at("next_cursor");
        ASSERT_GT(cursor.size(), 17u) << from << " has more than one page";
        for (const std::string& to : lists_) {
            const Answer answer = page(to, "&cursor=" + cursor);
            SCOPED_TRACE(from + " -> " + to);
            if (from == to) {
                EXPECT_EQ(answer.status, 200);
                continue;
            }
            EXPECT_EQ(answer.status, 400);
            EXPECT_EQ(answer.code(), "invalid_cursor");
            EXPECT_EQ(answer.at("field"), "cursor");
        }
    }
}

TEST_F(Cursors, ThatNobodyGaveOutAreRefused) {
    for (const std::string& list : lists_) {
        const std::string cursor = page(list, "").at("next_cursor");
        for (const std::string& made : {std::string("x"), cursor.substr(0, 17), cursor + "0x", "z" + cursor.substr(1),
                                        cursor.substr(0, 17) + "-1", cursor.substr(0, cursor.size() - 1) + "g"}) {
            const Answer answer = page(list, "&cursor=" + made);
            EXPECT_EQ(answer.status, 400) << list << " " << made;
            EXPECT_EQ(answer.at("field"), "cursor") << list << " " << made;
        }
    }
}

}  // namespace
}  // namespace ledgerline
