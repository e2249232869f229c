// Family 4: PostgreSQL is stopped, restarted, read-only, full, cut off; a commit's answer is lost. What was accepted
// ends once and in order, what was not is refused with "later", and the flow goes on by itself.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "faults/fault_test.h"
#include "faults/proxy.h"

namespace ledgerline::test {
namespace {

constexpr int kClients = 6;
constexpr int kHastyClients = 2;
constexpr std::int64_t kSomeAccepted = 200;

// Everything reaches the database through one proxy.
class DatabaseFaults : public FaultTest {
protected:
    void begin() {
        start_stack(Layout{.apis = 2, .publishers = 1, .workers = 2, .database_port = proxy_.port()});
        start_load({.seed = random().next()}, kClients);
        // These take "later" for an answer: of what they were told was not stored nothing may be.
        hasty_ = std::make_unique<Load>(
            ClientPlan{.ports = stack().api_ports(), .seed = random().next(), .name = "hasty", .insist = false},
            kHastyClients);
        hasty_->prepare();
        hasty_->start();
        ASSERT_TRUE(load().wait_accepted(kSomeAccepted));
    }
    // The flow goes on, in both directions, and everything ends well.
    void finish() {
        EXPECT_TRUE(load().wait_accepted(kSomeAccepted));
        hasty_->stop();
        FaultTest::finish({}, hasty_->evidence());
    }
    void run(const std::string& sql) { stack().postgres().run(sql); }
    std::int64_t refused() const { return load_counters().later + load_counters().unknown; }

    Proxy proxy_{stack().postgres().port()};
    std::unique_ptr<Load> hasty_;
};

TEST_F(DatabaseFaults, StoppedAtOnceAndStartedAgain) {
    begin();
    for (int round = 0; round < fault_rounds({.few = 2, .many = 15}); ++round) {
        ASSERT_TRUE(load().wait_accepted(random_between(1, 400)));
        stack().postgres().stop();
        pause(random_between(0, 1500));
        stack().postgres().start();
        note(fmt::format("round {}: PostgreSQL was stopped at once", round));
    }
    finish();
}

TEST_F(DatabaseFaults, BackendsTerminated) {
    begin();
    for (int round = 0; round < fault_rounds({.few = 5, .many = 40}); ++round) {
        pause(random_between(0, 300));
        const std::string killed = stack().value(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'ledgerline' "
            "AND random() < 0.5");
        note(fmt::format("round {}: {} backends terminated", round, killed));
    }
    finish();
}

TEST_F(DatabaseFaults, ReadOnlyForAWhile) {
    begin();
    for (int round = 0; round < fault_rounds({.few = 1, .many = 4}); ++round) {
        run("ALTER SYSTEM SET default_transaction_read_only = on");
        run("SELECT pg_reload_conf()");
        const std::int64_t before = refused();
        EXPECT_TRUE(eventually([&] { return refused() > before + kClients; }));
        pause(random_between(0, 3000));
        run("ALTER SYSTEM RESET default_transaction_read_only");
        run("SELECT pg_reload_conf()");
        EXPECT_TRUE(load().wait_accepted(kSomeAccepted));
        note(fmt::format("round {}: was read-only, refused {}", round, refused() - before));
    }
    finish();
}

// All sessions are ended, and before they come back every place is taken.
TEST_F(DatabaseFaults, ConnectionsExhausted) {
    begin();
    for (int round = 0; round < fault_rounds({.few = 1, .many = 4}); ++round) {
        std::vector<db::Connection> taken;
        const std::int64_t before = refused();
        EXPECT_TRUE(eventually([&] {
            run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ledgerline' "
                "AND application_name <> 'fault-test-taken'");
            while (auto connection =
                       db::Connection::open({.url = stack().postgres().url(), .application_name = "fault-test-taken"}))
                taken.push_back(*std::move(connection));
            return refused() > before + kClients;
        }));
        note(fmt::format("round {}: {} connections taken, refused {}", round, taken.size(), refused() - before));
        taken.clear();
        EXPECT_TRUE(load().wait_accepted(kSomeAccepted));
    }
    finish();
}

// The server has committed and its answer is lost: the stage that asked finds out by itself what happened.
TEST_F(DatabaseFaults, CutAfterCommitWasSent) {
    begin();
    for (int round = 0; round < fault_rounds({.few = 8, .many = 60}); ++round) {
        const int before = proxy_.commits_cut();
        proxy_.cut_commits(1 + static_cast<int>(random_between(0, 2)));
        ASSERT_TRUE(eventually([&] { return proxy_.commits_cut() > before; }));
        pause(random_between(0, 100));
    }
    note(fmt::format("{} commits were cut", proxy_.commits_cut()));
    finish();
}

TEST_F(DatabaseFaults, CutAndSilent) {
    begin();
    for (int round = 0; round < fault_rounds({.few = 1, .many = 4}); ++round) {
        proxy_.cut_all();
        ASSERT_TRUE(load().wait_accepted(kSomeAccepted));
        const std::int64_t before = refused();
        proxy_.black_hole(true);
        EXPECT_TRUE(eventually([&] { return refused() > before; }));
        proxy_.cut_all();
        proxy_.black_hole(false);
        EXPECT_TRUE(load().wait_accepted(kSomeAccepted));
        note(fmt::format("round {}: cut, then silent", round));
    }
    finish();
}

}  // namespace
}  // namespace ledgerline::test
