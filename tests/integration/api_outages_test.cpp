// The API while PostgreSQL is killed, stopped, frozen, or refuses to write.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>

#include <atomic>
#include <future>
#include <set>
#include <thread>

#include "intake/pg_intake_store.h"
#include "lab/api_server.h"

namespace ledgerline {
namespace {

using test::Answer;

class OutagesApi : public testing::Test {
protected:
    Answer post(const std::string& key) const {
        return server_.post("/v1/transactions", server_.transaction(account_, key));
    }
    // Repeats a request as a client does, until it is not refused for an outage.
    Answer post_until_answered(const std::string& key) const {
        while (true) {
            Answer answer = post(key);
            if (answer.status != 503) return answer;
            EXPECT_NE(answer.header("retry-after"), "");
        }
    }
    void await_ready(bool ready = true) const {
        while ((server_.get("/readyz").status == 200) != ready) std::this_thread::yield();
    }

    test::TestCluster cluster_;
    test::ApiServer server_{{}, cluster_};
    const std::string account_ = server_.account();
};

TEST_F(OutagesApi, ARestartIsSurvivedByItself) {
    EXPECT_EQ(post("a").status, 201);
    cluster_.stop();
    const Answer away = post("b");
    EXPECT_EQ(away.status, 503);
    EXPECT_EQ(away.code(), "database_unavailable");
    EXPECT_NE(away.header("retry-after"), "");
    EXPECT_EQ(server_.get("/v1/accounts/" + account_).code(), "database_unavailable");
    await_ready(false);
    EXPECT_EQ(server_.get("/readyz").at("missing"), R"(["database"])");
    EXPECT_EQ(server_.get("/health").status, 503);
    EXPECT_EQ(server_.get("/livez").status, 200);
    cluster_.start();
    await_ready();
    EXPECT_EQ(server_.get("/v1/transactions").at("transactions.0.idempotency_key"), "a");
    EXPECT_EQ(post("b").at("seq"), "2");
}

// Sessions that were lost while nothing was asked of them are no outage to the first request after it.
TEST_F(OutagesApi, ARestartBetweenTwoRequestsIsNotNoticed) {
    EXPECT_EQ(post("a").status, 201);
    cluster_.stop();
    cluster_.start();
    EXPECT_EQ(post("b").status, 201);
    EXPECT_EQ(server_.get("/v1/transactions").status, 200);
}

// Clients repeat what was refused. However often the server is killed: one transaction a key, in dense lanes.
TEST_F(OutagesApi, KillsOfTheServerLoseAndDoubleNothing) {
    constexpr int kClients = 6, kRows = 40, kKills = 3;
    std::atomic<int> answered = 0;
    std::vector<std::future<std::set<std::string>>> clients;
    for (int client = 0; client < kClients; ++client)
        clients.push_back(std::async(std::launch::async, [&, client] {
            std::set<std::string> ids;
            for (int row = 0; row < kRows; ++row) {
                const Answer answer = post_until_answered(fmt::format("{}-{}", client, row));
                EXPECT_EQ(answer.status, 201);
                ids.insert(answer.at("id"));
                ++answered;
            }
            return ids;
        }));
    for (int kill = 1; kill <= kKills; ++kill) {
        while (answered < kill * kClients * kRows / (kKills + 1)) std::this_thread::yield();
        cluster_.kill_postmaster();
        cluster_.wait_back();
    }
    std::set<std::string> ids;
    for (auto& client : clients) ids.merge(client.get());
    EXPECT_EQ(ids.size(), std::size_t{kClients * kRows});
    EXPECT_EQ(server_.database().value("SELECT count(*) || ' ' || max(seq) FROM accepted"),
              fmt::format("{0} {0}", kClients * kRows));
    EXPECT_EQ(server_.database().value("SELECT max(last_seq) FROM lane_cursors"), std::to_string(kClients * kRows));
}

// The session is ended while the batch is being written. Intake runs the same batch again: created, not replayed.
TEST_F(OutagesApi, ACutDuringTheCommitIsHiddenFromTheClient) {
    server_.database().run(
        "CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN "
        "NEW; END $$; CREATE TRIGGER stall BEFORE INSERT ON accepted FOR EACH ROW EXECUTE FUNCTION stall()");
    auto holder = server_.database().connect();
    ASSERT_TRUE(holder.run_script("SELECT pg_advisory_lock(1)"));
    auto posted = std::async(std::launch::async, [&] { return post("a"); });
    const std::string stalled =
        " FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while (server_.database().value("SELECT count(*)" + stalled) == "0") std::this_thread::yield();
    server_.database().run("SELECT pg_terminate_backend(pid)" + stalled);
    ASSERT_TRUE(holder.run_script("SELECT pg_advisory_unlock(1)"));
    const Answer answer = posted.get();
    EXPECT_EQ(answer.status, 201);
    EXPECT_EQ(answer.header("idempotent-replayed"), "");
    EXPECT_EQ(server_.database().value("SELECT count(*) FROM accepted"), "1");
}

// As a standby or an administrator has it.
TEST_F(OutagesApi, AReadOnlyDatabaseRefusesWritesAndServesReads) {
    EXPECT_EQ(post("a").status, 201);
    server_.database().run(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); "
        "END $$; SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND "
        "pid <> "
        "pg_backend_pid()");
    EXPECT_EQ(post("b").code(), "database_unavailable");
    EXPECT_EQ(server_.post("/v1/accounts", R"({"currency":"EUR"})").code(), "database_unavailable");
    EXPECT_EQ(server_.get("/v1/transactions").at("transactions.0.idempotency_key"), "a");
    // Nobody ends the sessions that have found the database so: after a failover, another one reaches the new primary.
    server_.database().run(
        "BEGIN READ WRITE; DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET default_transaction_read_only', "
        "current_database()); END $$; COMMIT");
    EXPECT_EQ(post_until_answered("b").status, 201);
    Answer account;
    do account = server_.post("/v1/accounts", R"({"currency":"EUR"})");
    while (account.status == 503);
    EXPECT_EQ(account.status, 201);
}

// Somebody's session holds one account's lane and does not let it go.
TEST_F(OutagesApi, ALaneThatSomebodyHoldsRefusesItsOwnRowsOnly) {
    const std::string other = server_.account_beside(account_);
    const auto row = [&](const std::string& account, const std::string& key) {
        return server_.transaction(account, key);
    };
    auto holder = server_.database().connect();
    ASSERT_TRUE(holder.run_script("BEGIN; SELECT FROM lane_intake WHERE lane = " + server_.lane_of(account_) +
                                  " FOR NO KEY UPDATE"));
    const Answer batch = server_.post(
        "/v1/transactions/batch",
        fmt::format(R"({{"transactions":[{},{},{}]}})", row(account_, "a"), row(other, "b"), row(account_, "c")));
    EXPECT_EQ(batch.at("results.0.problem.code"), "overloaded") << json::serialize(batch.body);
    EXPECT_EQ(batch.at("results.1.status"), "201");
    EXPECT_EQ(batch.at("results.2.problem.code"), "overloaded");
    EXPECT_EQ(batch.at("results.2.problem.field"), "transactions[2]");
    const Answer held = post("d");
    EXPECT_EQ(held.status, 503);
    EXPECT_NE(held.header("retry-after"), "");
    EXPECT_EQ(server_.post("/v1/transactions", row(other, "e")).status, 201);
    ASSERT_TRUE(holder.run_script("COMMIT"));
    EXPECT_EQ(post_until_answered("a").at("seq"), "1") << "what was refused stored nothing";
}

// An installation that must be repaired: nothing is refused for good, and nothing has to be started again.
TEST_F(OutagesApi, MissingRightsAreAnOutage) {
    server_.database().run("CREATE ROLE apis LOGIN PASSWORD 'apis'; GRANT ALL ON ALL TABLES IN SCHEMA public TO apis");
    std::string url = server_.database().url();
    const auto user = url.find("//") + 2;
    url.replace(user, url.find('@') - user, "apis:apis");
    SystemClock clock;
    Metrics metrics("test");
    intake::PgIntakeStore store({.url = url, .application_name = "test"}, metrics);
    intake::IntakeItem item;
    SystemRandom random;
    UuidGenerator ids(clock, random);
    item.transaction_id = ids.next();
    item.event_id = ids.next();
    item.account_id = *Uuid::parse(account_);
    item.amount_cents = 1;
    item.currency = "EUR";
    item.idempotency_key = "a";
    server_.database().run("REVOKE INSERT ON accepted FROM apis");
    const auto refused = store.accept(std::span(&item, 1));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "42501");
    EXPECT_EQ(refused.error().disposition, Disposition::retry);
    EXPECT_FALSE(store.ping());
    server_.database().run("GRANT INSERT ON accepted TO apis");
    EXPECT_TRUE(store.ping());
    EXPECT_TRUE(store.accept(std::span(&item, 1)));
    server_.database().run("DROP OWNED BY apis; DROP ROLE apis");
}

