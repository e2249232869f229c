// A primary and its synchronous standby: what a 201 promises while the standby is away, and who goes on after a
// failover.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <future>
#include <set>
#include <sstream>
#include <thread>

#include "base/random.h"
#include "e2e/program.h"
#include "lab/kafka_broker.h"
#include "lab/postgres_server.h"

namespace ledgerline::test {
namespace {

using namespace std::string_literals;

// Of intake's sessions, those whose commit waits for the standby.
constexpr const char* kWaiting =
    " FROM pg_stat_activity WHERE application_name = 'ledgerline intake' AND wait_event = 'SyncRep'";

class Pair : public testing::Test {
protected:
    std::string url() const {
        return fmt::format("postgresql://ledgerline@{},{}/ledger?target_session_attrs=read-write", primary_.address(),
                           standby_.address());
    }
    Answer post(const std::string& key) const {
        return ApiClient(api_port()).post("/v1/transactions", transaction_json(account_, key, 1));
    }
    // As an honest client does.
    int post_until_answered(const std::string& key) const {
        int status = 0;
        eventually([&] {
            status = post(key).status;
            return status != 503;
        });
        return status;
    }
    static bool says(const RoleProcess& role, int status, const std::string& text) {
        const Answer reply = ApiClient(role.port()).get("/readyz");
        return reply.status == status && json::serialize(reply.body).contains(text);
    }
    static std::string accepted(const PostgresServer& server) {
        return server.value("SELECT string_agg(idempotency_key, ' ' ORDER BY idempotency_key) FROM accepted");
    }

    PostgresServer primary_{PostgresServer::Options{}};
    PostgresServer standby_{PostgresServer::StandbyOf{primary_}};
    std::string account_;

private:
    virtual std::uint16_t api_port() const = 0;
};

class Failover : public Pair {
protected:
    void SetUp() override { account_ = ApiClient(up_.port()).open_account(); }
    bool ready_says(int status, const std::string& text) const { return says(up_, status, text); }

    RoleProcess up_{{"up", "--database-url", url(), "--listen", "127.0.0.1:0"}};

private:
    std::uint16_t api_port() const override { return up_.port(); }
};

TEST_F(Failover, A201IsOnTheStandbyAndOutlivesThePrimary) {
    EXPECT_TRUE(ready_says(200, R"("synchronous_standby":false)"));
    primary_.set("synchronous_standby_names = '*'");
    EXPECT_TRUE(eventually([&] { return ready_says(200, R"("synchronous_standby":true)"); }));
    EXPECT_EQ(post_until_answered("a"), 201);

    // The commit waits; the wait is broken off, so that the row can be seen and is nowhere but here.
    standby_.stop();
    std::atomic<bool> answered = false;
    auto client = std::async(std::launch::async, [&] {
        const int status = post_until_answered("b");
        answered = true;
        return status;
    });
    EXPECT_TRUE(eventually([&] { return primary_.value(std::string("SELECT count(*)") + kWaiting) == "1"; }));
    primary_.value(std::string("SELECT count(pg_terminate_backend(pid))") + kWaiting);
    EXPECT_TRUE(eventually([&] { return accepted(primary_) == "a b"; }));
    // The second try has found it and does not promise it yet. Nor is a process ready that cannot commit.
    EXPECT_TRUE(
        eventually([&] { return answered || primary_.value(std::string("SELECT count(*)") + kWaiting) == "1"; }));
    EXPECT_TRUE(eventually([&] { return ready_says(503, "waits for a standby"); }));
    EXPECT_FALSE(answered);
    standby_.start();
    EXPECT_EQ(client.get(), 201);
    EXPECT_TRUE(eventually([&] { return accepted(standby_) == "a b"; }));
    EXPECT_TRUE(eventually([&] { return ready_says(200, R"("synchronous_standby":true)"); }));

    // The old primary goes on answering, and takes no writes.
    EXPECT_TRUE(eventually([&] { return primary_.value("SELECT sync_state FROM pg_stat_replication") == "sync"; }));
    primary_.set("default_transaction_read_only = on");
    standby_.promote();
    EXPECT_EQ(post_until_answered("c"), 201);
    EXPECT_TRUE(eventually([&] { return standby_.value("SELECT count(*) FROM decisions") == "3"; }));
    EXPECT_EQ(accepted(standby_), "a b c");
    EXPECT_TRUE(eventually([&] { return ready_says(200, R"("status":"ready")"); }));
    EXPECT_EQ(up_.stop(), "exit code 0") << up_.program().output();
    EXPECT_EQ(run_to_end({"verify", "--database-url", standby_.url()}), "exit code 0");
}

// The roles as processes of their own, on Kafka, which goes on meanwhile.
class FailoverOfRoles : public Pair {
protected:
    void SetUp() override { account_ = ApiClient(api_.port()).open_account(); }
    std::vector<std::string> arguments(const std::string& role) const {
        std::vector<std::string> all = {role,
                                        "--database-url",
                                        url(),
                                        "--listen",
                                        "127.0.0.1:0",
                                        "--kafka-brokers",
                                        KafkaBroker::shared().address()};
        if (role != "api")
            for (const std::string& each :
                 {"--kafka-topic"s, topic_, "--kafka-group"s, topic_, "--kafka-dead-letter-topic"s, topic_ + ".dlq"})
                all.push_back(each);
        return all;
    }
    void accept_first() {
        primary_.set("synchronous_standby_names = '*'");
        ASSERT_TRUE(all_are_ready());
        EXPECT_EQ(post_until_answered("a"), 201);
    }
    void expect_to_go_on_at_the_standby() {
        standby_.promote();
        EXPECT_EQ(post_until_answered("b"), 201);
        EXPECT_TRUE(applied(standby_, 2));
        EXPECT_TRUE(all_are_ready());
        EXPECT_EQ(run_to_end({"verify", "--database-url", standby_.url()}), "exit code 0");
    }
    bool all_are_ready() const {
        return std::ranges::all_of(roles_, [](const RoleProcess* role) {
            return eventually([&] { return says(*role, 200, R"("status":"ready")"); });
        });
    }
    bool applied(const PostgresServer& server, int transactions) const {
        return eventually([&] {
            return server.value("SELECT count(*) || ' ' || max(balance_after_cents) FROM decisions") ==
                   fmt::format("{0} {0}", transactions);
        });
    }

