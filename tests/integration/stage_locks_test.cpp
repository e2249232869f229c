// The stages of the pipeline never wait for one another's locks: each test holds one stage's transaction open, with the
// statements it really sends, and lets the others go on under a lock timeout that any waiting would run into.
#include <gtest/gtest.h>

#include <future>

#include "apply/pg_ledger_store.h"
#include "db/sqlstate.h"
#include "intake/pg_intake_store.h"
#include "lab/eventually.h"
#include "lab/test_database.h"
#include "observe/metrics.h"
#include "publish/pg_outbox_store.h"
#include "sql/queries.h"

namespace ledgerline::test {
namespace {

constexpr int kLane = 1;
constexpr const char* kAccount = "00000000-0000-7000-8000-000000000001";

class StageLocks : public testing::Test {
protected:
    void SetUp() override {
        database_.run(
            std::string("INSERT INTO account_settings (id, currency, lane, created_at, updated_at) VALUES ('") +
            kAccount + "', 'EUR', 1, now(), now())");
        first_ = item();
        accept(first_);
    }

    db::ConnectionConfig impatient() const {
        db::ConnectionConfig config = database_.config();
        config.lock_timeout = milliseconds(200);
        return config;
    }

    intake::IntakeItem item() {
        intake::IntakeItem item;
        item.transaction_id = ids_.next();
        item.event_id = ids_.next();
        item.account_id = *Uuid::parse(kAccount);
        item.amount_cents = 100;
        item.currency = "EUR";
        item.idempotency_key = item.transaction_id.to_string();
        return item;
    }

    void accept(const intake::IntakeItem& one) {
        intake::PgIntakeStore intake(impatient(), metrics_);
        const auto results = intake.accept(std::span(&one, 1));
        ASSERT_TRUE(results) << results.error().message;
        ASSERT_EQ(results->front().status, intake::IntakeResult::Status::created);
    }

    void apply_first() {
        apply::PgLedgerStore ledger{db::Session(impatient(), metrics_, "worker")};
        const std::vector<apply::LaneRun> runs{{kLane, 0, {{1, first_.event_id}}}};
        const auto results = ledger.apply(runs);
        ASSERT_TRUE(results) << results.error().message;
        ASSERT_EQ(results->runs.front().status, apply::ApplyResult::Status::applied);
    }

    void publish_first() {
        publish::PgOutboxStore outbox(impatient(), metrics_);
        const auto leases = outbox.renew("me", milliseconds(5000));
        ASSERT_TRUE(leases) << leases.error().message;
        const publish::Lease& lease = (*leases)[kLane];
        ASSERT_EQ(lease.lane, kLane);
        const auto moved = outbox.advance("me", std::vector{publish::Advance{kLane, lease.epoch, 0, 1}});
        ASSERT_TRUE(moved) << moved.error().message;
        ASSERT_TRUE(moved->front());
    }

    // Runs the calls in a transaction that stays open.
    void hold_open(std::vector<db::Call> calls) {
        calls.insert(calls.begin(), {db::begin, {}});
        const auto results = holder_.pipeline(calls);
        ASSERT_TRUE(results) << results.error().message;
    }

    // Of another item of the lane.
    void hold_an_intake_open() {
        const std::vector<Uuid> accounts{first_.account_id}, ids{ids_.next()};
        const std::vector<int> lanes{kLane}, ones{1}, tenants{0};
        const std::vector<std::int64_t> amounts{100};
        const std::vector<std::string> currencies{"EUR"}, types{"CREDIT"}, keys{"key"};
        hold_open({sql::IntakeLockLanes{lanes}, sql::IntakeAcceptNew{.lanes = lanes,
                                                                     .ids = ids,
                                                                     .account_ids = accounts,
                                                                     .event_ids = ids,
                                                                     .nths = ones,
                                                                     .amounts_cents = amounts,
                                                                     .nets_cents = amounts,
                                                                     .places = ones,
                                                                     .schema_versions = ones,
                                                                     .tenants = tenants,
                                                                     .currencies = currencies,
                                                                     .types = types,
                                                                     .idempotency_keys = keys}});
    }

    // Of the first item.
    void hold_an_apply_open() {
        const std::vector<int> lanes{kLane}, counts{1}, befores{0};
        const std::vector<Uuid> event_ids{first_.event_id};
        const std::vector<std::int64_t> seqs{1}, nets{first_.amount_cents}, balances{100}, floors{0}, none{0};
        hold_open({sql::ApplyLockLanes{lanes}, sql::ApplyAppliedSeqs{lanes, none},
                   sql::ApplyReadWindows{.lanes = lanes, .last_seqs = seqs, .expected_seqs = none, .window_max = 10},
                   sql::ApplyDecide{.lanes = lanes,
                                    .first_seqs = seqs,
                                    .counts = counts,
                                    .befores = befores,
                                    .event_ids = event_ids,
                                    .nets_cents = nets,
                                    .balances_after_cents = balances,
                                    .floors_cents = floors}});
    }