// The fate of a commit that was cut off is reported as unknown by each call that writes; to repeat the call settles it.
TEST_F(OutagesApi, WritesOfUnknownFateSaySo) {
    const std::string parked = server_.park(post("a").at("id")), discarded = server_.park(post("b").at("id"));
    server_.database().run(
        "CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN "
        "NEW; END $$; CREATE CONSTRAINT TRIGGER stall AFTER INSERT OR UPDATE ON account_settings DEFERRABLE INITIALLY "
        "DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION stall(); CREATE CONSTRAINT TRIGGER stall AFTER UPDATE ON dead_letters "
        "DEFERRABLE "
        "INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION stall()");
    const std::vector<http::Header> key = {{"Idempotency-Key", "k"}};
    struct Call {
        std::string method, target, body;
        int status;
    };
    const Call calls[] = {{"POST", "/v1/accounts", R"({"currency":"EUR"})", 201},
                          {"PATCH", "/v1/accounts/" + account_, R"({"status":"SUSPENDED"})", 200},
                          {"POST", "/v1/dead-letters/" + parked + "/replay", "", 200},
                          {"POST", "/v1/dead-letters/" + discarded + "/discard", "", 200}};
    const std::string stalled =
        " FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    for (const Call& call : calls) {
        SCOPED_TRACE(call.target);
        auto holder = server_.database().connect();
        ASSERT_TRUE(holder.run_script("SELECT pg_advisory_lock(1)"));
        auto answered =
            std::async(std::launch::async, [&] { return server_.call(call.method, call.target, call.body, key); });
        // The run that the client does not see is cut, too.
        for (int cut = 0; cut < 2; ++cut) {
            while (server_.database().value("SELECT count(*)" + stalled) == "0") std::this_thread::yield();
            server_.database().run("SELECT pg_terminate_backend(pid, 60000)" + stalled);
        }
        const Answer answer = answered.get();
        EXPECT_EQ(answer.status, 503);
        EXPECT_EQ(answer.code(), "outcome_unknown");
        EXPECT_THAT(answer.at("detail"), testing::Not(testing::HasSubstr("Nothing was stored")));
        EXPECT_NE(answer.header("retry-after"), "");
        ASSERT_TRUE(holder.run_script("SELECT pg_advisory_unlock(1)"));
        Answer again;
        do again = server_.call(call.method, call.target, call.body, key);
        while (again.status == 503);
        EXPECT_EQ(again.status, call.status);
    }
    EXPECT_EQ(server_.database().value("SELECT count(*) FROM accounts"), "2");
}

