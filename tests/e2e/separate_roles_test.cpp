// api, publisher and worker as processes of their own, on a real PostgreSQL and a real Kafka.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <future>
#include <memory>
#include <set>

#include "base/random.h"
#include "base/wakeup.h"
#include "e2e/program.h"
#include "lab/kafka_broker.h"
#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

constexpr int kAccounts = 24;
constexpr const char* kUnapplied = "SELECT count(*) FROM lane_cursors WHERE applied_seq < last_seq";
constexpr const char* kOwnedLanes = "SELECT count(*) FROM lane_publish WHERE owner IS NOT NULL";

// One cluster and one broker for all tests, a database and topics of their own for each.
class Roles : public testing::Test {
protected:
    std::vector<std::string> arguments(const std::string& role, std::vector<std::string> more = {}) const {
        std::vector<std::string> all = {
            role,       "--database-url", database_.url(), "--kafka-brokers", KafkaBroker::shared().address(),
            "--listen", "127.0.0.1:0"};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    // Topics and group of this test, for the roles that publish or consume.
    std::vector<std::string> names() const {
        return {"--kafka-topic", topic_, "--kafka-group", topic_, "--kafka-dead-letter-topic", topic_ + ".dlq"};
    }
    std::unique_ptr<RoleProcess> api() const { return std::make_unique<RoleProcess>(arguments("api")); }
    std::unique_ptr<RoleProcess> publisher() const {
        return std::make_unique<RoleProcess>(arguments("publisher", names()));
    }
    std::unique_ptr<RoleProcess> worker() const { return std::make_unique<RoleProcess>(arguments("worker", names())); }

    static Answer ready(const RoleProcess& role) { return ApiClient(role.port()).get("/readyz"); }
    static bool wait_ready(const RoleProcess& role) {
        return eventually([&] { return ready(role).status == 200 && !ready(role).body.find("degraded"); });
    }
    // Until readyz names exactly that as missing.
    static bool wait_missing(const RoleProcess& role, const std::string& names) {
        return eventually([&] {
            const Answer reply = ready(role);
            const json::Value* missing = reply.body.find("missing");
            return reply.status == 503 && missing && json::serialize(*missing) == names;
        });
    }

    // One credit of a cent on each of kAccounts new accounts, which reach every lane or nearly so.
    void credit_many(const RoleProcess& api) {
        ApiClient client(api.port());
        for (int i = 0; i < kAccounts; ++i)
            EXPECT_EQ(client.post("/v1/transactions", transaction_json(client.open_account(), "a", 1)).status, 201);
        credits_ += kAccounts;
    }
    std::int64_t count(const std::string& sql) const { return std::stoll(database_.value(sql)); }
    bool wait_applied() const {
        return eventually([this] { return count(kUnapplied) == 0; });
    }
    void expect_all_applied() const {
        EXPECT_TRUE(wait_applied());
        EXPECT_EQ(count("SELECT coalesce(sum(balance_cents), 0)::bigint FROM accounts"), credits_);
        EXPECT_EQ(count("SELECT count(*) FROM dead_letters"), 0);
        EXPECT_EQ(run_to_end({"verify", "--database-url", database_.url()}), "exit code 0");
    }
    std::set<std::string> owners() const {
        std::set<std::string> owners;
        auto connection = database_.connect();
        const auto rows = connection.query({"test_owners", "SELECT owner FROM lane_publish WHERE owner IS NOT NULL"});
        for (std::size_t row = 0; rows && row < rows->size(); ++row) owners.emplace(rows->text(row, 0));
        return owners;
    }

    static TestCluster& cluster() { return TestCluster::shared(); }
    const TestDatabase database_{cluster()};
    const std::string topic_ = fmt::format("roles-{:x}", SystemRandom().next());
    std::int64_t credits_ = 0;
};

TEST_F(Roles, ApplyTogetherWhatOneAccepts) {
    const auto first_publisher = publisher(), second_publisher = publisher();
    const auto first_worker = worker(), second_worker = worker();
    const auto first_api = api(), second_api = api();
    for (const auto* role : {&first_publisher, &second_publisher, &first_worker, &second_worker, &first_api})
        EXPECT_TRUE(wait_ready(**role)) << (*role)->program().output();
    credit_many(*first_api);
    credit_many(*second_api);
    expect_all_applied();
    EXPECT_TRUE(eventually([this] { return owners().size() == 2; }));

    // Owners are told as host-pid-uuid.
    const Answer lanes = ApiClient(first_api->port()).get("/v1/lanes");
    ASSERT_EQ(lanes.status, 200);
    const std::string text = json::serialize(lanes.body);
    EXPECT_THAT(text, HasSubstr(fmt::format("-{}-", first_publisher->program().pid())));
    EXPECT_THAT(text, HasSubstr(fmt::format("-{}-", second_publisher->program().pid())));
}

TEST_F(Roles, OneKeySentToTwoApisIsOneTransaction) {
    const auto first = api(), second = api();
    ApiClient client(first->port());
    const std::string account = client.open_account();
    constexpr int kKeys = 20;
    for (int key = 0; key < kKeys; ++key) {
        const auto post = [&](const RoleProcess& role) {
            return ApiClient(role.port()).post("/v1/transactions", transaction_json(account, std::to_string(key), 1));
        };
        auto other = std::async(std::launch::async, [&] { return post(*second); });
        const Answer one = post(*first), two = other.get();
        EXPECT_EQ(one.status, 201);
        EXPECT_EQ(two.status, 201);
        EXPECT_EQ(one.at("id"), two.at("id"));
    }
    EXPECT_EQ(count("SELECT count(*) FROM accepted"), kKeys);
    EXPECT_EQ(client.post("/v1/transactions", transaction_json(account, "0", 2)).status, 422);
}

TEST_F(Roles, WhoPrefersToWaitIsToldWhatAnotherProcessDid) {
    const auto the_publisher = publisher(), the_worker = worker(), the_api = api();
    ApiClient client(the_api->port());
    const std::string account = client.open_account();
    const Answer response = client.post("/v1/transactions", transaction_json(account, "a", 1), {{"Prefer", "wait=30"}});
    ASSERT_NE(response.status, 0) << response.error;
    EXPECT_EQ(response.status, 201);
    EXPECT_THAT(response.text(), HasSubstr(R"("status":"PROCESSED")"));
}

TEST_F(Roles, AnOutageOfKafkaPausesAndDrainsByItself) {
    KafkaBroker broker;
    const auto with_broker = [&](std::vector<std::string> arguments) {
        arguments[4] = broker.address();
        return std::make_unique<RoleProcess>(arguments);
    };
    const auto the_publisher = with_broker(arguments("publisher")), the_worker = with_broker(arguments("worker")),
               the_api = with_broker(arguments("api"));
    for (const auto* role : {&the_publisher, &the_worker, &the_api}) ASSERT_TRUE(wait_ready(**role));
    credit_many(*the_api);
    ASSERT_TRUE(wait_applied());

    broker.kill();
    EXPECT_TRUE(wait_missing(*the_publisher, R"(["kafka"])"));
    EXPECT_TRUE(wait_missing(*the_worker, R"(["kafka"])"));
    EXPECT_TRUE(eventually([&] { return ready(*the_api).body.find("degraded") != nullptr; }));
    EXPECT_EQ(ready(*the_api).status, 200);
    credit_many(*the_api);
    EXPECT_GT(count(kUnapplied), 0);
    EXPECT_EQ(ApiClient(the_worker->port()).get("/livez").status, 200);

    broker.start();
    expect_all_applied();
    for (const auto* role : {&the_publisher, &the_worker, &the_api}) EXPECT_TRUE(wait_ready(**role));
}

TEST_F(Roles, AnOutageOfTheDatabaseIsNamedAndOutlived) {
    TestCluster own;
    const TestDatabase database(own);
    const auto on_own = [&](const std::string& role, std::vector<std::string> more) {
        auto all = arguments(role, std::move(more));
        all[2] = database.url();
        return std::make_unique<RoleProcess>(all);
    };
    const auto the_publisher = on_own("publisher", names()), the_worker = on_own("worker", names()),
               the_api = on_own("api", {});
    for (const auto* role : {&the_publisher, &the_worker, &the_api}) ASSERT_TRUE(wait_ready(**role));
    own.stop();
    for (const auto* role : {&the_publisher, &the_worker, &the_api})
        EXPECT_TRUE(wait_missing(**role, R"(["database"])"));
    EXPECT_EQ(ApiClient(the_api->port()).post("/v1/accounts", R"({"currency":"EUR"})").status, 503);
    own.start();
    for (const auto* role : {&the_publisher, &the_worker, &the_api}) EXPECT_TRUE(wait_ready(**role));
    ApiClient client(the_api->port());
    EXPECT_TRUE(eventually([&] { return client.post("/v1/accounts", R"({"currency":"EUR"})").status == 201; }));
}

TEST_F(Roles, HandOverAtOnceWhenTheyAreToldToEnd) {
    const auto the_api = api();
    auto first_publisher = publisher(), first_worker = worker();
    credit_many(*the_api);
    ASSERT_TRUE(wait_applied());
    ASSERT_THAT(owners(), SizeIs(1));

    EXPECT_EQ(first_publisher->stop(), "exit code 0") << first_publisher->program().output();
    EXPECT_EQ(count(kOwnedLanes), 0);
    EXPECT_EQ(count("SELECT count(*) FROM publishers"), 0);
    EXPECT_EQ(first_worker->stop(), "exit code 0") << first_worker->program().output();

    credit_many(*the_api);
    const auto second_publisher = publisher(), second_worker = worker();
    expect_all_applied();
    EXPECT_EQ(the_api->stop(), "exit code 0") << the_api->program().output();
    EXPECT_THAT(the_api->program().output(), Not(HasSubstr("hangs")));
}

TEST_F(Roles, StartWithoutKafkaAndGoOnWhenItComes) {
    KafkaBroker broker;
    broker.stop();
    auto of_worker = arguments("worker"), of_publisher = arguments("publisher");
    of_worker[4] = of_publisher[4] = broker.address();
    const RoleProcess the_worker(of_worker), the_publisher(of_publisher);
    EXPECT_EQ(ready(the_publisher).status, 503);
    EXPECT_EQ(json::serialize(*ready(the_publisher).body.find("missing")), R"(["kafka"])");
    EXPECT_EQ(ready(the_worker).status, 503);
    broker.start();
    EXPECT_TRUE(wait_ready(the_publisher));
    EXPECT_TRUE(wait_ready(the_worker));
}

TEST_F(Roles, UpRunsOnKafkaToo) {
    const TempDir dir;
    std::vector<std::string> all = {"up",          "--data-dir",      (dir.path() / "data").string(), "--listen",
                                    "127.0.0.1:0", "--kafka-brokers", KafkaBroker::shared().address()};
    const auto more = names();
    all.insert(all.end(), more.begin(), more.end());
    RoleProcess up(all);
    EXPECT_TRUE(wait_ready(up));
    ApiClient client(up.port());
    const Answer response =
        client.post("/v1/transactions", transaction_json(client.open_account(), "a", 1), {{"Prefer", "wait=30"}});
    ASSERT_NE(response.status, 0) << response.error;
    EXPECT_THAT(response.text(), HasSubstr(R"("status":"PROCESSED")"));
    std::size_t messages = 0;
    for (int partition = 0; partition < KafkaBroker::shared().partitions(topic_); ++partition)
        messages += KafkaBroker::shared().read(topic_, partition).size();
    EXPECT_EQ(messages, 1u);
    EXPECT_EQ(up.stop(), "exit code 0") << up.program().output();
}

// Each process with a login that has the rights of its database role and no others.
TEST_F(Roles, WorkWithTheRightsOfTheirDatabaseRoles) {
    const auto login = [&](const std::string& role) {
        const std::string name = fmt::format("{}_{}", role, topic_.substr(topic_.find('-') + 1));
        database_.run(fmt::format("CREATE ROLE {0} LOGIN PASSWORD '{0}' IN ROLE ledgerline_{1}", name, role));
        std::string url = database_.url();
        const std::size_t user = url.find("//") + 2;
        return url.replace(user, url.find('@') - user, name + ':' + name);
    };
    const auto start = [&](const std::string& role, std::vector<std::string> more) {
        auto all = arguments(role, std::move(more));
        all[2] = login(role);
        return std::make_unique<RoleProcess>(all);
    };
    const auto the_api = start("api", {}), the_publisher = start("publisher", names()),
               the_worker = start("worker", names());
    for (const auto* role : {&the_publisher, &the_worker, &the_api})
        EXPECT_TRUE(wait_ready(**role)) << (*role)->program().output();
    ApiClient client(the_api->port());
    const std::string account = client.open_account();
    const std::vector<http::Header> waits{{"Prefer", "wait=30"}};
    EXPECT_EQ(client.post("/v1/transactions", transaction_json(account, "a", 9), waits).at("status"), "PROCESSED");
    const std::string hold = fmt::format(
        R"({{"account_id":"{}","amount_cents":5,"currency":"EUR","idempotency_key":"h","expires_in_s":1}})", account);
    const Answer held = client.post("/v1/holds", hold, waits);
    ASSERT_EQ(held.status, 201) << held.text();
    EXPECT_TRUE(eventually([&] { return client.get("/v1/holds/" + held.at("id")).at("state") == "EXPIRED"; }))
        << client.get("/v1/holds/" + held.at("id")).text();
    EXPECT_EQ(client.call("PATCH", "/v1/accounts/" + account, R"({"status":"SUSPENDED"})").status, 200);
    const Answer refused = client.post("/v1/transactions", transaction_json(account, "b", 1));
    EXPECT_EQ(refused.code(), "account_suspended") << refused.text();
    EXPECT_EQ(client.post("/v1/keys", R"({"name":"ops","scopes":["admin"]})").status, 201);
    EXPECT_EQ(run_to_end({"verify", "--database-url", login("reader")}), "exit code 0");
    for (const auto* role : {&the_publisher, &the_worker, &the_api}) {
        EXPECT_EQ((*role)->stop(), "exit code 0");
        EXPECT_THAT((*role)->program().output(), Not(HasSubstr("42501")));
        EXPECT_THAT((*role)->program().output(), Not(HasSubstr("permission denied")));
    }
}

// A lock on the cursors makes each batch of the worker last for lock_timeout.
TEST_F(Roles, AWorkerWhoseLoopDoesNotComeBackGivesItselfUp) {
    const auto the_api = api(), the_publisher = publisher();
    auto holder = database_.connect();
    ASSERT_TRUE(holder.query(db::begin));
    ASSERT_TRUE(holder.query({"test_hold", "SELECT lane FROM lane_apply FOR UPDATE"}));
    auto with_limit = names();
    with_limit.insert(with_limit.end(), {"--stall-timeout", "1s"});
    RoleProcess stalled(arguments("worker", with_limit));
    credit_many(*the_api);
    EXPECT_EQ(stalled.program().wait_outcome(), "exit code 3");
    EXPECT_THAT(stalled.program().output(), HasSubstr("a loop hangs: its process must end"));
    holder.rollback();
    const auto next = worker();
    expect_all_applied();
}

}  // namespace
}  // namespace ledgerline::test