    TestDatabase database_;
    Metrics metrics_{"test"};
    SystemClock clock_;
    SystemRandom random_;
    UuidGenerator ids_{clock_, random_};
    intake::IntakeItem first_;
    db::Connection holder_ = database_.connect();
};

TEST_F(StageLocks, AnOpenApplyBlocksNeitherIntakeForTheSameAccountNorThePublisher) {
    hold_an_apply_open();
    accept(item());
    publish_first();
}

TEST_F(StageLocks, AnOpenIntakeBlocksNeitherTheWorkerNorThePublisher) {
    hold_an_intake_open();
    publish_first();
    apply_first();
}

TEST_F(StageLocks, AnOpenCursorMoveOfThePublisherBlocksNeitherIntakeNorTheWorker) {
    const std::vector<int> lane{kLane};
    const std::vector<std::int64_t> epoch{0}, from{0}, to{1};
    database_.run("UPDATE lane_publish SET owner = 'me'");
    hold_open({sql::PublishAdvance{"me", lane, epoch, from, to}});
    accept(item());
    apply_first();
}

// It is tried again as a whole, whatever of it was done.
TEST_F(StageLocks, AStatementThatTakesTooLongIsAnOutageAndLosesNothing) {
    database_.run(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$; "
        "CREATE TRIGGER slow AFTER INSERT ON accepted FOR EACH ROW EXECUTE FUNCTION slow(); "
        "CREATE TRIGGER slow AFTER INSERT ON decisions FOR EACH ROW EXECUTE FUNCTION slow()");
    db::ConnectionConfig hasty = database_.config();
    hasty.statement_timeout = milliseconds(300);
    const intake::IntakeItem second = item();
    const auto accepted = intake::PgIntakeStore(hasty, metrics_).accept(std::span(&second, 1));
    ASSERT_FALSE(accepted);
    EXPECT_EQ(accepted.error().code, db::query_canceled);
    EXPECT_EQ(accepted.error().disposition, Disposition::retry);
    const std::vector<apply::LaneRun> runs{{kLane, 0, {{1, first_.event_id}}}};
    const auto applied = apply::PgLedgerStore{db::Session(hasty, metrics_, "worker")}.apply(runs);
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().code, db::query_canceled);
    EXPECT_EQ(applied.error().disposition, Disposition::retry);
    EXPECT_EQ(database_.value("SELECT (SELECT count(*) FROM accepted) || ' ' || (SELECT count(*) FROM decisions)"),
              "1 0");
    database_.run("DROP TRIGGER slow ON accepted; DROP TRIGGER slow ON decisions");
    accept(second);
    apply_first();
    EXPECT_EQ(database_.value("SELECT (SELECT count(*) FROM accepted) || ' ' || (SELECT count(*) FROM decisions)"),
              "2 1");
}

// A snapshot taken before the wait for a lane's lock would miss what its holder wrote meanwhile: two items would get
// the same place, or be decided twice, or PostgreSQL would end the transaction.
TEST_F(StageLocks, ARoleWhoseTransactionsAreSerializableSeesWhatItWaitedFor) {
    database_.run(
        "DO $$ BEGIN EXECUTE format('ALTER ROLE %I IN DATABASE %I SET default_transaction_isolation = serializable', "
        "current_user, current_database()); END $$");
    intake::PgIntakeStore intake(database_.config(), metrics_);
    apply::PgLedgerStore ledger{db::Session(database_.config(), metrics_, "worker")};
    hold_an_intake_open();
    db::Connection other = database_.connect();
    std::swap(holder_, other);
    hold_an_apply_open();
    const intake::IntakeItem third = item();
    const std::vector<apply::LaneRun> runs{{kLane, 0, {{1, first_.event_id}}}};
    auto accepted = std::async(std::launch::async, [&] { return intake.accept(std::span(&third, 1)); });
    auto applied = std::async(std::launch::async, [&] { return ledger.apply(runs); });
    ASSERT_TRUE(eventually([&] {
        return database_.value(
                   "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                   "wait_event_type = 'Lock'") == "2";
    }));
    for (db::Connection* one : {&other, &holder_}) ASSERT_TRUE(one->run_script("COMMIT"));
    const auto results = accepted.get();
    ASSERT_TRUE(results) << results.error().code << results.error().message;
    EXPECT_EQ(results->front().seq, 3);
    const auto report = applied.get();
    ASSERT_TRUE(report) << report.error().code << report.error().message;
    EXPECT_EQ(report->runs.front().status, apply::ApplyResult::Status::cursor_moved);
}

}  // namespace
}  // namespace ledgerline::test