    const std::string topic_ = fmt::format("failover-{:x}", SystemRandom().next());
    const std::string migrated_ = run_to_end({"migrate", "up", "--database-url", url()});
    RoleProcess api_{arguments("api")}, publisher_{arguments("publisher")}, worker_{arguments("worker")};
    const std::vector<const RoleProcess*> roles_ = {&api_, &publisher_, &worker_};

private:
    std::uint16_t api_port() const override { return api_.port(); }
};

// Sessions to a server that still answers look sound, and each role has to find out for itself that they are of no use.
TEST_F(FailoverOfRoles, LeavesAnOldPrimaryThatStillAnswers) {
    ASSERT_NO_FATAL_FAILURE(accept_first());
    EXPECT_TRUE(applied(primary_, 1));
    primary_.set("default_transaction_read_only = on");
    expect_to_go_on_at_the_standby();
}

TEST_F(FailoverOfRoles, LeavesAnOldPrimaryThatIsGone) {
    ASSERT_NO_FATAL_FAILURE(accept_first());
    primary_.stop();
    expect_to_go_on_at_the_standby();
}

// Clients that each wait for their answers, and remember what they were promised.
TEST_F(FailoverOfRoles, LosesNothingThatWasPromisedUnderLoad) {
    ASSERT_NO_FATAL_FAILURE(accept_first());
    std::atomic<bool> stop = false;
    std::atomic<int> promised = 0;
    std::vector<std::vector<std::string>> told(6);
    std::vector<std::jthread> clients;
    for (std::size_t client = 0; client < told.size(); ++client)
        clients.emplace_back([&, client] {
            for (int i = 0; !stop; ++i) {
                const std::string key = fmt::format("{}-{}", client, i);
                if (post_until_answered(key) == 201) told[client].push_back(key);
                ++promised;
            }
        });
    EXPECT_TRUE(eventually([&] { return promised > 200; }));
    // The standby falls behind: from now on nothing may be promised.
    const pid_t receiver = std::stoi(standby_.value("SELECT pid FROM pg_stat_wal_receiver"));
    ::kill(receiver, SIGSTOP);
    EXPECT_TRUE(eventually([&] { return primary_.value("SELECT count(*)"s + kWaiting) != "0"; }));
    primary_.stop();
    ::kill(receiver, SIGKILL);  // with what it has received and not written
    EXPECT_TRUE(
        eventually([&] { return bool(db::Connection::open({.url = standby_.url(), .application_name = "test"})); }));
    const SteadyTime killed = SystemClock().steady_now();
    standby_.promote();
    const int before = promised;
    EXPECT_TRUE(eventually([&] { return promised > before + 6; }));
    note(fmt::format("accepting again {} ms after the kill",
                     std::chrono::duration_cast<milliseconds>(SystemClock().steady_now() - killed).count()));
    EXPECT_TRUE(eventually([&] { return promised > before + 200; }));
    stop = true;
    clients.clear();

    std::set<std::string> stored;
    std::istringstream keys(accepted(standby_));
    for (std::string key; keys >> key;) stored.insert(key);
    for (const auto& each : told)
        for (const std::string& key : each) EXPECT_TRUE(stored.contains(key)) << key << " was promised";
    EXPECT_TRUE(applied(standby_, static_cast<int>(stored.size())));
    EXPECT_EQ(run_to_end({"verify", "--database-url", standby_.url()}), "exit code 0");
}

}  // namespace
}  // namespace ledgerline::test
