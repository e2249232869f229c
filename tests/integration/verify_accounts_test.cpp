// verify on accounts whose settings change: it explains each decision by the changes before it.
#include "integration/verify_lab.h"

namespace ledgerline::audit {
namespace {

// Account 2 lives in lane 2 and ends closed, account 1 in lane 1.
constexpr const char* kAccounts = R"sql(
INSERT INTO account_settings (id, currency, max_balance_cents, lane, created_at, updated_at)
VALUES (id(2), 'EUR', 100, 2, now(), now()), (id(1), 'EUR', NULL, 1, now(), now());

SELECT accept(31, 2, 2, 1, 'CREDIT', 60), decide(31, 60);
SELECT accept(32, 2, 2, 2, 'CREDIT', 50), decide(32, 60, 'balance_limit_exceeded');
SELECT change(2, '{"max_balance_cents": null}');
SELECT accept(33, 2, 2, 3, 'CREDIT', 50), decide(33, 110);
SELECT change(2, '{"min_balance_cents": 120, "max_balance_cents": 200}');
SELECT accept(34, 2, 2, 4, 'DEBIT', 1), decide(34, 110, 'insufficient_balance');
SELECT change(2, '{"min_balance_cents": 0}');
SELECT accept(35, 2, 2, 5, 'DEBIT', 110), decide(35, 0);
SELECT change(2, '{"status": "CLOSED"}');
SELECT accept(36, 2, 2, 6, 'CREDIT', 1), decide(36, 0, 'account_closed');

SELECT accept(41, 1, 1, 1, 'CREDIT', 5), decide(41, 5);
SELECT change(1, '{"status": "SUSPENDED"}');
SELECT accept(42, 1, 1, 2, 'DEBIT', 5), decide(42, 5, 'account_suspended');
SELECT change(1, '{"status": "ACTIVE"}');
SELECT accept(43, 1, 1, 3, 'DEBIT', 5), decide(43, 0);
UPDATE lane_publish SET published_seq = CASE lane WHEN 1 THEN 3 ELSE 6 END WHERE lane IN (1, 2);
)sql";

class VerifyAccounts : public VerifyTest {
protected:
    static void SetUpTestSuite() { set_up(kAccounts); }
};

TEST_F(VerifyAccounts, FindsNothingWrongWithARightLedgerWhateverTheStretch) {
    for (const std::int64_t seqs : {1, 2, 4, 10'000}) {
        const VerifyReport found = report({.stretch_seqs = seqs, .on_progress = {}});
        EXPECT_TRUE(found.ok()) << seqs << '\n' << text_of(found);
        EXPECT_EQ(found.finding(Check::settings).examined, 9);
    }
}

// A change that is made between two statements says what the first one did not know.
TEST_F(VerifyAccounts, FindsNothingWrongWithAChangeThatIsMadeMeanwhile) {
    const test::TestDatabase database;
    database.run(kWrite);
    database.run(kAccounts);
    db::Connection connection = database.connect();
    bool changed = false;
    const auto found =
        verify(connection, {.stretch_seqs = 1, .on_progress = [&](std::int64_t, std::int64_t) {
                                if (std::exchange(changed, true)) return;
                                database.run(R"(SELECT change(1, '{"status": "SUSPENDED", "min_balance_cents": 9}'))");
                            }});
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_TRUE(found->ok()) << text_of(*found);
}

class VerifyAccountDamage : public VerifyAccounts, public testing::WithParamInterface<Damage> {};

TEST_P(VerifyAccountDamage, IsNamed) {
    damage(GetParam().sql);
    const VerifyReport found = report();
    EXPECT_EQ(broken(found), GetParam().broken) << text_of(found);
    EXPECT_THAT(text_of(found),
                testing::HasSubstr((GetParam().id == 0 ? "" : id(GetParam().id)) + ": " + GetParam().detail));
}

using enum Check;
const Damage kDamages[] = {
    {"SuspensionForgotten",
     "DELETE FROM account_changes WHERE account_id = id(1)",
     {refusals},
     "refused for 'account_suspended', but the account was ACTIVE",
     1042},
    {"RefusedForACloseThatCameLater",
     "UPDATE decisions SET failure_code = 'account_closed' WHERE transaction_id = id(1034)",
     {refusals},
     "refused for 'account_closed', but the account was ACTIVE",
     1034},
    {"CeilingOfARefusalLost",
     "UPDATE decisions SET ceiling_cents = NULL WHERE transaction_id = id(1032)",
     {Check::settings, refusals},
     "refused for the account's ceiling, but the balance would have been 110",
     1032},
    {"CeilingOfAnEntryChanged",
     "UPDATE decisions SET ceiling_cents = 99 WHERE transaction_id = id(1031)",
     {Check::settings},
     "decided with the ceiling 99, but the account's was 100",
     1031},
    {"FloorOfAnEntryChanged",
     "UPDATE decisions SET floor_cents = -7 WHERE transaction_id = id(1035)",
     {Check::settings},
     "decided with the floor -7, but the account's was 0",
     1035},
    {"PostedAboveTheCeiling",
     R"(UPDATE account_changes SET before = '{"max_balance_cents": 50}' WHERE account_id = id(2) AND number = 1)",
     {Check::settings, Check::floor},
     "the balance rose to 60, above the ceiling 50",
     1031},
    {"PostedBelowTheFloor",
     "UPDATE account_changes SET applied_seq = 5, nth = 100 + nth WHERE account_id = id(2) AND number = 3",
     {Check::settings, Check::floor},
     "the balance fell to 0, below the floor 120",
     1035},
    {"PostedThoughSuspended",
     "UPDATE account_changes SET applied_seq = 3, nth = 100 + nth WHERE account_id = id(1) AND number = 2",
     {Check::settings},
     "posted to an account that was SUSPENDED",
     1043},
    {"PostedThoughClosed",
     "UPDATE account_changes SET applied_seq = 4, nth = 100 + nth WHERE account_id = id(2) AND number = 4",
     {Check::settings},
     "posted to an account that was CLOSED",
     1035},
    {"ChangeLost",
     "DELETE FROM account_changes WHERE account_id = id(2) AND number = 3",
     {Check::settings},
     "the change before number 4 is missing",
     2},
    {"ChangeRewritten",
     R"(UPDATE account_changes SET after = '{"min_balance_cents": 7}' WHERE account_id = id(2) AND number = 3)",
     {Check::settings},
     "change 3 left min_balance_cents at 7, but then it was 0",
     2},
    {"ChangesOutOfOrder",
     "UPDATE account_changes SET applied_seq = 1, nth = 100 + nth WHERE account_id = id(2) AND number = 2",
     {Check::settings},
     "change 2 took effect before the one before it",
     2},
    {"ChangeInAnotherLane",
     "UPDATE account_changes SET lane = 7 WHERE account_id = id(1) AND number = 1",
     {Check::settings},
     "the change names another lane than its account",
     1},
    {"ChangeOfNoAccount",
     "UPDATE account_changes SET account_id = id(77), number = 1 WHERE account_id = id(2) AND number = 4",
     {Check::settings},
     "the change is of no account",
     77},
    {"BeganSuspended",
     R"(UPDATE account_changes SET before = '{"status": "SUSPENDED"}' WHERE account_id = id(1) AND number = 1)",
     {Check::settings},
     "the account began as SUSPENDED",
     1},
    {"FloorChangedByNobody",
     "UPDATE account_settings SET min_balance_cents = -7 WHERE id = id(2)",
     {Check::settings},
     "change 3 left min_balance_cents at 0, but then it was -7",
     2},
    {"MetadataChangedByNobody",
     R"(INSERT INTO account_changes VALUES (id(1), 3, 1, 3, '{"metadata": null}', '{"metadata": {"a": 1}}', now(), 'r', 'me', NULL, NULL, NULL, 100))",
     {Check::settings},
     R"(change 3 left metadata at {"a": 1}, but then it was null)",
     1},
    {"SuspendedByNobody",
     "DELETE FROM account_changes WHERE account_id = id(1); "
     "UPDATE account_settings SET status = 'SUSPENDED' WHERE id = id(1)",
     {Check::settings},
     "the account is SUSPENDED, but no change says so",
     1},
    {"ReopenedByHand",
     R"(INSERT INTO account_changes VALUES (id(2), 5, 2, 6, '{"status": "CLOSED"}', '{"status": "ACTIVE"}', now(), 'r', 'me', NULL, NULL, NULL, 100); )"
     "UPDATE account_settings SET status = 'ACTIVE' WHERE id = id(2)",
     {Check::settings},
     "a closed account was changed",
     2},
    {"ClosedWithMoneyInIt",
     "UPDATE decisions SET balance_after_cents = 3 WHERE transaction_id = id(1036)",
     {Check::settings, entries, balances},
     "the account is closed with a balance of 3 and holds 0",
     2},
};
INSTANTIATE_TEST_SUITE_P(EachWay, VerifyAccountDamage, testing::ValuesIn(kDamages),
                         [](const auto& info) { return std::string(info.param.name); });

// The rows of a transfer that some account of it refuses: what explains it stands in that account's lane.
constexpr const char* kRefused = R"sql(
INSERT INTO account_settings (id, currency, lane, created_at, updated_at)
VALUES (id(2), 'EUR', 2, now(), now()), (id(1), 'EUR', 1, now(), now());
SELECT accept(1, 1, 1, 1, 'CREDIT', 100), decide(1, 100);
SELECT {change};
INSERT INTO accepted (id, account_id, amount_cents, net_cents, places, schema_version, currency, type, idempotency_key, lane,
                      seq, event_id, created_at, legs)
VALUES (id(1002), id(1), 30, -30, 2, 2, 'EUR', 'TRANSFER', 'key 2', 1, 2, id(2002), now(), jsonb_build_array(
        jsonb_build_object('from_account_id', id(1), 'to_account_id', id(2), 'amount_cents', 30, 'currency', 'EUR')));
INSERT INTO places (lane, seq, account_id, net_cents, transaction_id, event_id, places, created_at)
VALUES (2, 1, id(2), 30, id(1002), id(2002), 2, now());
INSERT INTO decisions (lane, seq, transaction_id, account_id, amount_cents, balance_after_cents, floor_cents, ceiling_cents,
                       processed_at, kind, failure_code)
SELECT p.lane, p.seq, p.transaction_id, a.id, p.net_cents, CASE a.id WHEN id(1) THEN 100 ELSE 0 END, a.min_balance_cents,
       a.max_balance_cents, now(), 'REFUSED', '{code}'
FROM lane_places p JOIN account_settings a ON a.id = p.account_id WHERE p.transaction_id = id(1002);
SELECT change(2, '{"status": "ACTIVE", "max_balance_cents": null}') WHERE '{code}' <> 'account_closed';
UPDATE lane_publish SET published_seq = CASE lane WHEN 1 THEN 2 ELSE 1 END WHERE lane IN (1, 2);
)sql";

TEST(VerifyRefusedTransfers, AreExplainedByWhatWasThenTheCase) {
    const std::pair<const char*, const char*> reasons[] = {
        {"account_suspended", R"(change(2, '{"status": "SUSPENDED"}'))"},
        {"account_closed", R"(change(2, '{"status": "CLOSED"}'))"},
        {"balance_limit_exceeded", R"(change(2, '{"max_balance_cents": 29}'))"},
    };
    for (const auto& [code, change] : reasons) {
        const test::TestDatabase database;
        database.run(kWrite);
        std::string scene = kRefused;
        const auto replace = [&](const std::string& what, const std::string& by) {
            for (std::size_t at = 0; (at = scene.find(what, at)) != std::string::npos; at += by.size())
                scene.replace(at, what.size(), by);
        };
        replace("{change}", change);
        replace("{code}", code);
        database.run(scene);
        db::Connection connection = database.connect();
        const auto found = verify(connection, {});
        ASSERT_TRUE(found) << found.error().message;
        EXPECT_TRUE(found->ok()) << code << '\n' << text_of(*found);
    }
}

}  // namespace
}  // namespace ledgerline::audit
