// The roles with a real registry: every message of each topic names a schema that its value is valid by, in either
// format; and what happens when the registry is away, or has something that ours would break.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <memory>
#include <set>

#include "base/text.h"
#include "domain/legs.h"
#include "domain/schema_frame.h"
#include "e2e/program.h"
#include "lab/json_schema.h"
#include "lab/kafka_broker.h"
#include "lab/schema_registry.h"
#include "lab/test_database.h"
#include "registry/topic_schemas.h"

namespace ledgerline::test {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::Not;

class SchemasOnTheWire : public testing::Test {
protected:
    SchemasOnTheWire() : topic_(fmt::format("money{}", ++count_)) {}

    std::vector<std::string> arguments(const std::string& name, const std::vector<std::string>& more = {}) const {
        std::vector<std::string> all{name,     "--database-url", database_.url(), "--kafka-brokers",
                                     broker(), "--listen",       "127.0.0.1:0"};
        if (name != "api")
            all.insert(all.end(), {"--kafka-topic", topic_, "--kafka-dead-letter-topic", topic_ + ".dlq",
                                   "--kafka-outcomes-topic", topic_ + ".outcomes", "--kafka-group", topic_});
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    std::unique_ptr<RoleProcess> role(const std::string& name, const std::vector<std::string>& more = {}) const {
        return std::make_unique<RoleProcess>(arguments(name, more));
    }
    static std::vector<std::string> registered(const RegistryServer& server, const std::string& format = "header") {
        return {"--schema-registry-url", server.url(), "--schema-wire-format", format};
    }
    static std::string broker() { return KafkaBroker::shared().address(); }
    // Of the lanes of the accounts opened here.
    std::vector<RawRecord> read(const std::string& suffix) const {
        std::vector<RawRecord> records;
        for (const int lane : lanes_)
            for (RawRecord& record : KafkaBroker::shared().read(topic_ + suffix, lane))
                records.push_back(std::move(record));
        return records;
    }
    std::string open_account(ApiClient& client) {
        std::string account = client.open_account();
        lanes_.insert(lane_of(*Uuid::parse(account)));
        return account;
    }
    static std::vector<std::string> headers(const RawRecord& record, std::string_view name) {
        std::vector<std::string> values;
        for (const auto& [each, value] : record.headers)
            if (each == name) values.push_back(value);
        return values;
    }
    bool wait_count(const std::string& sql, const std::string& count) const {
        return eventually([&] { return database_.value(sql) == count; });
    }
    bool wait_applied() const {
        return wait_count("SELECT count(*) FROM lane_cursors WHERE applied_seq < last_seq", "0");
    }
    bool wait_told() const {
        return wait_applied() && wait_count(
                                     "SELECT count(*) FROM lane_cursors c LEFT JOIN lane_outcomes o USING (lane) WHERE "
                                     "coalesce(o.told_seq, 0) < c.applied_seq",
                                     "0");
    }
    static void credit(ApiClient& client, const std::string& account, const std::string& key) {
        const Answer made = client.post("/v1/transactions", transaction_json(account, key, 5));
        EXPECT_EQ(made.status, 201) << made.text();
    }
    // A payment that is applied, one that becomes a dead letter, and a change of an account.
    void everything_happens(ApiClient& client, int letters) {
        const std::string healthy = open_account(client), broken = open_account(client);
        database_.run(
            fmt::format("ALTER TABLE decisions ADD CONSTRAINT broken{} CHECK (account_id <> '{}' OR kind = "
                        "'PARKED') NOT VALID",
                        letters, broken));
        credit(client, healthy, "fine");
        credit(client, broken, "poison");
        EXPECT_EQ(client.call("PATCH", "/v1/accounts/" + healthy, R"({"min_balance_cents":-7})").status, 200);
        ASSERT_TRUE(
            wait_count("SELECT count(*) FROM dead_letters WHERE announced_at IS NOT NULL", std::to_string(letters)));
        ASSERT_TRUE(wait_told());
    }
    // Each value by the schema that its record names.
    struct Told {
        std::string schema;  // its text
        std::string value;
    };
    static Told told_by(const RawRecord& record) {
        const std::string value = record.value.value_or("");
        const auto names = headers(record, "schema-id");
        EXPECT_EQ(names.size(), has_schema_frame(value) ? 0u : 1u);
        std::uint32_t id = names.empty() ? 0 : parse_integer<std::uint32_t>(names.front()).value_or(0);
        for (std::size_t i = 1; names.empty() && i < schema_frame_bytes; ++i)
            id = id << 8 | static_cast<unsigned char>(value[i]);
        return {RegistryServer::shared().schema(id), std::string(without_schema_frame(value))};
    }
    void expect_valid(const std::string& suffix, std::string_view schema) const {
        std::vector<std::string> values;
        for (const RawRecord& record : read(suffix)) {
            const Told told = told_by(record);
            EXPECT_EQ(told.schema, schema) << suffix;
            values.push_back(told.value);
        }
        EXPECT_FALSE(values.empty()) << suffix;
        EXPECT_THAT(JsonSchema::of_text(std::string(schema)).check(values), Each("ok")) << suffix;
    }
    void expect_all_valid() const {
        expect_valid("", registry::events_schema);
        expect_valid(".dlq", registry::dead_letters_schema);
        expect_valid(".outcomes", registry::outcomes_schema);
    }
    std::size_t framed(const std::string& suffix) const {
        std::size_t count = 0;
        for (const RawRecord& record : read(suffix)) count += has_schema_frame(record.value.value_or(""));
        return count;
    }

    static inline int count_ = 0;
    const std::string topic_;
    std::set<int> lanes_;
    const TestDatabase database_;
};

TEST_F(SchemasOnTheWire, EveryMessageNamesTheSchemaOfItsValue) {
    const auto publisher = role("publisher", registered(RegistryServer::shared())), worker = role("worker"),
               api = role("api");
    ApiClient client(api->port());
    everything_happens(client, 1);
    expect_all_valid();
    std::vector<std::string> outcomes, letters;
    for (const RawRecord& record : read(".outcomes")) outcomes.push_back(headers_json(record.headers));
    for (const RawRecord& record : read(".dlq")) letters.push_back(headers_json(record.headers));
    EXPECT_THAT(JsonSchema("outcomes.headers").check(outcomes), Each("ok"));
    EXPECT_THAT(JsonSchema("dead-letter.headers").check(letters), Each("ok"));
    EXPECT_EQ(framed("") + framed(".dlq") + framed(".outcomes"), 0u);
    // However long it takes until they show: each is created by one, once.
    const std::string printed = publisher->program().output() + worker->program().output();
    for (const char* suffix : {"", ".dlq", ".outcomes"})
        EXPECT_EQ(occurrences(printed, fmt::format(R"("kafka: topic created","topic":"{}{}")", topic_, suffix)), 1u)
            << printed;
}

// Also what a reader finds that follows a change of the format.
TEST_F(SchemasOnTheWire, TheWorkerTakesBothFormatsAndADeadLetterIsKeptAsText) {
    auto publisher = role("publisher");
    const auto worker = role("worker"), api = role("api");
    ApiClient client(api->port());
    everything_happens(client, 1);
    EXPECT_EQ(publisher->stop(), "exit code 0");
    KafkaBroker::shared().delete_topic(topic_ + ".dlq");
    KafkaBroker::shared().delete_topic(topic_ + ".outcomes");
    const std::size_t bare = read("").size();
    publisher = role("publisher", registered(RegistryServer::shared(), "confluent"));
    everything_happens(client, 2);
    EXPECT_EQ(framed(""), read("").size() - bare);
    EXPECT_GT(framed(".dlq"), 0u);
    expect_valid(".dlq", registry::dead_letters_schema);
    expect_valid(".outcomes", registry::outcomes_schema);
    EXPECT_EQ(framed(".outcomes"), read(".outcomes").size());
    EXPECT_EQ(database_.value("SELECT count(*) FROM dead_letters WHERE payload_encoding = 'utf8' AND "
                              "payload::jsonb ->> 'event_type' = 'transaction.created'"),
              "2");
    // Back again: what is framed is read by a worker that knows of no registry.
    EXPECT_EQ(publisher->stop(), "exit code 0");
    publisher = role("publisher", registered(RegistryServer::shared()));
    everything_happens(client, 3);
}

TEST_F(SchemasOnTheWire, WhatSomebodyElseFramedComesOutOfTheTopicOfDeadLettersAsItWas) {
    const auto publisher = role("publisher", registered(RegistryServer::shared(), "confluent")),
               worker = role("worker");
    ASSERT_TRUE(eventually([&] { return KafkaBroker::shared().partitions(topic_ + ".dlq") == lane_count; }));
    const std::string foreign = with_schema_frame(77, "{}");
    KafkaBroker::shared().write(topic_, 3, {"a", foreign, {}, 0});
    lanes_ = {3};
    ASSERT_TRUE(wait_count("SELECT count(*) FROM dead_letters WHERE announced_at IS NOT NULL", "1"));
    ASSERT_EQ(read(".dlq").size(), 1u);
    EXPECT_EQ(read(".dlq")[0].value, foreign);
}

TEST_F(SchemasOnTheWire, ARegistryThatGoesAwayStopsNothingThatRuns) {
    RegistryServer own;
    const auto publisher = role("publisher", registered(own)), worker = role("worker"), api = role("api");
    ApiClient client(api->port());
    const std::string account = open_account(client);
    credit(client, account, "before");
    ASSERT_TRUE(wait_told());
    own.kill();
    credit(client, account, "after");
    KafkaBroker::shared().kill();
    KafkaBroker::shared().start();  // the clients are made anew
    credit(client, account, "much later");
    ASSERT_TRUE(wait_applied());
    ASSERT_TRUE(wait_told());
    EXPECT_TRUE(eventually([&] { return ApiClient(publisher->port()).get("/readyz").status == 200; }));
    for (const RawRecord& record : read(".outcomes")) EXPECT_EQ(headers(record, "schema-id").size(), 1u);
    // But nobody begins: whether this version's schemas break something is not known.
    std::vector<std::string> late = registered(own);
    late.insert(late.end(), {"--startup-timeout", "1s"});
    Program second(arguments("publisher", late));
    EXPECT_EQ(second.wait_outcome(), "exit code 3");
    EXPECT_THAT(second.output(), HasSubstr(fmt::format("schema registry {} does not answer", own.url())));
}

TEST_F(SchemasOnTheWire, ARoleWhoseSchemaWouldBreakASubjectDoesNotBegin) {
    RegistryServer::shared().force(topic_ + ".outcomes-value", RegistryServer::of_texts);
    Program publisher(arguments("publisher", registered(RegistryServer::shared())));
    EXPECT_EQ(publisher.wait_outcome(), "exit code 4");
    EXPECT_THAT(publisher.output(), HasSubstr(fmt::format("breaks subject {}.outcomes-value", topic_)));
    Program up(arguments("up", registered(RegistryServer::shared())));
    EXPECT_EQ(up.wait_outcome(), "exit code 4");
    EXPECT_THAT(up.output(), HasSubstr(fmt::format("breaks subject {}.outcomes-value", topic_)));
}

TEST_F(SchemasOnTheWire, SettingsThatDoNotGoTogetherAreRefusedAndNoPasswordIsShown) {
    const TempDir dir;
    const std::string path = dir.path() / "login";
    const auto said = [&](const std::vector<std::string>& more, const Program::Variables& variables = {}) {
        Program program(arguments("publisher", more), variables);
        EXPECT_EQ(program.wait_outcome(), "exit code 2") << program.output();
        EXPECT_THAT(program.output(), Not(HasSubstr("hush-hush")));
        return program.output();
    };
    EXPECT_THAT(said({"--schema-wire-format", "confluent"}), HasSubstr("needs --schema-registry-url"));
    EXPECT_THAT(said({"--schema-registry-url", "http://clerk:hush-hush@127.0.0.1:1"}),
                HasSubstr("--schema-registry-url: the URL must be [http[s]://]host[:port][/prefix]: it names a user"));
    const std::vector<std::string> url{"--schema-registry-url", "http://127.0.0.1:1"};
    EXPECT_THAT(said(url, {"LEDGERLINE_SCHEMA_REGISTRY_CREDENTIALS=hush-hush"}),
                HasSubstr("LEDGERLINE_SCHEMA_REGISTRY_CREDENTIALS must be USER:PASSWORD"));
    std::ofstream(path) << "hush-hush\n";
    std::filesystem::permissions(path, std::filesystem::perms(0600));
    std::vector<std::string> file = url;
    file.insert(file.end(), {"--schema-registry-credentials-file", path});
    EXPECT_THAT(said(file), HasSubstr("login must be USER:PASSWORD"));
    std::filesystem::permissions(path, std::filesystem::perms(0644));
    EXPECT_THAT(said(file), HasSubstr("every user of this machine can read it"));
    std::vector<std::string> authorities = url;
    authorities.insert(authorities.end(), {"--schema-registry-ca-file", "/nowhere/ca.pem"});
    EXPECT_THAT(said(authorities), HasSubstr("--schema-registry-ca-file /nowhere/ca.pem: cannot be read"));
    Program up({"up", "--database-url", database_.url(), "--listen", "127.0.0.1:0", "--schema-registry-url",
                "http://127.0.0.1:1"});
    EXPECT_EQ(up.wait_outcome(), "exit code 2");
    EXPECT_THAT(up.output(), HasSubstr("--schema-registry-url needs --kafka-brokers"));
}

}  // namespace
}  // namespace ledgerline::test
