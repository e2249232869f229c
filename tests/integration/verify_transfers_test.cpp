// verify on transactions of many accounts: a right ledger has no finding, and every way to tear one apart has its own.
#include "integration/verify_lab.h"

namespace ledgerline::audit {
namespace {

// Accounts 30 and 60 live in lane 0, 1 in lane 1, 2 and 32 in lane 2; 3 and 33, in CZK, in lane 3. Only 60 may owe.
// Waiting: 9 is next in both of its lanes, 10 waits for it in lane 0, 11 for 9 in lane 2 and for 10 in lane 1.
constexpr const char* kTransfers = R"sql(
INSERT INTO account_settings (id, currency, min_balance_cents, lane, created_at, updated_at)
SELECT id(n), CASE WHEN n IN (3, 33) THEN 'CZK' ELSE 'EUR' END, CASE WHEN n = 60 THEN -500 ELSE 0 END, lane_of(id(n)),
       now(), now()
FROM unnest('{30, 60, 1, 2, 32, 3, 33}'::integer[]) n;

SELECT accept(1, 30, 0, 1, 'CREDIT', 1000), decide(1, 1000);
SELECT transfer(2, 450, ARRAY[leg(30, 1, 300), leg(60, 2, 100), leg(1, 60, 50)], '{30, 1, 60, 2}',
                '{-300, 250, -50, 100}', '{2, 1, 3, 1}'), decide_all(2, '{30, 1, 60, 2}', '{700, 250, -50, 100}');
SELECT transfer(3, 1000, ARRAY[leg(1, 2, 1000)], '{1, 2}', '{-1000, 1000}', '{2, 2}'),
       decide_all(3, '{1, 2}', '{250, 100}', 'insufficient_balance');
SELECT transfer(4, 10, ARRAY[leg(30, 3, 10)], '{30, 3}', '{-10, 10}', '{4, 1}'),
       decide_all(4, '{30, 3}', '{700, 0}', 'currency_mismatch');
SELECT transfer(5, 1005, ARRAY[leg(NULL, 30, 5), leg(2, 60, 1000)], '{30, 2, 60}', '{5, -1000, 1000}', '{5, 3, 6}'),
       decide_all(5, '{30, 2, 60}', '{700, 100, -50}', 'insufficient_balance');
SELECT transfer(6, 20, ARRAY[leg(60, 1, 20)], '{60, 1}', '{-20, 20}', '{7, 3}'), letter(6, 'REPLAYED'),
       decide_all(6, '{60, 1}', '{-50, 250}', NULL, id(3006));
SELECT transfer_again(6, '{60, 1}', '{8, 4}', 'replay'), decide_all(6, '{60, 1}', '{-70, 270}');
SELECT transfer(7, 5, ARRAY[leg(1, 2, 5)], '{1, 2}', '{-5, 5}', '{5, 4}'), letter(7, 'DISCARDED'),
       decide_all(7, '{1, 2}', '{270, 100}', NULL, id(3007));
SELECT transfer_again(7, '{1, 2}', '{6, 5}', 'discard'), decide_all(7, '{1, 2}', '{270, 100}', 'discarded');
SELECT transfer(8, 1, ARRAY[leg(2, 30, 1)], '{2, 30}', '{-1, 1}', '{6, 9}'), letter(8, 'PARKED'),
       decide_all(8, '{2, 30}', '{100, 700}', NULL, id(3008));
SELECT transfer(12, 14, ARRAY[leg(3, 33, 7, 'CZK'), leg(33, 3, 7, 'CZK')], '{3, 33}', '{0, 0}', '{2, 3}'),
       decide_all(12, '{3, 33}', '{0, 0}');
SELECT transfer(9, 1, ARRAY[leg(30, 2, 1)], '{30, 2}', '{-1, 1}', '{10, 7}');
SELECT transfer(10, 1, ARRAY[leg(30, 1, 1)], '{30, 1}', '{-1, 1}', '{11, 7}');
SELECT transfer(11, 1, ARRAY[leg(1, 2, 1)], '{1, 2}', '{-1, 1}', '{8, 8}');
UPDATE lane_publish SET published_seq = CASE lane WHEN 0 THEN 11 WHEN 1 THEN 7 WHEN 2 THEN 7 ELSE 3 END WHERE lane < 4;
)sql";

class VerifyTransfers : public VerifyTest {
protected:
    static void SetUpTestSuite() { set_up(kTransfers); }

