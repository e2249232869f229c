// verify on reversals and followers: a right ledger has no finding, and every way to break a link has its own.
#include "integration/verify_lab.h"

namespace ledgerline::audit {
namespace {

// Account 30 lives in lane 0, 1 in lane 1. 3 and 4 reverse parts of 2, 5 would reverse too much, 6 reverses the
// credit 1. 8 follows 7, which was refused; 10 follows 9, which was posted, and has a place at 30 for the order alone.
constexpr const char* kLinks = R"sql(
CREATE FUNCTION reversal(n integer, of integer, amount bigint, accounts integer[], nets bigint[], seqs bigint[],
                         reversed bigint DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO accepted (id, account_id, amount_cents, net_cents, places, schema_version, currency, type,
                          idempotency_key, lane, seq, event_id, created_at, legs, parent_id)
    SELECT id(1000 + n), id(accounts[1]), amount, nets[1], cardinality(accounts), 4, 'EUR', 'REVERSAL', 'key ' || n,
           lane_of(id(accounts[1])), seqs[1], id(2000 + n), now(),
           jsonb_build_array(CASE WHEN cardinality(accounts) = 2 THEN leg(accounts[1], accounts[2], amount)
                                  ELSE leg(accounts[1], NULL, amount) || '{"to_external": true}' END), id(1000 + of);
    INSERT INTO places (lane, seq, account_id, net_cents, transaction_id, event_id, places, created_at)
    SELECT lane_of(id(accounts[i])), seqs[i], id(accounts[i]), nets[i], id(1000 + n), id(2000 + n),
           cardinality(accounts), now()
    FROM generate_series(2, cardinality(accounts)) i;
    INSERT INTO reversal_steps (reversed_id, seq, transaction_id, amount_cents, reversed_after_cents)
    SELECT id(1000 + of), seqs[1], id(1000 + n), amount_cents, reversed
    FROM accepted WHERE id = id(1000 + of) AND reversed IS NOT NULL $$;
CREATE FUNCTION follower(n integer, previous integer, account integer, at_seq bigint, amount bigint,
                         anchor integer DEFAULT NULL, anchor_seq bigint DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO accepted (id, account_id, amount_cents, net_cents, places, schema_version, currency, type,
                          idempotency_key, lane, seq, event_id, created_at, previous_id)
    VALUES (id(1000 + n), id(account), amount, amount, CASE WHEN anchor IS NULL THEN 1 ELSE 2 END, 4, 'EUR', 'CREDIT',
            'key ' || n, lane_of(id(account)), at_seq, id(2000 + n), now(), id(1000 + previous));
    INSERT INTO places (lane, seq, account_id, net_cents, transaction_id, event_id, places, created_at)
    SELECT lane_of(id(anchor)), anchor_seq, id(anchor), 0, id(1000 + n), id(2000 + n), 2, now()
    WHERE anchor IS NOT NULL $$;

INSERT INTO account_settings (id, currency, lane, created_at, updated_at)
SELECT id(n), 'EUR', lane_of(id(n)), now(), now() FROM unnest('{30, 1}'::integer[]) n;
SELECT accept(1, 30, 0, 1, 'CREDIT', 1000), decide(1, 1000);
SELECT transfer(2, 300, ARRAY[leg(30, 1, 300)], '{30, 1}', '{-300, 300}', '{2, 1}'),
       decide_all(2, '{30, 1}', '{700, 300}');
SELECT reversal(3, 2, 100, '{1, 30}', '{-100, 100}', '{2, 3}', 100), decide_all(3, '{1, 30}', '{200, 800}');
SELECT reversal(4, 2, 50, '{1, 30}', '{-50, 50}', '{3, 4}', 150), decide_all(4, '{1, 30}', '{150, 850}');
SELECT reversal(5, 2, 151, '{1, 30}', '{-151, 151}', '{4, 5}'),
       decide_all(5, '{1, 30}', '{150, 850}', 'reversal_exceeds_transaction');
SELECT reversal(6, 1, 850, '{30}', '{-850}', '{6}', 850), decide_all(6, '{30}', '{0}');
SELECT accept(7, 30, 0, 7, 'DEBIT', 1), decide(7, 0, 'insufficient_balance');
SELECT follower(8, 7, 30, 8, 5), decide(8, 0, 'previous_failed');
SELECT accept(9, 30, 0, 9, 'CREDIT', 20), decide(9, 20);
SELECT follower(10, 9, 1, 5, 7, 30, 10), decide_all(10, '{1, 30}', '{157, 20}');
UPDATE lane_publish SET published_seq = CASE lane WHEN 0 THEN 10 ELSE 5 END WHERE lane < 2;
)sql";

class VerifyLinks : public VerifyTest {
protected:
    static void SetUpTestSuite() { set_up(kLinks); }
};

TEST_F(VerifyLinks, FindsNothingWrongWithARightLedger) {
    for (const std::int64_t seqs : {1, 3, 10'000}) {
        const VerifyReport found = report({.stretch_seqs = seqs, .on_progress = {}});
        EXPECT_TRUE(found.ok()) << text_of(found);
        EXPECT_EQ(found.finding(Check::links).examined, 6);
    }
}

class VerifyLinkDamage : public VerifyLinks, public testing::WithParamInterface<Damage> {};

TEST_P(VerifyLinkDamage, IsNamed) {
    damage(GetParam().sql);
    const VerifyReport found = report();
    const std::string text = text_of(found);
    EXPECT_EQ(broken(found), GetParam().broken) << text;
    EXPECT_THAT(text, testing::HasSubstr(id(GetParam().id) + ": " + GetParam().detail));
}

using enum Check;
const Damage kDamages[] = {
    {"BelongsToAnotherTenant",
     "UPDATE accepted SET tenant = 7 WHERE id = id(1003)",
     {links},
     "its tenant is not that of its account",
     1003},
    {"HasAPlaceOfAnotherTenant",
     "UPDATE places SET tenant = 7 WHERE transaction_id = id(1003)",
     {links},
     "its place is not of the tenant of its account",
     1003},
    {"ReversesAReversal",
     "UPDATE accepted SET parent_id = id(1003) WHERE id = id(1005)",
     {links},
     "it reverses nothing that can be reversed",
     1005},
    {"PaysSomebodyElse",
     "UPDATE accepted SET legs = '[{\"from_account_id\": \"00000000-0000-7000-8000-000000000001\", \"amount_cents\": "
     "151, "
     "\"currency\": \"EUR\", \"to_external\": true}]', places = 1 WHERE id = id(1005); "
     "DELETE FROM places WHERE transaction_id = id(1005); DELETE FROM decisions WHERE transaction_id = id(1005) "
     "AND lane = 0; UPDATE accepted SET seq = seq - 1 WHERE lane = 0 AND seq > 5; "
     "UPDATE places SET seq = seq - 1 WHERE lane = 0 AND seq > 5; "
     "UPDATE decisions SET seq = seq - 1 WHERE lane = 0 AND seq > 5; "
     "UPDATE reversal_steps SET seq = 5 WHERE seq = 6; UPDATE lane_publish SET published_seq = 9 WHERE lane = 0",
     {links},
     "its legs are not those of what it reverses, turned round",
     1005},
    {"StepLost",
     "DELETE FROM reversal_steps WHERE transaction_id = id(1004)",
     {links},
     "its step is not where it was posted",
     1004},
    {"StepOfTooMuch",
     "UPDATE reversal_steps SET reversed_after_cents = 151 WHERE transaction_id = id(1004)",
     {links},
     "its step reverses another amount",
     1004},
    {"StepOfARefusedReversal",
     "INSERT INTO reversal_steps VALUES (id(1002), 4, id(1005), 300, 300)",
     {links},
     "its step is not where it was posted",
     1005},
    {"StepOfNoReversal",
     "INSERT INTO reversal_steps VALUES (id(1002), 9, id(1009), 300, 300)",
     {links},
     "the step is of no reversal",
     1009},
    {"FollowerPostedAlone",
     "UPDATE accepted SET previous_id = id(1007) WHERE id = id(1010)",
     {links},
     "it was posted, but what it follows was not",
     1010},
    {"FollowerRefusedForNoReason",
     "UPDATE accepted SET previous_id = id(1001) WHERE id = id(1008)",
     {links},
     "it was refused, but what it follows was posted",
     1008},
    {"FollowsNothing",
     "UPDATE accepted SET previous_id = id(1099) WHERE id = id(1008)",
     {links},
     "it follows no transaction",
     1008},
    {"FollowersOrderLost",
     "DELETE FROM places WHERE transaction_id = id(1010); DELETE FROM decisions WHERE lane = 0 AND seq = 10; "
     "UPDATE lane_publish SET published_seq = 9 WHERE lane = 0",
     {whole},
     "the transaction touches 1 accounts, but the event names 2 places and has 1",
     1010},
    {"FollowersPlaceMovesMoney",
     "UPDATE places SET net_cents = 1 WHERE transaction_id = id(1010); UPDATE decisions SET amount_cents = 1, "
     "balance_after_cents = 21 WHERE lane = 0 AND seq = 10",
     {identity},
     "the place of account 00000000-0000-7000-8000-000000000030 does not move what the legs make",
     1010},
    {"ReversalMovesAnotherAmount",
     "UPDATE accepted SET amount_cents = 99 WHERE id = id(1003)",
     {identity, links},
     "the legs move 100, but the transaction is of 99",
     1003},
};
INSTANTIATE_TEST_SUITE_P(EachWay, VerifyLinkDamage, testing::ValuesIn(kDamages),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace ledgerline::audit