// A synchronous standby that is not there: a commit waits, and an administrator may cut the wait short. Then the rows
// are on one disk only, and no answer promises them before a commit after theirs has not been cut short.
TEST_F(OutagesApi, WhatIsFoundIsPromisedOnlyOnceItIsAsDurableAsACommit) {
    api::ApiConfig config;
    config.intake.request_timeout = test::patience;
    config.statement_timeout = test::patience;
    config.lock_timeout = test::patience;
    test::ApiServer server(config, cluster_);
    const std::string account = server.account();
    const std::vector<http::Header> key = {{"Idempotency-Key", "k"}};
    const auto standby = [&](const char* setting) {
        server.database().run(std::string("ALTER SYSTEM ") + setting);
        server.database().run("SELECT pg_reload_conf()");
    };
    const std::string waiting = " FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = current_database()";
    // The process that waits; another one than before.
    const auto await_commit = [&](const std::string& since) {
        std::string query_start;
        do query_start = server.database().value("SELECT query_start::text" + waiting);
        while (query_start.empty() || query_start == since);
        return query_start;
    };
    struct Call {
        std::string target, body;
        bool replays;
    };
    const Call calls[] = {{"/v1/transactions", server.transaction(account, "a"), false},
                          {"/v1/transactions", server.transaction(account, "a"), true},
                          {"/v1/accounts", R"({"currency":"EUR"})", false},
                          {"/v1/accounts", R"({"currency":"EUR"})", true}};
    for (const Call& call : calls) {
        SCOPED_TRACE(call.target + (call.replays ? " again" : ""));
        standby("SET synchronous_standby_names = 'nobody'");
        const bool has_key = call.target == "/v1/accounts";
        auto answered = std::async(std::launch::async, [&] {
            return server.post(call.target, call.body, has_key ? key : std::vector<http::Header>{});
        });
        std::string since = await_commit("");
        // Each time it looks again, finds the rows, and waits again. (The database's threads run a write twice at
        // most.)
        for (int cut = 0; cut < (has_key ? 1 : 2); ++cut) {
            server.database().run("SELECT pg_cancel_backend(pid)" + waiting);
            since = await_commit(since);
        }
        EXPECT_EQ(server.database().value("SELECT count(*) FROM accepted"), "1") << "it is there, for all to see";
        standby("RESET synchronous_standby_names");
        const Answer answer = answered.get();
        EXPECT_EQ(answer.status, 201);
        EXPECT_EQ(answer.header("idempotent-replayed"), call.replays ? "true" : "");
    }
}

