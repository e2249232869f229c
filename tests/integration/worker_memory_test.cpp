// What a worker remembers, of accounts and of the places that intake handed over, never decides anything that the
// database does not say: whoever else decides or changes something meanwhile, and whatever was handed over.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "apply/pg_ledger_store.h"
#include "intake/pg_intake_store.h"
#include "lab/account_change.h"
#include "lab/test_database.h"
#include "observe/metrics.h"

namespace ledgerline::test {
namespace {

using Status = apply::ApplyResult::Status;

constexpr int kLane = 1;
constexpr const char* kAccount = "00000000-0000-7000-8000-000000000001";

class WorkerMemory : public testing::Test {
protected:
    void SetUp() override {
        database_.run(
            fmt::format("INSERT INTO account_settings (id, currency, lane, created_at, updated_at) "
                        "VALUES ('{}', 'EUR', {}, now(), now())",
                        kAccount, kLane));
    }

    // A payment, as intake hands it over.
    Event accept(TransactionType type, std::int64_t cents) {
        intake::IntakeItem item;
        item.transaction_id = ids_.next();
        item.event_id = ids_.next();
        item.account_id = *Uuid::parse(kAccount);
        item.type = type;
        item.amount_cents = cents;
        item.currency = "EUR";
        item.idempotency_key = item.transaction_id.to_string();
        intake::PgIntakeStore intake(database_.config(), metrics_);
        const auto results = intake.accept(std::span(&item, 1));
        EXPECT_TRUE(results) << results.error().message;
        return intake::events_of(item, results->front()).front();
    }

    Result<apply::ApplyReport> try_apply(apply::PgLedgerStore& worker, const Event& event) {
        const std::vector<apply::LaneRun> runs{{kLane, event.seq - 1, {{event.seq, event.event_id}}}};
        return worker.apply(runs);
    }
    // What it came to.
    Posting apply(apply::PgLedgerStore& worker, const Event& event) {
        const auto report = try_apply(worker, event);
        EXPECT_TRUE(report) << report.error().message;
        if (!report || report->runs.front().outcomes.empty()) {
            ADD_FAILURE() << "nothing was decided";
            return {};
        }
        return report->runs.front().outcomes.front().posting;
    }

    db::Session session() { return {database_.config(), metrics_, "worker"}; }
    std::string balance() {
        return database_.value(fmt::format("SELECT balance_cents FROM accounts WHERE id = '{}'", kAccount));
    }

