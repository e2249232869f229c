// transactions.dlq, with the roles as processes on a real PostgreSQL and a real Kafka that goes away: poison comes out
// there as it went in, and both topics carry what the published schemas say.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>

#include "base/uuid.h"
#include "domain/legs.h"
#include "e2e/program.h"
#include "lab/json_schema.h"
#include "lab/kafka_broker.h"
#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

using testing::Each;
using testing::ElementsAre;

constexpr int kLanes = lane_count;
constexpr const char* kTopic = "transactions";
constexpr const char* kDeadLetterTopic = "transactions.dlq";

class DeadLetterTopic : public testing::Test {
protected:
    std::unique_ptr<RoleProcess> role(const std::string& name) const {
        return std::make_unique<RoleProcess>(std::vector<std::string>{
            name, "--database-url", database_.url(), "--kafka-brokers", broker_.address(), "--listen", "127.0.0.1:0"});
    }
    static void credit(ApiClient& client, const std::string& account, const std::string& key) {
        const Answer posted =
            client.post("/v1/transactions", transaction_json(account, key, 5, "CREDIT", R"(,"metadata":{"n":1.50})"));
        EXPECT_EQ(posted.status, 201) << json::serialize(posted.body);
    }
    // What is posted to the account from now on cannot be applied.
    void break_rows_of(const std::string& account) const {
        database_.run(fmt::format(
            "ALTER TABLE decisions ADD CONSTRAINT broken CHECK (account_id <> '{}' OR kind = 'PARKED') NOT VALID",
            account));
    }

    std::vector<RawRecord> read(const char* topic) const {
        std::vector<RawRecord> records;
        for (int partition = 0; partition < kLanes; ++partition)
            for (RawRecord& record : broker_.read(topic, partition)) records.push_back(std::move(record));
        return records;
    }
    static std::string header(const RawRecord& record, std::string_view name) {
        for (const auto& [each, value] : record.headers)
            if (each == name) return value;
        return "missing";
    }
    bool wait_count(const std::string& sql, const std::string& count) const {
        return eventually([&] { return database_.value(sql) == count; });
    }
    bool wait_announced(int letters) const {
        return wait_count("SELECT count(*) FROM dead_letters WHERE announced_at IS NOT NULL", std::to_string(letters));
    }
    // By id, each letter's records: one, unless something failed in between.
    std::map<std::string, std::vector<RawRecord>> letters_on_topic() const {
        std::map<std::string, std::vector<RawRecord>> letters;
        for (RawRecord& record : read(kDeadLetterTopic)) letters[header(record, "dlq-id")].push_back(std::move(record));
        return letters;
    }

    const TestDatabase database_;
    KafkaBroker broker_;
};

TEST_F(DeadLetterTopic, CarriesBrokenRowsAndGarbageOnceWithAllTheirHeaders) {
    const auto publisher = role("publisher"), other_publisher = role("publisher"), worker = role("worker"),
               api = role("api");
    ApiClient client(api->port());
    const std::string healthy = client.open_account(), broken = client.open_account();
    break_rows_of(broken);
    credit(client, broken, "poison");
    credit(client, healthy, "fine");
    ASSERT_TRUE(wait_announced(1));
    const std::string bytes("\x00\xff{garbage", 10);
    broker_.write(kTopic, 3, {"a key \xff", bytes, {{"text", "ö"}, {"raw", "\xfe\x01"}, {"dlq-id", "forged"}}, 0});
    ASSERT_TRUE(wait_announced(2));
    ASSERT_TRUE(wait_count("SELECT count(*) FROM decisions WHERE kind = 'POSTED'", "1"));

    const auto events = read(kTopic);
    const auto letters = letters_on_topic();
    ASSERT_EQ(letters.size(), 2u);
    for (const auto& [id, records] : letters) {
        ASSERT_EQ(records.size(), 1u) << id;
        const RawRecord& record = records.front();
        EXPECT_EQ(header(record, "dlq-original-topic"), kTopic);
        EXPECT_EQ(
            database_.value(fmt::format("SELECT error_code || ' ' || error_class || ' ' || attempts || ' ' || "
                                        "\"offset\" || ' ' || partition FROM dead_letters WHERE id = '{}'",
                                        id)),
            fmt::format("{} {} {} {} {}", header(record, "dlq-error-code"), header(record, "dlq-error-class"),
                        header(record, "dlq-attempts"), header(record, "dlq-offset"), header(record, "dlq-partition")));
        if (header(record, "dlq-error-class") == "foreign") {
            EXPECT_EQ(record.key, "a key \xff");
            EXPECT_EQ(record.value, bytes);
            EXPECT_EQ(header(record, "text"), "ö");
            EXPECT_EQ(header(record, "raw"), "\xfe\x01");
        } else {
            EXPECT_EQ(record.key, broken);
            EXPECT_EQ(header(record, "dlq-error-code"), "23514");
            // As it stood on its own topic, with the added headers behind its own.
            bool found = false;
            for (const RawRecord& event : events)
                found |= event.value == record.value &&
                         std::equal(event.headers.begin(), event.headers.end(), record.headers.begin());
            EXPECT_TRUE(found);
            EXPECT_THAT(JsonSchema("dead-letter.headers").check({headers_json(record.headers)}), ElementsAre("ok"));
            EXPECT_THAT(JsonSchema("transaction.created.v1").check({*record.value}), ElementsAre("ok"));
        }
    }
}

