// PgIntakeStore against real PostgreSQL: what is accepted, in which order, and under which locks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "domain/legs.h"
#include "intake/pg_intake_store.h"
#include "lab/test_database.h"

namespace ledgerline {
namespace {

using Status = intake::IntakeResult::Status;
using testing::ElementsAre;

class IntakeStoreTest : public testing::Test {
protected:
    // An account in a lane of our choice.
    Uuid account(int lane, const std::string& currency = "EUR", const std::string& status = "ACTIVE") {
        Uuid id = ids_.next();
        while (lane_of(id) != lane) id = ids_.next();
        database_.run("INSERT INTO account_settings (id, currency, status, lane, created_at, updated_at) VALUES ('" +
                      id.to_string() + "', '" + currency + "', '" + status + "', " + std::to_string(lane) +
                      ", now(), now())");
        return id;
    }

    intake::IntakeItem item(const Uuid& account_id, const std::string& key, std::int64_t amount_cents = 100) {
        intake::IntakeItem made;
        made.transaction_id = ids_.next();
        made.event_id = ids_.next();
        made.account_id = account_id;
        made.amount_cents = amount_cents;
        made.currency = "EUR";
        made.idempotency_key = key;
        return made;
    }

    std::vector<intake::IntakeResult> accept(intake::IntakeStore& store, const std::vector<intake::IntakeItem>& items) {
        auto results = store.accept(items);
        EXPECT_TRUE(results) << results.error().code << ' ' << results.error().message;
        return results ? *results : std::vector<intake::IntakeResult>(items.size());
    }
    std::vector<intake::IntakeResult> accept(const std::vector<intake::IntakeItem>& items) {
        return accept(store_, items);
    }

    static std::vector<Status> statuses(const std::vector<intake::IntakeResult>& results) {
        std::vector<Status> all;
        for (const auto& result : results) all.push_back(result.status);
        return all;
    }
    static std::vector<std::int64_t> seqs(const std::vector<intake::IntakeResult>& results) {
        std::vector<std::int64_t> all;
        for (const auto& result : results) all.push_back(result.seq);
        return all;
    }

    // Waits until as many sessions of this database wait for a lock.
    void await_lock_waiters(int count) {
        const std::string waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while (database_.value(waiting) != std::to_string(count)) std::this_thread::yield();
    }
    bool lane_is_locked(int lane) {
        const std::string probe = "SELECT count(*) FROM (SELECT FROM lane_intake WHERE lane = " + std::to_string(lane) +
                                  " FOR UPDATE SKIP LOCKED) AS free";
        return database_.value(probe) == "0";
    }