// Somebody holds the lane forever: no request waits forever, and what was not accepted is not stored later either.
TEST_F(OutagesApi, ALaneHeldForLongIsAnsweredAtTheDeadline) {
    api::ApiConfig config;
    config.intake.request_timeout = milliseconds(500);
    config.lock_timeout = milliseconds(100);
    test::ApiServer server(config, cluster_);
    const std::string account = server.account();
    auto holder = server.database().connect();
    ASSERT_TRUE(holder.run_script("BEGIN; SELECT FROM lane_intake FOR NO KEY UPDATE"));
    const Answer late = server.post("/v1/transactions", server.transaction(account, "a"));
    EXPECT_EQ(late.status, 503);
    EXPECT_THAT(late.code(), testing::AnyOf("overloaded", "outcome_unknown"));
    ASSERT_TRUE(holder.run_script("ROLLBACK"));
    EXPECT_EQ(server.post("/v1/transactions", server.transaction(account, "b")).status, 201);
}

// The session that intake uses stands still, as behind a cut network. It is given up, and another one goes on.
TEST_F(OutagesApi, AFrozenSessionIsGivenUp) {
    api::ApiConfig config;
    config.intake.request_timeout = milliseconds(500);
    config.statement_timeout = milliseconds(100);
    test::ApiServer server(config, cluster_);
    const std::string account = server.account();
    EXPECT_EQ(server.post("/v1/transactions", server.transaction(account, "a")).status, 201);
    const pid_t frozen =
        std::stoi(server.database().value("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND "
                                          "application_name = 'ledgerline intake'"));
    ASSERT_EQ(kill(frozen, SIGSTOP), 0);
    EXPECT_EQ(server.post("/v1/transactions", server.transaction(account, "b")).code(), "outcome_unknown");
    Answer answer;
    do answer = server.post("/v1/transactions", server.transaction(account, "c"));
    while (answer.status == 503);
    EXPECT_EQ(answer.status, 201);
    ASSERT_EQ(kill(frozen, SIGCONT), 0);
    // Nothing of it comes back to life in a second copy.
    const Answer again = server.post("/v1/transactions", server.transaction(account, "b"));
    EXPECT_EQ(again.status, 201);
    EXPECT_EQ(
        server.database().value("SELECT count(*) || ' ' || count(DISTINCT idempotency_key) || ' ' || max(seq) FROM "
                                "accepted"),
        "3 3 3");
}

// At the limit of the queue requests are refused early, and what was accepted is all there.
TEST_F(OutagesApi, OverloadIsRefusedAndNothingOfItStored) {
    api::ApiConfig config;
    config.intake.queue_rows_max = 3;
    config.intake.batch_rows_max = 1;
    test::ApiServer server(config, cluster_);
    const std::string account = server.account();
    std::vector<std::future<Answer>> clients;
    for (int client = 0; client < 40; ++client)
        clients.push_back(std::async(std::launch::async, [&, client] {
            return server.post("/v1/transactions", server.transaction(account, std::to_string(client)));
        }));
    int created = 0;
    for (auto& client : clients) {
        const Answer answer = client.get();
        created += answer.status == 201;
        if (answer.status == 201) continue;
        EXPECT_EQ(answer.code(), "overloaded");
        EXPECT_EQ(answer.header("retry-after"), "1");
    }
    EXPECT_EQ(server.database().value("SELECT count(*) FROM accepted"), std::to_string(created));
    EXPECT_EQ(
        server
            .post("/v1/transactions/batch",
                  R"({"transactions":[1,)" + server.transaction(account, "w") + "," + server.transaction(account, "x") +
                      "," + server.transaction(account, "y") + "," + server.transaction(account, "z") + "]}")
            .at("results.4.problem.code"),
        "overloaded");
}

}  // namespace
}  // namespace ledgerline