TEST_F(DeadLetterTopic, WhatIsOnTheWireIsWhatTheSchemaSays) {
    const auto publisher = role("publisher"), api = role("api");
    ApiClient client(api->port());
    constexpr int kEvents = 60;
    for (int i = 0; i < kEvents / 3; ++i) {
        const std::string account = client.open_account();
        for (const char* key : {"a", R"(ö€ \"\\)", "c"}) credit(client, account, key);
    }
    ASSERT_TRUE(wait_count("SELECT count(*) FROM lane_cursors WHERE published_seq < last_seq", "0"));
    std::vector<std::string> values, headers;
    for (const RawRecord& record : read(kTopic)) {
        ASSERT_TRUE(record.key && record.value);
        EXPECT_TRUE(Uuid::parse(*record.key));
        values.push_back(*record.value);
        headers.push_back(headers_json(record.headers));
    }
    ASSERT_EQ(values.size(), kEvents);
    EXPECT_THAT(JsonSchema("transaction.created.v1").check(values), Each("ok"));
    EXPECT_THAT(JsonSchema("transaction.created.v1.headers").check(headers), Each("ok"));
}

TEST_F(DeadLetterTopic, LettersThatWaitedForTheBrokerComeWhenItIsBack) {
    const auto worker = role("worker"), api = role("api");
    auto publisher = role("publisher");
    ApiClient client(api->port());
    const std::string broken = client.open_account();
    break_rows_of(broken);
    credit(client, broken, "first");
    ASSERT_TRUE(wait_announced(1));

    // Letters that no publisher can announce: those of another bus, as the database had them before it was moved.
    broker_.stop();
    for (int i = 0; i < 40; ++i)
        database_.run(fmt::format(
            "INSERT INTO dead_letters (id, topic, partition, \"offset\", payload, payload_encoding, value_sha256, "
            "error_class, error_code, error_message, attempts, first_failed_at, last_failed_at) VALUES "
            "(gen_random_uuid(), 'transactions', {0}, {0}, 'x', 'utf8', '\\x01', 'foreign', 'undecodable', 'no JSON', "
            "1, now(), now())",
            i));
    publisher->kill();
    publisher = role("publisher");
    EXPECT_TRUE(eventually([&] {
        const Answer reply = ApiClient(publisher->port()).get("/readyz");
        return reply.status == 503;
    }));
    EXPECT_EQ(database_.value("SELECT count(*) FROM dead_letters WHERE announced_at IS NULL"), "40");
    credit(client, broken, "second");  // accepted all the same
    broker_.start();
    ASSERT_TRUE(wait_announced(42));
    EXPECT_EQ(letters_on_topic().size(), 42u) << "each at least once";
}

}  // namespace
}  // namespace ledgerline::test
