// transactions.outcomes, with the roles as processes on a real PostgreSQL and a real Kafka, which are killed: every
// outcome is there, for the first time in the order of its lane, and the same whenever it comes again.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <thread>

#include "base/random.h"
#include "domain/legs.h"
#include "e2e/program.h"
#include "lab/json_schema.h"
#include "lab/kafka_broker.h"
#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

using testing::Each;

constexpr const char* kTopic = "transactions.outcomes";

class OutcomesTopic : public testing::Test {
protected:
    std::unique_ptr<RoleProcess> role(const std::string& name, const std::vector<std::string>& more = {}) const {
        std::vector<std::string> all{
            name, "--database-url", database_.url(), "--kafka-brokers", broker_.address(), "--listen", "127.0.0.1:0"};
        all.insert(all.end(), more.begin(), more.end());
        return std::make_unique<RoleProcess>(all);
    }
    static std::string header(const RawRecord& record, std::string_view name) {
        for (const auto& [each, value] : record.headers)
            if (each == name) return value;
        return "missing";
    }
    std::vector<RawRecord> read(int lane) const { return broker_.read(kTopic, lane); }
    // Everything that was decided and changed, in the order of the lane.
    std::vector<std::string> decided_in(int lane) const {
        std::istringstream rows(database_.value(fmt::format(
            "SELECT string_agg(id, E'\\n' ORDER BY seq, nth) FROM (SELECT p.event_id || ':' || d.lane || ':' || d.seq "
            "AS id, "
            "d.seq, 0 AS nth FROM decisions d JOIN lane_places p USING (lane, seq) WHERE d.lane = {0} UNION ALL "
            "SELECT account_id || ':' || number, applied_seq, nth FROM account_changes WHERE lane = {0}) told",
            lane)));
        std::vector<std::string> ids;
        for (std::string id; std::getline(rows, id);)
            if (!id.empty()) ids.push_back(id);
        return ids;
    }
    bool wait_applied() const {
        return eventually(
            [&] { return database_.value("SELECT count(*) FROM lane_cursors WHERE applied_seq < last_seq") == "0"; });
    }
    // Until the publishers say that the topic has everything.
    bool wait_told() const {
        return wait_applied() && eventually([&] {
                   return database_.value(
                              "SELECT count(*) FROM lane_cursors c LEFT JOIN lane_outcomes o USING (lane) WHERE "
                              "coalesce(o.told_seq, 0) < c.applied_seq OR EXISTS (SELECT FROM account_changes h WHERE "
                              "h.lane = c.lane AND (h.applied_seq, h.nth) > (o.told_seq, o.told_nth))") == "0";
               });
    }
    bool wait_record(const std::string& account, const std::string& part) const {
        return eventually([&] {
            const auto records = read(lane_of(*Uuid::parse(account)));
            return records.size() == 1 && records[0].value.value_or("").contains(part);
        });
    }
    void expect_complete() const {
        std::vector<std::string> headers, outcomes, updates;
        for (int lane = 0; lane < lane_count; ++lane) {
            const std::vector<std::string> decided = decided_in(lane);
            if (decided.empty()) continue;
            std::vector<std::string> first;
            std::map<std::string, std::string> seen;
            for (const RawRecord& record : read(lane)) {
                const std::string id = header(record, "ce_id");
                EXPECT_EQ(header(record, "lane"), std::to_string(lane));
                EXPECT_EQ(header(record, "ce_subject"), record.key.value_or(""));
                const auto [at, added] = seen.emplace(id, record.value.value_or(""));
                EXPECT_EQ(at->second, record.value.value_or("")) << id;
                if (!added) continue;
                first.push_back(id);
                headers.push_back(headers_json(record.headers));
                (header(record, "ce_type") == "account.updated" ? updates : outcomes).push_back(at->second);
            }
            EXPECT_EQ(first, decided) << "lane " << lane;
        }
        EXPECT_THAT(JsonSchema("outcomes.headers").check(headers), Each("ok"));
        EXPECT_THAT(JsonSchema("transaction.outcome.v1").check(outcomes), Each("ok"));
        EXPECT_THAT(JsonSchema("account.updated.v1").check(updates), Each("ok"));
    }

    const TestDatabase database_;
    KafkaBroker broker_;
};

std::string transfer_json(const std::string& key, const std::string& from, const std::string& to, std::uint64_t cents) {
    return fmt::format(R"({{"idempotency_key":"{}","legs":[{{"from_account_id":"{}","to_account_id":"{}",)"
                       R"("amount_cents":{},"currency":"EUR"}}]}})",
                       key, from, to, cents);
}

