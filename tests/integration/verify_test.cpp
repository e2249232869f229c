// verify on a ledger that is right, and on copies of it that are damaged by hand in every way it should notice.
#include "integration/verify_lab.h"

namespace ledgerline::audit {
namespace {

// Accounts 30 (floor 0) and 60 (floor -500) live in lane 0, account 1 in lane 1.
constexpr const char* kScene = R"sql(
INSERT INTO account_settings (id, currency, min_balance_cents, lane, created_at, updated_at)
VALUES (id(30), 'EUR', 0, 0, now(), now()), (id(60), 'EUR', -500, 0, now(), now()),
       (id(1), 'CZK', 0, 1, now(), now());

SELECT accept(1, 30, 0, 1, 'CREDIT', 1000), decide(1, 1000);
SELECT accept(2, 60, 0, 2, 'DEBIT', 300), decide(2, -300);
SELECT accept(3, 30, 0, 3, 'DEBIT', 1001), decide(3, 1000, 'insufficient_balance');
SELECT accept(4, 30, 0, 4, 'DEBIT', 1000), decide(4, 0);
SELECT accept(5, 60, 0, 5, 'CREDIT', 50), letter(5, 'PARKED'), decide(5, -300, NULL, id(3005));
SELECT accept(6, 30, 0, 6, 'CREDIT', 70), letter(6, 'DISCARDED'), decide(6, 0, NULL, id(3006));
SELECT accept(7, 30, 0, 7, 'CREDIT', 20), letter(7, 'REPLAYED'), decide(7, 0, NULL, id(3007));
SELECT change(60, '{"status": "SUSPENDED"}');
SELECT accept(8, 60, 0, 8, 'DEBIT', 1), decide(8, -300, 'account_suspended');
SELECT change(60, '{"status": "ACTIVE"}');
SELECT place_again(7, 9, 'replay'), decide(7, 20);
SELECT place_again(6, 10, 'discard'), decide(6, 20, 'discarded');
SELECT accept(10, 30, 0, 11, 'CREDIT', 5), accept(11, 30, 0, 12, 'CREDIT', 5);
UPDATE lane_publish SET published_seq = 11 WHERE lane = 0;

SELECT accept(21, 1, 1, 1, 'CREDIT', 500, 'CZK'), decide(21, 500);
SELECT accept(22, 1, 1, 2, 'DEBIT', 10, 'EUR'), decide(22, 500, 'currency_mismatch');
SELECT accept(23, 1, 1, 3, 'DEBIT', 100, 'CZK'), decide(23, 400);
UPDATE lane_publish SET published_seq = 3 WHERE lane = 1;
)sql";

class Verify : public VerifyTest {
protected:
    static void SetUpTestSuite() { set_up(kScene); }
};

TEST_F(Verify, FindsNothingWrongWithARightLedger) {
    const VerifyReport found = report();
    EXPECT_TRUE(found.ok()) << text_of(found);
    const auto examined = [&](Check check) { return found.finding(check).examined; };
    EXPECT_EQ(examined(Check::cursors), 48);
    EXPECT_EQ(examined(Check::dense), 15);
    EXPECT_EQ(examined(Check::settled), 13) << "two still wait";
    EXPECT_EQ(examined(Check::outcomes), 13);
    EXPECT_EQ(examined(Check::entries), 6);
    EXPECT_EQ(examined(Check::refusals), 4);
    EXPECT_EQ(examined(Check::settings), 13);
    EXPECT_EQ(examined(Check::discards), 1);
    EXPECT_EQ(examined(Check::replays), 1);
    EXPECT_EQ(examined(Check::balances), 3);
}

TEST_F(Verify, SaysThatALaneIsHaltedThoughTheLedgerIsWhole) {
    damage(
        "INSERT INTO lane_halts VALUES (0, 'apply', 11, 'not_recognized', 'why', now()), "
        "(1, 'publish', 3, 'too_large', 'past it already', now())");
    const VerifyReport found = report();
    EXPECT_FALSE(found.ok());
    EXPECT_FALSE(found.damaged());
    EXPECT_EQ(broken(found), std::set{Check::halts});
    EXPECT_EQ(found.finding(Check::halts).examined, 48);
    EXPECT_EQ(found.finding(Check::halts).violated, 1);
    EXPECT_THAT(text_of(found), testing::ContainsRegex("lane 0 seq 11 : apply halted at .*: not_recognized: why"));
}

TEST_F(Verify, SaysThatAnAnnouncedEventIsNotApplied) {
    constexpr const char* kSettled = "UPDATE decisions SET processed_at = now() - interval '40 seconds' WHERE lane = 0";
    const VerifySettings settings{.second_look = milliseconds(1), .on_progress = {}};
    damage(kSettled);
    EXPECT_TRUE(report(settings).ok());  // the next event has just been accepted
    damage("UPDATE accepted SET created_at = now() - interval '60 seconds' WHERE id = id(1010)");
    const VerifyReport found = report(settings);
    EXPECT_FALSE(found.damaged());
    EXPECT_EQ(broken(found), std::set{Check::halts});
    EXPECT_THAT(text_of(found), testing::ContainsRegex(
                                    "lane 0 seq 11 : published but not applied; the lane has not moved for 4[0-9] s"));
}

TEST_F(Verify, SaysTheSameWhateverTheStretch) {
    damage(
        "UPDATE decisions SET balance_after_cents = 21 WHERE lane = 0 AND seq = 10; "
        "DELETE FROM accepted WHERE id = id(1010)");
    const std::string expected = text_of(report());
    for (const std::int64_t seqs : {1, 2, 3, 11})
        EXPECT_EQ(text_of(report({.stretch_seqs = seqs, .listed_max = 20, .on_progress = {}})), expected) << seqs;
}

// Committed, so that all connections see it, in a database of its own.
TEST_F(Verify, SaysTheSameWithManyConnections) {
    const test::TestDatabase damaged;
    damaged.run(kWrite);
    damaged.run(kScene);
    damaged.run(
        "SET session_replication_role = replica; "
        "UPDATE decisions SET balance_after_cents = balance_after_cents + 1; "
        "DELETE FROM decisions WHERE kind = 'REFUSED' AND failure_code <> 'discarded'; "
        "DELETE FROM accepted WHERE id = id(1010)");
    std::vector<db::Connection> connections;
    std::string expected;
    for (const unsigned number : {1u, 2u, 7u}) {
        while (connections.size() < number) connections.push_back(damaged.connect());
        std::int64_t told = 0;
        const auto found = verify(connections, {.stretch_seqs = 2, .on_progress = [&](std::int64_t done, std::int64_t) {
                                                    EXPECT_GT(done, std::exchange(told, done));
                                                }});
        ASSERT_TRUE(found) << found.error().message;
        EXPECT_EQ(broken(*found).count(Check::balances), 1u);
        std::string text = text_of(*found);
        for (std::size_t i = 0; i < check_count; ++i)
            text += std::to_string(found->finding(static_cast<Check>(i)).examined) + '\n';
        if (expected.empty()) expected = text;
        EXPECT_EQ(text, expected) << number;
    }
    connections.back().run_script("SELECT pg_terminate_backend(pg_backend_pid())");
    EXPECT_FALSE(verify(connections, {})) << "one session is lost";
}

TEST_F(Verify, CountsMoreThanItLists) {
    damage("DELETE FROM decisions WHERE kind = 'REFUSED' AND failure_code <> 'discarded'");
    const VerifyReport found = report({.stretch_seqs = 10'000, .listed_max = 2, .on_progress = {}});
    EXPECT_EQ(found.finding(Check::settled).violated, 3);
    EXPECT_EQ(found.finding(Check::settled).listed.size(), 2u);
}

TEST_F(Verify, TellsAMistakeOnceWhereItBegins) {
    damage(
        "UPDATE accepted SET amount_cents = 999, net_cents = 999 WHERE id = id(1001); "
        "UPDATE decisions SET amount_cents = 999 WHERE transaction_id = id(1001)");
    EXPECT_EQ(report().finding(Check::entries).violated, 1) << "the later entries are wrong by the same amount";
}

TEST_F(Verify, TellsHowFarItIs) {
    std::vector<std::pair<std::int64_t, std::int64_t>> told;
    report({.stretch_seqs = 10, .listed_max = 1, .on_progress = [&](std::int64_t done, std::int64_t total) {
                told.emplace_back(done, total);
            }});
    using Told = std::pair<std::int64_t, std::int64_t>;
    EXPECT_THAT(told, testing::ElementsAre(Told(10, 15), Told(12, 15), Told(15, 15)));
}

class VerifyDamage : public Verify, public testing::WithParamInterface<Damage> {};

TEST_P(VerifyDamage, IsNamed) {
    damage(GetParam().sql);
    const VerifyReport found = report();
    EXPECT_EQ(broken(found), GetParam().broken) << text_of(found);
    const std::string about = GetParam().id == 0 ? "" : id(GetParam().id);
    EXPECT_THAT(text_of(found), testing::HasSubstr(about + ": " + GetParam().detail));
}

using enum Check;
const Damage kDamages[] = {
    {"BalanceChanged",
     "UPDATE decisions SET balance_after_cents = 21 WHERE lane = 0 AND seq = 10",
     {entries, balances},
     "the account's balance is 21, but its entries make 20",
     30},
    {"AmountChanged",
     "UPDATE accepted SET amount_cents = 999, net_cents = 999 WHERE id = id(1001); "
     "UPDATE decisions SET amount_cents = 999 WHERE transaction_id = id(1001)",
     {entries, Check::floor, balances},
     "balance_after is 1000, but the entries make 999",
     1001},
    {"NetChanged",
     "UPDATE accepted SET net_cents = 999 WHERE id = id(1001)",
     {identity, entries, Check::floor, balances},
     "the place moves 999, but the transaction is a CREDIT of 1000",
     1001},
    {"AmountOfADecisionChanged",
     "UPDATE decisions SET amount_cents = 999 WHERE transaction_id = id(1001)",
     {identity},
     "the decision is that of another place",
     1001},
    {"BalanceAfterChanged",
     "UPDATE decisions SET balance_after_cents = 5 WHERE transaction_id = id(1004)",
     {entries},
     "balance_after is 5, but the entries make 0",
     1004},
    {"BalanceAfterOfARefusalChanged",
     "UPDATE decisions SET balance_after_cents = 999 WHERE transaction_id = id(1003)",
     {entries},
     "balance_after is 999, but the entries make 1000",
     1003},
    {"BalanceAfterOfAParkedPlaceChanged",
     "UPDATE decisions SET balance_after_cents = 999 WHERE transaction_id = id(1005)",
     {entries},
     "balance_after is 999, but the entries make -300",
     1005},
    {"CurrencyChanged",
     "UPDATE accepted SET currency = 'USD' WHERE id = id(1001)",
     {entries},
     "an amount in USD was posted to an account in EUR",
     1001},
    {"FloorCrossed",
     "UPDATE account_settings SET min_balance_cents = -200 WHERE id = id(60)",
     {Check::floor, Check::settings},
     "the balance fell to -300, below the floor -200",
     1002},
    {"RefusedThoughCovered",
     "UPDATE accepted SET amount_cents = 1000, net_cents = -1000 WHERE id = id(1003); "
     "UPDATE decisions SET amount_cents = -1000 WHERE transaction_id = id(1003)",
     {refusals},
     "refused for insufficient balance, but -1000 from 1000 keeps the floor 0",
     1003},
    {"RefusedForOverflowWithoutOne",
     "UPDATE decisions SET failure_code = 'balance_overflow' WHERE transaction_id = id(1003)",
     {refusals},
     "refused for balance overflow, but the balance would have been -1",
     1003},
    {"RefusedForItsOwnCurrency",
     "UPDATE accepted SET currency = 'CZK' WHERE id = id(1022)",
     {refusals},
     "refused for its currency, but both are CZK",
     1022},
    {"RefusedForNoKnownReason",
     "UPDATE decisions SET failure_code = 'because' WHERE transaction_id = id(1003)",
     {refusals},
     "refused for an unknown reason 'because'",
     1003},
    {"RefusedAsDiscardedAtItsFirstPlace",
     "UPDATE decisions SET failure_code = 'discarded' WHERE transaction_id = id(1003)",
     {refusals},
     "refused as discarded at a place that discards no dead letter",
     1003},
    {"RefusalLost",
     "DELETE FROM decisions WHERE transaction_id = id(1003)",
     {settled},
     "applied, but there is no decision",
     1003},
    {"EntryLost",
     "DELETE FROM decisions WHERE transaction_id = id(1004)",
     {settled, entries, balances},
     "applied, but there is no decision",
     1004},
    {"ParkedLetterLost",
     "DELETE FROM dead_letters WHERE id = id(3005)",
     {settled},
     "dead-lettered, but there is no dead letter",
     1005},
    {"DecidedBeforeItsTurn", "SELECT decide(11, 25)", {settled}, "applied, but there is no decision", 1010},
    {"LetterWithoutPlace",
     "SELECT letter(10, 'PARKED')",
     {dense},
     "no event was dead-lettered with this dead letter",
     3010},
    {"WaitingEventLost", "DELETE FROM accepted WHERE id = id(1010)", {dense}, "there is no event with this seq"},
    {"LastEventsLost",
     "DELETE FROM accepted WHERE id IN (id(1010), id(1011))",
     {cursors},
     "published_seq is 11, but the last event is 10"},
    {"AppliedEventLost",
     "DELETE FROM accepted WHERE id = id(1003)",
     {dense, outcomes},
     "the decision has no event",
     1003},
    {"ParkedEventLost",
     "DELETE FROM accepted WHERE id = id(1005)",
     {dense, outcomes},
     "there is no event with this seq"},
    {"SeqTwice",
     "ALTER TABLE accepted DROP CONSTRAINT accepted_place_once; UPDATE accepted SET seq = 11 WHERE id = id(1011)",
     {dense},
     "another place, decision or letter has the same seq"},
    {"DecisionTwice",
     "ALTER TABLE decisions DROP CONSTRAINT decisions_place_once; SELECT decide(4, 0)",
     {dense},
     "another place, decision or letter has the same seq",
     2004},
    {"EventBelowOne",
     "ALTER TABLE accepted DROP CONSTRAINT accepted_seq_check; UPDATE accepted SET seq = 0 WHERE id = id(1011)",
     {dense},
     "the event is outside of the lane's sequence",
     2011},
    {"EventOfNoLane", "SELECT accept(31, 30, 77, 1, 'CREDIT', 1)", {dense}, "there is no such lane", 2031},
    {"DecisionOfAnotherAccount",
     "UPDATE decisions SET account_id = id(60) WHERE transaction_id = id(1004)",
     {identity, entries, balances},
     "the decision is that of another place",
     1004},
    {"DecisionOfAnotherTransaction",
     "UPDATE decisions SET transaction_id = id(1001) WHERE transaction_id = id(1004)",
     {identity},
     "the decision is that of another place",
     1001},
    {"LetterOfAnotherEvent",
     "UPDATE dead_letters SET event_id = id(99) WHERE id = id(3005)",
     {identity},
     "the dead letter is that of another event",
     3005},
    {"AccountMoved",
     "ALTER TABLE account_settings DROP CONSTRAINT account_settings_lane; "
     "UPDATE account_settings SET lane = 1 WHERE id = id(60)",
     {identity, balances, Check::settings},
     "account 00000000-0000-7000-8000-000000000060 does not exist in this lane",
     1002},
    {"AccountOfNoLane",
     "ALTER TABLE account_settings DROP CONSTRAINT account_settings_lane; "
     "UPDATE account_settings SET lane = 99 WHERE id = id(1)",
     {identity, balances},
     "the account's lane does not exist",
     1},
    {"DiscardWithoutLetter",
     "DELETE FROM dead_letters WHERE id = id(3006)",
     {settled, discards},
     "the event discards a dead letter that does not exist",
     1006},
    {"DiscardPosted",
     "UPDATE decisions SET kind = 'POSTED', failure_code = NULL WHERE lane = 0 AND seq = 10",
     {discards, entries, balances},
     "posted at a place that discards a dead letter",
     1006},
    {"DiscardedLetterWithoutDiscard",
     "UPDATE dead_letters SET state = 'DISCARDED', decided_at = now() WHERE id = id(3005)",
     {discards},
     "the dead letter is DISCARDED, but no later event says so",
     3005},
    {"ReplayWithoutLetter",
     "DELETE FROM dead_letters WHERE id = id(3007)",
     {settled, replays},
     "the event replays a dead letter that does not exist",
     1007},
    {"ReplayOfALetterNotReplayed",
     "UPDATE dead_letters SET state = 'PARKED', decided_at = NULL WHERE id = id(3007)",
     {replays},
     "the event replays a dead letter that was not replayed, or one of another transaction",
     1007},
    {"ReplayedLetterWithoutReplay",
     "UPDATE dead_letters SET state = 'REPLAYED', decided_at = now() WHERE id = id(3005)",
     {settled},
     "the dead letter is REPLAYED, but no later event says so",
     3005},
    {"ReplayLost",
     "DELETE FROM places WHERE verdict = 'replay'",
     {dense, outcomes, settled},
     "the dead letter is REPLAYED, but no later event says so",
     3007},
    {"ReplayBeforeItsLetter",
     "UPDATE accepted SET seq = 9 WHERE id = id(1007); UPDATE dead_letters SET seq = 9 WHERE id = id(3007); "
     "UPDATE places SET seq = 7 WHERE verdict = 'replay'; "
     "UPDATE decisions SET seq = -seq, balance_after_cents = 20 WHERE transaction_id = id(1007); "
     "UPDATE decisions SET seq = 16 + seq WHERE transaction_id = id(1007)",
     {settled},
     "the dead letter is REPLAYED, but no later event says so",
     3007},
    {"PublishedAhead",
     "UPDATE lane_publish SET published_seq = 13 WHERE lane = 0",
     {cursors},
     "published_seq is 13, but the last event is 12"},
    {"AppliedAhead",
     "INSERT INTO decisions SELECT lane, 4, transaction_id, account_id, amount_cents, balance_after_cents, "
     "floor_cents, "
     "processed_at, kind FROM decisions WHERE lane = 1 AND seq = 3",
     {cursors},
     "applied_seq is 4, but the last event is 3"},
    {"CursorLost", "DELETE FROM lane_apply WHERE lane = 5", {cursors}, "a stage has no cursor in this lane"},
};
INSTANTIATE_TEST_SUITE_P(EachWay, VerifyDamage, testing::ValuesIn(kDamages),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace ledgerline::audit
