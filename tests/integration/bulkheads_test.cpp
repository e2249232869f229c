// Reads, payments, operators and probes have threads and database sessions of their own: what some wait for does not
// hold up the others.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <vector>

#include "lab/api_server.h"
#include "lab/eventually.h"

namespace ledgerline::test {
namespace {

api::ApiConfig patient() {
    api::ApiConfig config;
    config.lock_timeout = config.statement_timeout = milliseconds(50'000);
    return config;
}

// Reads that hang until the table is free, more than there are sessions for them.
class HangingReads {
public:
    HangingReads(const ApiServer& server, const std::string& table, const std::string& target)
        : holder_(server.database().connect()) {
        EXPECT_TRUE(holder_.run_script("BEGIN; LOCK TABLE " + table));
        for (int i = 0; i < 12; ++i)
            reads_.push_back(std::async(std::launch::async, [this, &server, target] {
                EXPECT_EQ(server.get(target).status, 200);
                ++answered_;
            }));
        const auto hang = [&server] {
            return server.database().value(
                "SELECT count(*) > 1 AND count(*) = (SELECT count(*) FROM pg_stat_activity a "
                "WHERE datname = current_database() AND application_name = w.application_name) "
                "FROM pg_stat_activity w WHERE datname = current_database() AND wait_event_type = 'Lock' "
                "GROUP BY application_name");
        };
        EXPECT_TRUE(eventually([&] { return hang() == "t"; })) << "not all sessions of the pool hang";
    }
    ~HangingReads() { EXPECT_TRUE(holder_.run_script("ROLLBACK")); }

    int answered() const { return answered_; }

private:
    std::atomic<int> answered_ = 0;
    std::vector<std::future<void>> reads_;  // waited for at the end
    db::Connection holder_;
};

TEST(Bulkheads, ReadsThatHangHoldUpNoPaymentNoOperatorAndNoProbe) {
    const ApiServer server(patient());
    const std::string account = server.account(R"("currency":"EUR","reference":"till")");
    const HangingReads hanging(server, "account_changes", "/v1/accounts/" + account + "/changes");
    const std::string paid = R"("account_reference":"till","amount_cents":5,"currency":"EUR")";
    // Its reference is looked up, and so is what a replay or a hold became.
    const std::string credit = "{" + paid + R"(,"type":"CREDIT","idempotency_key":"a"})";
    for (int i = 0; i < 2; ++i) EXPECT_EQ(server.post("/v1/transactions", credit).status, 201);
    EXPECT_EQ(server.post("/v1/holds", "{" + paid + "}", {{"Idempotency-Key", "b"}}).status, 201);
    EXPECT_EQ(server.get("/v1/dead-letters").status, 200);
    EXPECT_EQ(server.get("/v1/keys").status, 200);
    EXPECT_EQ(server.get("/livez").status, 200);
    EXPECT_EQ(server.get("/readyz").status, 200);
    EXPECT_EQ(hanging.answered(), 0);
}

TEST(Bulkheads, OperatorsWhoHangHoldUpNoReads) {
    const ApiServer server(patient());
    const std::string account = server.account();
    const HangingReads hanging(server, "webhooks", "/v1/webhooks");
    EXPECT_EQ(server.get("/v1/accounts/" + account).status, 200);
    EXPECT_EQ(server.post("/v1/transactions", server.transaction(account, "a")).status, 201);
    EXPECT_EQ(hanging.answered(), 0);
}

}  // namespace
}  // namespace ledgerline::test