// Publishers, the worker and the broker are killed again and again under load.
TEST_F(OutcomesTopic, KillsLoseNothing) {
    std::vector<std::unique_ptr<RoleProcess>> publishers;
    for (int i = 0; i < 2; ++i) publishers.push_back(role("publisher"));
    auto worker = role("worker");
    const auto api = role("api");
    ApiClient client(api->port());
    std::vector<std::string> accounts;
    for (int i = 0; i < 12; ++i) accounts.push_back(client.open_account());
    SeededRandom random(11);
    const auto pick = [&] { return accounts[random.below(accounts.size())]; };
    for (int round = 0; round < 8; ++round) {
        for (int i = 0; i < 25; ++i) {
            const std::string key = fmt::format("{}-{}", round, i), one = pick(), other = pick();
            const bool transfers = one != other && i % 3 == 0;
            const Answer made =
                transfers
                    ? client.post("/v1/transfers", transfer_json(key, one, other, 1 + random.below(60)))
                    : client.post("/v1/transactions", transaction_json(one, key, 100, i % 2 ? "CREDIT" : "DEBIT"));
            EXPECT_EQ(made.status, 201) << made.text();
        }
        EXPECT_EQ(
            client.call("PATCH", "/v1/accounts/" + pick(), fmt::format(R"({{"min_balance_cents":-{}}})", 1 + round))
                .status,
            200);
        auto& victim = publishers[random.below(2)];
        victim->kill();
        victim = role("publisher");
        if (round % 3 == 1) {
            worker->kill();
            worker = role("worker");
        }
        if (round % 4 == 2) {
            broker_.kill();
            broker_.start();
        }
    }
    ASSERT_TRUE(wait_told()) << publishers[0]->program().output();
    expect_complete();
    // What is left when publishers end in order: nothing is told again.
    for (auto& publisher : publishers) EXPECT_EQ(publisher->stop(), "exit code 0");
    const int lane = lane_of(*Uuid::parse(accounts[0]));
    const std::size_t before = read(lane).size();
    publishers[0] = role("publisher");
    EXPECT_EQ(client.post("/v1/transactions", transaction_json(accounts[0], "last", 1)).status, 201);
    ASSERT_TRUE(wait_told());
    EXPECT_EQ(read(lane).size(), before + 1);
    const std::string metrics = ApiClient(publishers[0]->port()).get("/metrics").text();
    EXPECT_NE(metrics.find("\noutcomes_published_total 1\n"), std::string::npos);
    EXPECT_TRUE(eventually(
        [&] { return ApiClient(publishers[0]->port()).get("/metrics").text().contains("\noutcomes_lag_events 0\n"); }));
}

TEST_F(OutcomesTopic, IsGrownAndMadeAgain) {
    broker_.create_topic(kTopic, 5);
    const auto publisher = role("publisher"), worker = role("worker"), api = role("api");
    ApiClient client(api->port());
    EXPECT_TRUE(eventually([&] { return broker_.partitions(kTopic) == lane_count; }));
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(client.post("/v1/transactions", transaction_json(client.open_account(), "a", 1)).status, 201);
    ASSERT_TRUE(wait_told());
    expect_complete();
    broker_.delete_topic(kTopic);
    const std::string account = client.open_account();
    EXPECT_EQ(client.post("/v1/transactions", transaction_json(account, "b", 2)).status, 201);
    ASSERT_TRUE(eventually([&] { return broker_.partitions(kTopic) == lane_count; }));
    ASSERT_TRUE(wait_record(account, R"("balance_after_cents":2)"));
    EXPECT_EQ(ApiClient(publisher->port()).get("/readyz").status, 200);
}

TEST_F(OutcomesTopic, BeginsWhereItIsToldToOrIsOff) {
    const auto worker = role("worker"), api = role("api");
    auto publisher = role("publisher", {"--outcomes-from", "off"});
    ApiClient client(api->port());
    const std::string account = client.open_account();
    EXPECT_EQ(client.post("/v1/transactions", transaction_json(account, "a", 1)).status, 201);
    ASSERT_TRUE(wait_applied());
    EXPECT_EQ(publisher->stop(), "exit code 0");
    publisher = role("publisher", {"--outcomes-from", "latest"});
    ASSERT_TRUE(eventually([&] { return database_.value("SELECT count(*) FROM lane_outcomes") == "48"; }));
    EXPECT_EQ(client.post("/v1/transactions", transaction_json(account, "b", 2)).status, 201);
    ASSERT_TRUE(wait_record(account, R"("balance_after_cents":3)"));
}

}  // namespace
}  // namespace ledgerline::test