    SystemClock clock_;
    SystemRandom random_;
    UuidGenerator ids_{clock_, random_};
    Metrics metrics_{"test"};
    test::TestDatabase database_;
    intake::PgIntakeStore store_{database_.config(), metrics_};
};

TEST_F(IntakeStoreTest, StoresEverythingOfATransactionAndItsEvent) {
    const Uuid eur = account(3);
    intake::IntakeItem wanted = item(eur, "a key with \"quotes\" and ünïcode", 1'000'000'000'000'000);
    wanted.type = TransactionType::debit;
    wanted.metadata = R"({"n": 1.50, "note": "it's \\ \"x\", {y}"})";
    wanted.traceparent = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";
    const auto results = accept({wanted});
    ASSERT_THAT(statuses(results), ElementsAre(Status::created));
    EXPECT_EQ(results[0].transaction_id, wanted.transaction_id);
    EXPECT_EQ(results[0].lane, 3);
    EXPECT_EQ(results[0].seq, 1);
    auto connection = database_.connect();
    const db::Statement read{"test_read",
                             "SELECT account_id, amount_cents, currency, type, idempotency_key, metadata = "
                             "'{\"n\": 1.5, \"note\": \"it''s \\\\ \\\"x\\\", {y}\"}'::jsonb, lane, seq, event_id, "
                             "traceparent, created_at FROM accepted"};
    const auto row = connection.query(read);
    ASSERT_TRUE(row) << row.error().message;
    EXPECT_EQ(row->uuid(0, 0), eur);
    EXPECT_EQ(row->int64(0, 1), wanted.amount_cents);
    EXPECT_EQ(row->text(0, 2), "EUR");
    EXPECT_EQ(row->text(0, 3), "DEBIT");
    EXPECT_EQ(row->text(0, 4), wanted.idempotency_key);
    EXPECT_TRUE(row->boolean(0, 5));
    EXPECT_EQ(row->int64(0, 6), 3);
    EXPECT_EQ(row->int64(0, 7), 1);
    EXPECT_EQ(row->uuid(0, 8), wanted.event_id);
    EXPECT_EQ(row->text(0, 9), wanted.traceparent);
    EXPECT_EQ(row->time(0, 10), results[0].created_at);
    EXPECT_EQ(database_.value("SELECT last_seq FROM lane_cursors WHERE lane = 3"), "1");
}

TEST_F(IntakeStoreTest, AnswersEachItemOnItsOwnMerits) {
    const Uuid eur = account(0), usd = account(0, "USD"), closed = account(1, "EUR", "SUSPENDED");
    const auto results =
        accept({item(eur, "a"), item(usd, "b"), item(closed, "c"), item(ids_.next(), "d"), item(eur, "e")});
    EXPECT_THAT(statuses(results), ElementsAre(Status::created, Status::currency_mismatch, Status::account_suspended,
                                               Status::account_not_found, Status::created));
    EXPECT_EQ(results[1].account_currency, "USD");
    EXPECT_THAT(seqs(results), ElementsAre(1, 0, 0, 0, 2));
    EXPECT_EQ(database_.value("SELECT string_agg(idempotency_key, ',' ORDER BY seq) FROM accepted"), "a,e");
}

TEST_F(IntakeStoreTest, ReplaysTheSameBodyAndRefusesAnother) {
    const Uuid eur = account(0);
    intake::IntakeItem first = item(eur, "key");
    first.metadata = R"({"a": 1, "b": [true, null]})";
    accept({first});

    intake::IntakeItem same = first, other_amount = first, other_type = first, other_metadata = first,
                       no_metadata = first;
    same.metadata = R"({"b": [true, null], "a": 1.0})";
    other_amount.amount_cents = 101;
    other_type.type = TransactionType::debit;
    other_metadata.metadata = R"({"a": 1, "b": [null, true]})";
    no_metadata.metadata = {};
    std::vector<intake::IntakeItem> items{same, other_amount, other_type, other_metadata, no_metadata};
    for (intake::IntakeItem& each : items) each.transaction_id = ids_.next();
    const auto results = accept(items);
    EXPECT_THAT(statuses(results), ElementsAre(Status::replayed, Status::key_reused, Status::key_reused,
                                               Status::key_reused, Status::key_reused));
    EXPECT_EQ(results[0].transaction_id, first.transaction_id);
    // A replay takes no number.
    EXPECT_THAT(seqs(accept({item(eur, "next")})), ElementsAre(2));
}

TEST_F(IntakeStoreTest, ReplaysAlsoWhenTheAccountIsSuspendedMeanwhile) {
    const Uuid eur = account(0);
    intake::IntakeItem first = item(eur, "key");
    accept({first});
    database_.run("UPDATE account_settings SET status = 'SUSPENDED'");
    first.transaction_id = ids_.next();
    EXPECT_THAT(statuses(accept({first, item(eur, "new")})), ElementsAre(Status::replayed, Status::account_suspended));
}

TEST_F(IntakeStoreTest, TheKeyBelongsToTheAccount) {
    EXPECT_THAT(statuses(accept({item(account(0), "key"), item(account(0), "key"), item(account(1), "key")})),
                ElementsAre(Status::created, Status::created, Status::created));
}

TEST_F(IntakeStoreTest, AKeyTwiceInOneBatchIsAcceptedOnce) {
    const Uuid eur = account(0);
    intake::IntakeItem first = item(eur, "key"), same = item(eur, "key"), other = item(eur, "key", 200);
    first.metadata = R"({"a": 1, "b": 2})";
    same.metadata = R"({"b": 2.0, "a": 1})";
    const auto results = accept({first, same, other, item(eur, "next")});
    EXPECT_THAT(statuses(results), ElementsAre(Status::created, Status::replayed, Status::key_reused, Status::created));
    EXPECT_EQ(results[1].transaction_id, first.transaction_id);
    EXPECT_EQ(results[3].seq, 2);
}

TEST_F(IntakeStoreTest, ARefusedItemTakesNoKeyFromLaterOnes) {
    const Uuid eur = account(0);
    intake::IntakeItem wrong = item(eur, "key"), right = item(eur, "key"), repeated = item(eur, "key");
    wrong.currency = "USD";
    const auto results = accept({wrong, right, repeated});
    EXPECT_THAT(statuses(results), ElementsAre(Status::currency_mismatch, Status::created, Status::replayed));
    EXPECT_EQ(results[2].transaction_id, right.transaction_id);
}

TEST_F(IntakeStoreTest, ABatchRunAgainFindsItsOwnRowsAsCreated) {
    const Uuid eur = account(0);
    const std::vector<intake::IntakeItem> items{item(eur, "a"), item(eur, "b"), item(eur, "b")};
    const auto first = accept(items);
    const auto again = accept(items);
    EXPECT_EQ(statuses(again), statuses(first));
    EXPECT_THAT(statuses(again), ElementsAre(Status::created, Status::created, Status::replayed));
    EXPECT_EQ(seqs(again), seqs(first));
    EXPECT_EQ(again[1].created_at, first[1].created_at);
    EXPECT_EQ(database_.value("SELECT (SELECT count(*) FROM accepted) || ' ' || max(last_seq) FROM lane_cursors"),
              "2 2");
}

// Numbers follow arrival, not the order of lanes, accounts, ids or keys.
TEST_F(IntakeStoreTest, NumbersInArrivalOrder) {
    const Uuid a = account(5), b = account(5), c = account(2);
    std::vector<intake::IntakeItem> items{item(b, "z"), item(a, "y"), item(c, "x"),
                                          item(b, "a"), item(a, "c"), item(c, "b")};
    std::swap(items[0].transaction_id, items[4].transaction_id);
    std::swap(items[2].transaction_id, items[5].transaction_id);
    EXPECT_THAT(seqs(accept(items)), ElementsAre(1, 2, 1, 3, 4, 2));
    EXPECT_EQ(database_.value("SELECT string_agg(idempotency_key, '' ORDER BY lane, seq) FROM accepted"), "xbzyac");
}

TEST_F(IntakeStoreTest, NumbersFollowOnFromBatchToBatch) {
    const Uuid eur = account(7);
    accept({item(eur, "1"), item(eur, "2")});
    intake::PgIntakeStore other(database_.config(), metrics_);
    EXPECT_THAT(seqs(accept(other, {item(eur, "3")})), ElementsAre(3));
    EXPECT_THAT(seqs(accept({item(eur, "4")})), ElementsAre(4));
}

// Somebody holds the middle one of three lanes. Whoever locks in ascending order has the first by then, and not the
// last. The rows lie in descending order in the table, so that no scan does it by chance.
TEST_F(IntakeStoreTest, LocksLanesInAscendingOrder) {
    database_.run(
        "CREATE TABLE kept AS SELECT * FROM lane_intake; ALTER TABLE lane_halts DROP CONSTRAINT lane_halts_lane_fkey; "
        "ALTER TABLE lane_intake DISABLE TRIGGER USER; TRUNCATE lane_intake; "
        "INSERT INTO lane_intake SELECT * FROM kept ORDER BY lane DESC; ANALYZE lane_intake");
    const Uuid low = account(1), middle = account(5), high = account(9);

    auto holder = database_.connect();
    ASSERT_TRUE(holder.run_script("BEGIN; SELECT FROM lane_intake WHERE lane = 5 FOR NO KEY UPDATE"));
    auto accepted = std::async(std::launch::async,
                               [&] { return statuses(accept({item(high, "h"), item(low, "l"), item(middle, "m")})); });
    await_lock_waiters(1);
    EXPECT_TRUE(lane_is_locked(1));
    EXPECT_FALSE(lane_is_locked(9));
    ASSERT_TRUE(holder.run_script("COMMIT"));
    EXPECT_THAT(accepted.get(), ElementsAre(Status::created, Status::created, Status::created));
}

// Lanes that are not waited for are had when nobody holds them; rows of the others are not stored.
TEST_F(IntakeStoreTest, DoesNotWaitForALaneThatNeedNotBeWaitedFor) {
    const Uuid held = account(5), free = account(6);
    auto holder = database_.connect();
    ASSERT_TRUE(holder.run_script("BEGIN; SELECT FROM lane_intake WHERE lane = 5 FOR NO KEY UPDATE"));
    const std::vector<intake::IntakeItem> items = {item(held, "a"), item(free, "b"), item(held, "c")};
    for (const intake::LaneWaits& waits :
         {intake::LaneWaits{.none = true, .not_for = {}}, intake::LaneWaits{.none = false, .not_for = {5}}}) {
        const auto results = store_.accept(items, waits);
        ASSERT_TRUE(results) << results.error().message;
        EXPECT_THAT(statuses(*results), ElementsAre(Status::lane_held, Status::created, Status::lane_held));
        EXPECT_EQ((*results)[0].lane, 5);
    }
    ASSERT_TRUE(holder.run_script("COMMIT"));
    const auto results = store_.accept(items, {.none = false, .not_for = {5, 6}});
    ASSERT_TRUE(results) << results.error().message;
    EXPECT_THAT(statuses(*results), ElementsAre(Status::created, Status::created, Status::created));
    EXPECT_EQ(
        database_.value("SELECT string_agg(last_seq::text, ' ' ORDER BY lane) FROM lane_cursors WHERE last_seq > 0"),
        "2 1");
}

// A transfer waits for each of its lanes, and what would overtake it on any of its accounts waits with it.
TEST_F(IntakeStoreTest, NothingOvertakesATransferWhoseLaneIsHeld) {
    const Uuid held = account(5), payer = account(6), other = account(6);
    auto holder = database_.connect();
    ASSERT_TRUE(holder.run_script("BEGIN; SELECT FROM lane_intake WHERE lane = 5 FOR NO KEY UPDATE"));
    intake::IntakeItem transfer = item(payer, "t");
    set_legs(transfer, {{payer, held, 1, "EUR"}});
    const std::vector<intake::IntakeItem> items = {item(payer, "a"), transfer, item(payer, "b"), item(other, "c")};
    const intake::LaneWaits waits{.none = false, .not_for = {5}};
    const auto results = store_.accept(items, waits);
    ASSERT_TRUE(results) << results.error().message;
    EXPECT_THAT(statuses(*results),
                ElementsAre(Status::created, Status::lane_held, Status::lane_held, Status::created));
    EXPECT_EQ((*results)[2].lane, 5);
    ASSERT_TRUE(holder.run_script("COMMIT"));
    EXPECT_THAT(statuses(accept(items)),
                ElementsAre(Status::created, Status::created, Status::created, Status::created));
    EXPECT_EQ(database_.value("SELECT string_agg((account_id = '" + payer.to_string() +
                              "')::text || ':' || idempotency_key, ' ' ORDER BY seq) FROM accepted WHERE lane = 6"),
              "true:a false:c true:t true:b");
}

// The key is committed by another session after our transaction has begun and while it waits for the lane. Only a
// statement that begins after the lock sees it.
TEST_F(IntakeStoreTest, SeesKeysCommittedWhileItWaitedForTheLane) {
    const Uuid eur = account(4);
    intake::IntakeItem theirs = item(eur, "key");
    auto holder = database_.connect();
    ASSERT_TRUE(holder.run_script(
        "BEGIN; SELECT FROM lane_intake WHERE lane = 4 FOR NO KEY UPDATE; INSERT INTO accepted (id, account_id, "
        "amount_cents, net_cents, places, schema_version, currency, type, idempotency_key, lane, seq, event_id, "
        "created_at) VALUES ('" +
        theirs.transaction_id.to_string() + "', '" + eur.to_string() +
        "', 100, 100, 1, 1, 'EUR', 'CREDIT', 'key', 4, 1, '" + theirs.event_id.to_string() + "', now())"));
    auto accepted = std::async(std::launch::async, [&] { return accept({item(eur, "key"), item(eur, "other")}); });
    await_lock_waiters(1);
    ASSERT_TRUE(holder.run_script("COMMIT"));
    const auto results = accepted.get();
    EXPECT_THAT(statuses(results), ElementsAre(Status::replayed, Status::created));
    EXPECT_EQ(results[0].transaction_id, theirs.transaction_id);
    EXPECT_EQ(results[1].seq, 2);
}

// The same for the account's status: a suspension that was answered before is never overlooked.
TEST_F(IntakeStoreTest, SeesASuspensionCommittedWhileItWaitedForTheLane) {
    const Uuid eur = account(4);
    auto holder = database_.connect();
    ASSERT_TRUE(holder.run_script("BEGIN; SELECT FROM lane_intake WHERE lane = 4 FOR NO KEY UPDATE"));
    auto accepted = std::async(std::launch::async, [&] { return statuses(accept({item(eur, "key")})); });
    await_lock_waiters(1);
    database_.run("UPDATE account_settings SET status = 'SUSPENDED'");
    ASSERT_TRUE(holder.run_script("COMMIT"));
    EXPECT_THAT(accepted.get(), ElementsAre(Status::account_suspended));
}

// Intake goes on while the worker has the lane.
TEST_F(IntakeStoreTest, AcceptsWhileAnApplyTransactionHoldsTheLane) {
    const Uuid eur = account(0);
    auto worker = database_.connect();
    ASSERT_TRUE(worker.run_script(
        "BEGIN; SELECT FROM lane_apply FOR NO KEY UPDATE; SELECT FROM account_settings FOR NO KEY UPDATE"));
    EXPECT_THAT(statuses(accept({item(eur, "key")})), ElementsAre(Status::created));
    ASSERT_TRUE(worker.run_script("ROLLBACK"));
}

TEST_F(IntakeStoreTest, OneRowThatTheDatabaseRefusesStoresNothingAndSaysSo) {
    const Uuid eur = account(0);
    intake::IntakeItem guilty = item(eur, "guilty");
    guilty.amount_cents = 0;
    const auto refused = store_.accept(std::vector{item(eur, "innocent"), guilty});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().disposition, Disposition::refuse);
    EXPECT_EQ(refused.error().code, "23514");
    EXPECT_EQ(database_.value("SELECT count(*) FROM accepted"), "0");
    EXPECT_THAT(seqs(accept({item(eur, "innocent")})), ElementsAre(1));
}

// The session is ended while the round trip with the commit is under way: whether it has committed cannot be known.
TEST_F(IntakeStoreTest, AConnectionLostWithTheCommitIsOfUnknownOutcome) {
    const Uuid eur = account(0);
    database_.run(
        "CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN "
        "NEW; END $$; CREATE TRIGGER stall BEFORE INSERT ON accepted FOR EACH ROW EXECUTE FUNCTION stall()");
    auto holder = database_.connect();
    ASSERT_TRUE(holder.run_script("SELECT pg_advisory_lock(1)"));
    const std::vector<intake::IntakeItem> items{item(eur, "key")};
    auto accepted = std::async(std::launch::async, [&] { return store_.accept(items); });
    await_lock_waiters(1);
    database_.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type "
        "= 'Lock'");
    const auto lost = accepted.get();
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().code, db::outcome_unknown);
    EXPECT_EQ(lost.error().disposition, Disposition::retry);
    ASSERT_TRUE(holder.run_script("SELECT pg_advisory_unlock(1)"));
    EXPECT_THAT(seqs(accept(items)), ElementsAre(1));
}

