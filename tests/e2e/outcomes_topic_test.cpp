// transactions.outcomes, with the roles as processes on a real PostgreSQL and a real Kafka, which are killed: every
// outcome is there, for the first time in the order of its lane, and the same whenever it comes again.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "base/random.h"
#include "domain/legs.h"
#include "e2e/program.h"
#include "lab/json_schema.h"
#include "lab/kafka_broker.h"
#include "lab/test_database.h"
#include "lab/told_outcomes.h"

namespace ledgerline::test {
namespace {

using testing::Each;
using testing::IsEmpty;

constexpr const char* kTopic = outcomes_topic;

std::string transfer_json(const std::string& key, const std::string& from, const std::string& to, std::uint64_t cents) {
    return fmt::format(R"({{"idempotency_key":"{}","legs":[{{"from_account_id":"{}","to_account_id":"{}",)"
                       R"("amount_cents":{},"currency":"EUR"}}]}})",
                       key, from, to, cents);
}

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
    ValueOf value_of() const {
        return [this](const std::string& sql) { return database_.value(sql); };
    }
    bool wait_applied() const {
        return eventually(
            [&] { return database_.value("SELECT count(*) FROM lane_cursors WHERE applied_seq < last_seq") == "0"; });
    }
    bool wait_told() const { return wait_all_told(value_of()); }
    bool wait_record(const std::string& account, const std::string& part) const {
        return eventually([&] {
            const auto records = read(lane_of(*Uuid::parse(account)));
            return records.size() == 1 && records[0].value.value_or("").contains(part);
        });
    }
    void expect_complete() const {
        const ToldOutcomes told = told_outcomes(decided_lanes(value_of()), broker_.read_all(kTopic));
        EXPECT_THAT(told.findings, IsEmpty());
        std::vector<std::string> headers, outcomes, updates;
        for (const RawRecord& record : told.first) {
            headers.push_back(headers_json(record.headers));
            (header(record, "ce_type") == "account.updated" ? updates : outcomes).push_back(record.value.value_or(""));
        }
        EXPECT_THAT(JsonSchema("outcomes.headers").check(headers), Each("ok"));
        EXPECT_THAT(JsonSchema("transaction.outcome.v1").check(outcomes), Each("ok"));
        EXPECT_THAT(JsonSchema("account.updated.v1").check(updates), Each("ok"));
    }

    // Payments of two tenants, and one from the one to the other.
    void expect_tenants(std::uint16_t port) {
        ApiClient client(port);
        const std::vector<http::Header> acme{{"X-Tenant", "acme"}};
        ASSERT_EQ(client.call("PUT", "/v1/tenants/acme").status, 201);
        const std::string own = client.open_account();
        const Answer account = client.call("POST", "/v1/accounts", R"({"currency":"EUR"})", acme);
        const std::string theirs = account.at("id");
        const auto post = [&](const std::string& path, const std::string& body,
                              const std::vector<http::Header>& headers) {
            const Answer made = client.call("POST", path, body, headers);
            EXPECT_EQ(made.status, 201) << made.text();
        };
        post("/v1/transactions", transaction_json(own, "1", 100), {});
        post("/v1/transactions", transaction_json(theirs, "1", 100), acme);
        post("/v1/transfers", transfer_json("2", theirs, own, 5), acme);
        ASSERT_TRUE(wait_told());
        for (const char* topic : {"transactions", kTopic}) {
            std::size_t count = 0;
            for (const std::string& id : {own, theirs})
                for (const RawRecord& record : broker_.read(topic, lane_of(*Uuid::parse(id)))) {
                    if (record.key != id) continue;
                    EXPECT_EQ(header(record, "ce_tenant"), id == theirs ? "acme" : "missing") << topic;
                    ++count;
                }
            EXPECT_EQ(count, 4U) << topic;
        }
    }

    const TestDatabase database_;
    KafkaBroker broker_;
};

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

TEST_F(OutcomesTopic, NamesTheTenantOfEachAccountAsTheOtherTopicDoes) {
    const auto publisher = role("publisher"), worker = role("worker"), api = role("api");
    expect_tenants(api->port());
}

// Where intake hands the publisher what it has just accepted.
TEST_F(OutcomesTopic, NamesTheTenantsInUpToo) {
    const auto up = role("up");
    expect_tenants(up->port());
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