    // Everything happened long ago.
    static constexpr const char* kLongAgo =
        "UPDATE decisions SET processed_at = now() - interval '50 seconds'; "
        "UPDATE accepted SET created_at = now() - interval '60 seconds'; "
        "UPDATE places SET created_at = now() - interval '60 seconds'; ";
    const VerifySettings at_once_{.second_look = milliseconds(1), .on_progress = {}};
};

TEST_F(VerifyTransfers, FindsNothingWrongWithARightLedger) {
    for (const std::int64_t seqs : {1, 2, 3, 10'000}) {
        const VerifyReport found = report({.stretch_seqs = seqs, .on_progress = {}});
        EXPECT_TRUE(found.ok()) << text_of(found);
        const auto examined = [&](Check check) { return found.finding(check).examined; };
        EXPECT_EQ(examined(Check::dense), 30);
        EXPECT_EQ(examined(Check::settled), 24);
        EXPECT_EQ(examined(Check::whole), 13) << "eleven transfers, two of them again";
        EXPECT_EQ(examined(Check::balances), 7);
    }
}

// Each lane is read in statements of its own: a transaction may be decided between those of two of its lanes.
TEST_F(VerifyTransfers, FindsNothingWrongWithATransferThatIsDecidedMeanwhile) {
    const test::TestDatabase database;
    database.run(kWrite);
    database.run(kTransfers);
    db::Connection connection = database.connect();
    int lanes_read = 0;
    const auto found = verify(connection, {.on_progress = [&](std::int64_t, std::int64_t) {
                                  if (++lanes_read == 1) database.run("SELECT decide_all(9, '{30, 2}', '{699, 101}')");
                                  if (lanes_read == 3) database.run("SELECT decide_all(10, '{30, 1}', '{698, 271}')");
                              }});
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_TRUE(found->ok()) << text_of(*found);
    EXPECT_GE(lanes_read, 3);
}

TEST_F(VerifyTransfers, NamesTheLaneThatALaneWaitsFor) {
    damage(kLongAgo);
    const VerifyReport found = report(at_once_);
    EXPECT_EQ(broken(found), std::set{Check::halts});
    const std::string text = text_of(found);
    EXPECT_THAT(text, testing::HasSubstr("lane 0 seq 10 : published but not applied; the lane has not moved for 5"));
    EXPECT_THAT(text,
                testing::HasSubstr(
                    "lane 1 seq 7 : published but not applied; the lane waits for lane 0 and has not moved for 5"));
    EXPECT_THAT(text, testing::HasSubstr("lane 2 seq 7 : published but not applied; the lane has not moved for 5"));
}

TEST_F(VerifyTransfers, NamesTheLaneAtTheEndOfTheQueue) {
    damage(std::string(kLongAgo) +
           "DELETE FROM accepted WHERE id = id(1009); DELETE FROM places WHERE transaction_id = id(1009); "
           "UPDATE places SET seq = 7 WHERE transaction_id = id(1011)");
    EXPECT_THAT(text_of(report(at_once_)),
                testing::HasSubstr(
                    "lane 2 seq 7 : published but not applied; the lane waits for lane 0 and has not moved for 5"));
}

class VerifyTransferDamage : public VerifyTransfers, public testing::WithParamInterface<Damage> {};

TEST_P(VerifyTransferDamage, IsNamed) {
    damage(GetParam().sql);
    const VerifyReport found = report();
    EXPECT_EQ(broken(found), GetParam().broken) << text_of(found);
    EXPECT_THAT(text_of(found), testing::HasSubstr(id(GetParam().id) + ": " + GetParam().detail));
}

using enum Check;
const Damage kDamages[] = {
    {"AmountChanged",
     "UPDATE accepted SET amount_cents = 451 WHERE id = id(1002)",
     {identity},
     "the legs move 450, but the transaction is of 451",
     1002},
    {"NetOfThePlaceChanged",
     "UPDATE places SET net_cents = 251 WHERE lane = 1 AND seq = 1; "
     "UPDATE decisions SET amount_cents = 251, balance_after_cents = 251 WHERE lane = 1 AND seq = 1; "
     "UPDATE decisions SET balance_after_cents = balance_after_cents + 1 WHERE lane = 1 AND seq > 1",
     {identity},
     "the place of account 00000000-0000-7000-8000-000000000001 does not move what the legs make",
     1002},
    {"NetOfTheFirstPlaceChanged",
     "UPDATE accepted SET net_cents = -2 WHERE id = id(1010)",
     {identity},
     "the place of account 00000000-0000-7000-8000-000000000030 does not move what the legs make",
     1010},
    {"PlaceOfAnAccountThatNoLegNames",
     "UPDATE places SET account_id = id(32) WHERE transaction_id = id(1011)",
     {identity},
     "the place of account 00000000-0000-7000-8000-000000000032 does not move what the legs make",
     1011},
    {"LegsThatAreNoArray",
     "UPDATE accepted SET legs = '{}' WHERE id = id(1002)",
     {identity, whole},
     "its legs are not those of a transaction",
     1002},
    {"LegWithoutANumber",
     R"(UPDATE accepted SET legs = jsonb_set(legs, '{0,amount_cents}', '"much"') WHERE id = id(1002))",
     {identity},
     "its legs are not those of a transaction",
     1002},
    {"LegOfNothing",
     "UPDATE accepted SET legs = legs || leg(30, 1, 0) WHERE id = id(1002)",
     {identity},
     "its legs are not those of a transaction",
     1002},
    {"LegToItself",
     "UPDATE accepted SET legs = legs || leg(30, 30, 1), amount_cents = 451 WHERE id = id(1002)",
     {identity},
     "its legs are not those of a transaction",
     1002},
    {"FirstAccountIsAnother",
     "UPDATE accepted SET legs = jsonb_build_array(legs->1, legs->0, legs->2) WHERE id = id(1002)",
     {identity},
     "the first place is not that of the account that the legs name first",
     1002},
    {"PlaceLost",
     "DELETE FROM places WHERE transaction_id = id(1011)",
     {whole},
     "the transaction touches 2 accounts, but the event names 2 places and has 1",
     1011},
    {"PlaceTwice",
     "DROP INDEX places_once; INSERT INTO places SELECT lane, 9, account_id, net_cents, transaction_id, event_id, "
     "places, dead_letter_id, verdict, traceparent, created_at FROM places WHERE transaction_id = id(1011)",
     {whole},
     "the transaction touches 2 accounts, but the event names 2 places and has 3",
     1011},
    {"PlaceTwiceInsteadOfTheOther",
     "UPDATE places SET account_id = id(1), lane = 1, seq = 9, net_cents = -1 WHERE transaction_id = id(1011)",
     {whole},
     "the transaction touches 2 accounts, but the event names 2 places and has 2",
     1011},
    {"CountOfTheFirstPlaceChanged",
     "UPDATE accepted SET places = 3 WHERE id = id(1011); UPDATE places SET places = 3 WHERE transaction_id = id(1011)",
     {whole},
     "the transaction touches 2 accounts, but the event names 3 places and has 2",
     1011},
    {"CountOfAPlaceChanged",
     "UPDATE places SET places = 3 WHERE transaction_id = id(1011)",
     {whole},
     "3 places are named here, 2 at the first account's place, lane 1 seq 8",
     1011},
    {"EventOfAPlaceChanged",
     "UPDATE places SET event_id = id(99) WHERE transaction_id = id(1011)",
     {whole},
     "another event is at the first account's place, lane 1 seq 8",
     1011},
    {"FurtherPlaceOfACredit",
     "INSERT INTO places VALUES (2, 9, id(2), 1000, id(1001), id(2001), 1, NULL, NULL, NULL, now())",
     {whole},
     "a CREDIT has no further places",
     1001},
    {"DecidedOnlyAtTheFirstPlace",
     "SELECT decide_all(9, '{30}', '{699}')",
     {whole},
     "undecided here, but POSTED at the first account's place, lane 0 seq 10",
     1009},
    {"DecidedOnlyAtTheOtherPlace",
     "SELECT decide_all(9, '{2}', '{101}')",
     {whole},
     "POSTED here, but undecided at the first account's place, lane 0 seq 10",
     1009},
    {"DecidedInTwoWays",
     "UPDATE decisions SET kind = 'POSTED', failure_code = NULL, balance_after_cents = 1100 WHERE lane = 2 AND seq = "
     "2; "
     "UPDATE decisions SET balance_after_cents = balance_after_cents + 1000 WHERE lane = 2 AND seq > 2",
     {whole, refusals},
     "POSTED here, but REFUSED at the first account's place, lane 1 seq 2",
     1003},
    {"RefusedForTwoReasons",
     "UPDATE decisions SET failure_code = 'account_suspended' WHERE lane = 2 AND seq = 2",
     {whole},
     "REFUSED here, but for another reason, with another letter or at another time at the first account's place",
     1003},
    {"DecidedAtTwoTimes",
     "UPDATE decisions SET processed_at = processed_at + interval '1 second' WHERE lane = 2 AND seq = 1",
     {whole},
     "POSTED here, but for another reason, with another letter or at another time at the first account's place",
     1002},
    {"ParkedWithTwoLetters",
     "UPDATE decisions SET dead_letter_id = id(3006) WHERE lane = 0 AND seq = 9",
     {whole, identity, settled},
     "PARKED here, but for another reason, with another letter or at another time at the first account's place",
     1008},
    {"RefusedThoughEveryAccountHasEnough",
     "UPDATE decisions SET floor_cents = -1000 WHERE transaction_id = id(1003)",
     {refusals, Check::settings},
     "refused for 'insufficient_balance', but none of its 2 accounts justifies that",
     1003},
    {"RefusedForOverflowWithoutOne",
     "UPDATE decisions SET failure_code = 'balance_overflow' WHERE transaction_id = id(1005)",
     {refusals},
     "refused for 'balance_overflow', but none of its 3 accounts justifies that",
     1005},
    {"RefusedForACurrencyThatAllHave",
     "UPDATE decisions SET failure_code = 'currency_mismatch' WHERE transaction_id = id(1005)",
     {refusals},
     "refused for 'currency_mismatch', but none of its 3 accounts justifies that",
     1005},
    {"RefusedForASuspensionThatNeverWas",
     "UPDATE decisions SET failure_code = 'account_suspended' WHERE transaction_id = id(1003)",
     {refusals},
     "refused for 'account_suspended', but none of its 2 accounts justifies that",
     1003},
    {"RefusedForACloseThatNeverWas",
     "UPDATE decisions SET failure_code = 'account_closed' WHERE transaction_id = id(1003)",
     {refusals},
     "refused for 'account_closed', but none of its 2 accounts justifies that",
     1003},
    {"RefusedForACeilingThatNeverWas",
     "UPDATE decisions SET failure_code = 'balance_limit_exceeded' WHERE transaction_id = id(1003)",
     {refusals},
     "refused for 'balance_limit_exceeded', but none of its 2 accounts justifies that",
     1003},
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
    {"BalanceAfterARefusalChanged",
     "UPDATE decisions SET balance_after_cents = 99 WHERE lane = 2 AND seq = 2",
     {entries},
     "balance_after is 99, but the entries make 100",
     1003},
    {"PostedInAnotherCurrency",
     "UPDATE account_settings SET currency = 'USD' WHERE id = id(33)",
     {entries},
     "an amount in CZK was posted to an account in another currency",
     1012},
    {"LetterNamesAPlaceThatIsNotTheFirst",
     "UPDATE dead_letters SET lane = 0, seq = 9 WHERE id = id(3008)",
     {identity},
     "the dead letter names lane 0 seq 9, another place",
     3008},
    {"PlaceOfAReplayLost",
     "DELETE FROM places WHERE lane = 1 AND seq = 4",
     {dense, outcomes, settled, whole},
     "the transaction touches 2 accounts, but the event names 2 places and has 1",
     1006},
    {"FirstPlaceOfAReplayLost",
     "DELETE FROM places WHERE lane = 0 AND seq = 8",
     {dense, outcomes, settled, whole},
     "the event has no place for the transaction's first account",
     1006},
};
INSTANTIATE_TEST_SUITE_P(EachWay, VerifyTransferDamage, testing::ValuesIn(kDamages),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace ledgerline::audit
