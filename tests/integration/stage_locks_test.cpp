// The stages of the pipeline never wait for one another's locks: each test holds one stage's transaction open, with the
// statements it really sends, and lets the others go on under a lock timeout that any waiting would run into.
#include <gtest/gtest.h>

#include "api/pg_intake_store.h"
#include "observe/metrics.h"
#include "publisher/pg_outbox_store.h"
#include "sql/queries.h"
#include "support/test_database.h"
#include "worker/pg_ledger_store.h"

namespace ledgerline::test {
namespace {

constexpr int kLane = 0;
constexpr const char* kAccount = "00000000-0000-7000-8000-000000000001";

class StageLocks : public testing::Test {
protected:
    void SetUp() override {
        database_.run(std::string("INSERT INTO accounts (id, currency, lane, created_at, updated_at) VALUES ('") +
                      kAccount + "', 'EUR', 0, now(), now())");
        first_ = item();
        accept(first_);
    }

    pg::ConnectionConfig impatient() const {
        pg::ConnectionConfig config = database_.config();
        config.lock_timeout = milliseconds(200);
        return config;
    }

    IntakeItem item() {
        IntakeItem item;
        item.transaction_id = ids_.next();
        item.event_id = ids_.next();
        item.account_id = *Uuid::parse(kAccount);
        item.amount_cents = 100;
        item.currency = "EUR";
        item.idempotency_key = item.transaction_id.to_string();
        return item;
    }

    void accept(const IntakeItem& one) {
        PgIntakeStore intake(impatient(), metrics_);
        const auto results = intake.accept(std::span(&one, 1));
        ASSERT_TRUE(results) << results.error().message;
        ASSERT_EQ(results->front().status, IntakeResult::Status::created);
    }

    void apply_first() {
        PgLedgerStore ledger{pg::Session(impatient(), metrics_, "worker")};
        const auto result = ledger.apply(kLane, 0, std::vector{EventRef{1, first_.event_id}});
        ASSERT_TRUE(result) << result.error().message;
        ASSERT_EQ(result->status, ApplyResult::Status::applied);
    }

    void publish_first() {
        PgOutboxStore outbox(impatient(), metrics_);
        const auto leases = outbox.renew("me", milliseconds(5000));
        ASSERT_TRUE(leases) << leases.error().message;
        const Lease& lease = leases->front();
        ASSERT_EQ(lease.lane, kLane);
        const auto moved = outbox.advance("me", std::vector{Advance{kLane, lease.epoch, 0, 1}});
        ASSERT_TRUE(moved) << moved.error().message;
        ASSERT_TRUE(moved->front());
    }

    // Runs the calls in a transaction that stays open.
    void hold_open(std::vector<pg::Call> calls) {
        calls.insert(calls.begin(), {pg::begin, {}});
        const auto results = holder_.pipeline(calls);
        ASSERT_TRUE(results) << results.error().message;
    }

    TestDatabase database_;
    Metrics metrics_{"test"};
    SystemClock clock_;
    SystemRandom random_;
    UuidGenerator ids_{clock_, random_};
    IntakeItem first_;
    pg::Connection holder_ = database_.connect();
};

TEST_F(StageLocks, AnOpenApplyBlocksNeitherIntakeForTheSameAccountNorThePublisher) {
    const std::vector<std::int64_t> seqs{1}, balances{100};
    const std::vector<Uuid> event_ids{first_.event_id}, accounts{first_.account_id};
    hold_open({{sql::worker_move_cursor, pg::Params().add(kLane).add(0).add(1)},
               {sql::worker_prove_and_lock, pg::Params().add(kLane).add_array(seqs).add_array(event_ids)},
               {sql::worker_write_accounts, pg::Params().add_array(accounts).add_array(balances)}});
    accept(item());
    publish_first();
}

TEST_F(StageLocks, AnOpenIntakeBlocksNeitherTheWorkerNorThePublisher) {
    const std::vector<Uuid> accounts{first_.account_id}, ids{ids_.next()};
    const std::vector<std::int64_t> lanes{kLane}, seqs{2}, amounts{100};
    const std::vector<std::string> currencies{"EUR"}, types{"CREDIT"}, keys{"key"};
    const std::vector<std::optional<std::string>> none{std::nullopt};
    pg::Params row;
    row.add_array(ids).add_array(accounts).add_array(amounts).add_array(currencies).add_array(types).add_array(keys);
    row.add_array(none).add_array(lanes).add_array(seqs).add_array(ids).add_array(none).add(clock_.wall_now());
    hold_open({{sql::intake_lock_lanes,
                std::move(pg::Params().add_array(accounts).add(false).add_array(std::vector<std::int64_t>{}))},
               {sql::intake_insert, row},
               {sql::intake_move_cursors, pg::Params().add_array(lanes).add_array(amounts)}});
    publish_first();
    apply_first();
}

TEST_F(StageLocks, AnOpenCursorMoveOfThePublisherBlocksNeitherIntakeNorTheWorker) {
    const std::vector<std::int64_t> lane{kLane}, epoch{0}, from{0}, to{1};
    database_.run("UPDATE lane_publish SET owner = 'me'");
    hold_open({{sql::publisher_advance,
                pg::Params().add("me").add_array(lane).add_array(epoch).add_array(from).add_array(to)}});
    accept(item());
    apply_first();
}

}  // namespace
}  // namespace ledgerline::test