// A batch that must be looked up sends its commit later.
TEST_F(IntakeStoreTest, AConnectionLostBeforeTheCommitStoredNothing) {
    const Uuid eur = account(0);
    accept({item(eur, "first")});
    const std::vector<intake::IntakeItem> items{item(eur, "second"), item(eur, "second")};
    auto holder = database_.connect();
    ASSERT_TRUE(holder.run_script("BEGIN; SELECT FROM lane_intake FOR NO KEY UPDATE"));
    auto accepted = std::async(std::launch::async, [&] { return store_.accept(items); });
    await_lock_waiters(1);
    database_.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type "
        "= 'Lock'");
    const auto lost = accepted.get();
    ASSERT_FALSE(lost);
    EXPECT_NE(lost.error().code, db::outcome_unknown);
    EXPECT_EQ(lost.error().disposition, Disposition::retry);
    ASSERT_TRUE(holder.run_script("ROLLBACK"));
    EXPECT_TRUE(store_.ping());
    EXPECT_THAT(seqs(accept({item(eur, "second")})), ElementsAre(2));
}

// Many sessions, many lanes, every batch across several lanes: dense lanes, one row a key, no deadlock.
TEST_F(IntakeStoreTest, ConcurrentBatchesLeaveDenseLanes) {
    constexpr int kSessions = 6, kBatches = 15, kRows = 12;
    std::vector<Uuid> accounts;
    for (int i = 0; i < kRows; ++i) accounts.push_back(account(i % 4));
    std::vector<std::future<int>> sessions;
    for (int session = 0; session < kSessions; ++session) {
        sessions.push_back(std::async(std::launch::async, [&, session] {
            intake::PgIntakeStore store(database_.config(), metrics_);
            int created = 0;
            for (int batch = 0; batch < kBatches; ++batch) {
                std::vector<intake::IntakeItem> items;
                for (int row = 0; row < kRows; ++row) {
                    const auto at = static_cast<std::size_t>((row * 5 + session * 7) % kRows);
                    items.push_back(item(accounts[at], std::to_string(batch)));
                }
                for (const intake::IntakeResult& result : accept(store, items))
                    created += result.status == Status::created;
            }
            return created;
        }));
    }
    int created = 0;
    for (auto& session : sessions) created += session.get();
    EXPECT_EQ(created, kBatches * kRows);
    EXPECT_EQ(database_.value("SELECT count(*) FROM accepted"), std::to_string(created));
    EXPECT_EQ(database_.value("SELECT count(*) FROM lane_cursors i JOIN (SELECT lane, count(*), max(seq) FROM accepted "
                              "GROUP BY lane) a USING (lane) WHERE a.count = a.max AND a.max = i.last_seq"),
              "4");
}

}  // namespace
}  // namespace ledgerline