    TestDatabase database_;
    Metrics metrics_{"test"};
    SystemClock clock_;
    SystemRandom random_;
    UuidGenerator ids_{clock_, random_};
    apply::HandedPlaces handed_;
    apply::PgLedgerStore worker_{session(), &handed_};
};

TEST_F(WorkerMemory, AnotherWorkerDecidesInBetween) {
    apply::PgLedgerStore other(session());
    EXPECT_EQ(apply(worker_, accept(TransactionType::credit, 100)).balance_after_cents, 100);
    EXPECT_EQ(apply(other, accept(TransactionType::debit, 60)).balance_after_cents, 40);
    const Posting refused = apply(worker_, accept(TransactionType::debit, 60));
    EXPECT_EQ(refused.refusal, Refusal::insufficient_balance);
    EXPECT_EQ(apply(other, accept(TransactionType::credit, 20)).balance_after_cents, 60);
    EXPECT_EQ(apply(worker_, accept(TransactionType::debit, 60)).balance_after_cents, 0);
    EXPECT_EQ(balance(), "0");
}

TEST_F(WorkerMemory, AnAccountIsChangedInBetween) {
    apply(worker_, accept(TransactionType::credit, 100));
    change_account(database_, kAccount, "min_balance_cents = -50");
    EXPECT_EQ(apply(worker_, accept(TransactionType::debit, 120)).balance_after_cents, -20);
    const Event debit = accept(TransactionType::debit, 5);
    change_account(database_, kAccount, "status = 'SUSPENDED'");
    EXPECT_EQ(apply(worker_, debit).refusal, Refusal::account_suspended);
    EXPECT_EQ(balance(), "-20");
}

// Another worker decides the same event, of an account that was changed meanwhile.
TEST_F(WorkerMemory, ARoundThatWasNotWrittenIsForgotten) {
    apply::PgLedgerStore other(session());
    apply(worker_, accept(TransactionType::credit, 100));
    database_.run("ALTER TABLE decisions ADD CONSTRAINT no_seven CHECK (amount_cents <> 7) NOT VALID");
    const Event credit = accept(TransactionType::credit, 7), next = accept(TransactionType::credit, 5);
    EXPECT_FALSE(try_apply(worker_, credit));
    database_.run("ALTER TABLE decisions DROP CONSTRAINT no_seven");
    change_account(database_, kAccount, "status = 'SUSPENDED'");
    EXPECT_EQ(apply(other, credit).refusal, Refusal::account_suspended);
    EXPECT_EQ(apply(worker_, next).refusal, Refusal::account_suspended);
    EXPECT_EQ(balance(), "100");
}

// A standby that took over lacks the newest decisions, and another worker has made others in their places.
TEST_F(WorkerMemory, ALostSessionTakesItAlong) {
    apply(worker_, accept(TransactionType::credit, 100));
    database_.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'ledgerline-test' AND pid <> pg_backend_pid();"
        "SET session_replication_role = replica;"
        "UPDATE decisions SET balance_after_cents = 30");
    EXPECT_FALSE(worker_.prove(kLane, {}));
    const Posting refused = apply(worker_, accept(TransactionType::debit, 60));
    EXPECT_EQ(refused.refusal, Refusal::insufficient_balance);
    EXPECT_EQ(refused.balance_after_cents, 30);
}

TEST_F(WorkerMemory, WhatWasHandedOverIsNotRead) {
    const Event credit = accept(TransactionType::credit, 100);
    handed_.hand(std::span(&credit, 1));
    database_.run("ALTER TABLE accepted RENAME COLUMN schema_version TO schema_version_x");
    EXPECT_EQ(apply(worker_, credit).balance_after_cents, 100);
    EXPECT_EQ(balance(), "100");
}

TEST_F(WorkerMemory, WhatWasHandedOverWronglyIsNotWritten) {
    apply(worker_, accept(TransactionType::credit, 100));
    Event first = accept(TransactionType::credit, 5);
    first.net_cents = first.amount_cents = 500;
    handed_.hand(std::span(&first, 1));
    EXPECT_EQ(apply(worker_, first).balance_after_cents, 105);
    EXPECT_EQ(balance(), "105");

    const Event second = accept(TransactionType::credit, 5);
    Event another = second;
    another.event_id = ids_.next();
    handed_.hand(std::span(&another, 1));
    const auto report = try_apply(worker_, another);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->runs.front().status, Status::not_proven);
    EXPECT_EQ(balance(), "105");
    EXPECT_EQ(apply(worker_, second).balance_after_cents, 110);
}

// Where all is known, the lanes are locked together with the writing.
TEST_F(WorkerMemory, WhatIsNoLongerAsItWasKnownIsRead) {
    const auto hand_and_apply = [&](const Event& event) {
        handed_.hand(std::span(&event, 1));
        return apply(worker_, event);
    };
    hand_and_apply(accept(TransactionType::credit, 100));
    EXPECT_EQ(hand_and_apply(accept(TransactionType::credit, 1)).balance_after_cents, 101);
    const Event debit = accept(TransactionType::debit, 5);
    change_account(database_, kAccount, "status = 'SUSPENDED'");
    EXPECT_EQ(hand_and_apply(debit).refusal, Refusal::account_suspended);
    change_account(database_, kAccount, "status = 'ACTIVE'");
    EXPECT_EQ(hand_and_apply(accept(TransactionType::debit, 1)).balance_after_cents, 100);

    // Another worker was here first, whoever still says that the lane is where it was.
    apply::PgLedgerStore other(session());
    const Event contested = accept(TransactionType::debit, 60);
    EXPECT_EQ(apply(other, contested).balance_after_cents, 40);
    handed_.hand(std::span(&contested, 1));
    const auto report = try_apply(worker_, contested);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->runs.front().status, Status::cursor_moved);
    EXPECT_EQ(hand_and_apply(accept(TransactionType::debit, 60)).refusal, Refusal::insufficient_balance);
    EXPECT_EQ(balance(), "40");
}

}  // namespace
}  // namespace ledgerline::test
