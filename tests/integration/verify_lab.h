// What the tests of verify share: functions in SQL that write a ledger's rows by hand, and what reads the report.
//
// Transaction n has the id 1000 + n, its event 2000 + n, its dead letter 3000 + n, the letter's event 2900 + n.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "audit/verify.h"
#include "lab/test_database.h"

namespace ledgerline::audit {

inline constexpr const char* kWrite = R"sql(
CREATE FUNCTION id(n integer) RETURNS uuid LANGUAGE sql
    AS $$ SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid $$;

-- Ahead of the clock: a lane that waits here does not count as still, however long the tests take.
CREATE FUNCTION soon() RETURNS timestamptz LANGUAGE sql AS $$ SELECT now() + interval '1 hour' $$;

CREATE FUNCTION accept(n integer, account integer, in_lane integer, at_seq bigint, of_type text, amount bigint,
                       in_currency text DEFAULT 'EUR') RETURNS void LANGUAGE sql AS $$
    INSERT INTO accepted (id, account_id, amount_cents, net_cents, places, schema_version, currency, type,
                          idempotency_key, lane, seq, event_id, created_at)
    VALUES (id(1000 + n), id(account), amount, CASE of_type WHEN 'DEBIT' THEN -amount ELSE amount END, 1, 1,
            in_currency, of_type, 'key ' || n, in_lane, at_seq, id(2000 + n), soon()) $$;

-- At the last place that the transaction has so far.
CREATE FUNCTION decide(n integer, balance_after bigint, code text DEFAULT NULL, letter uuid DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO decisions (lane, seq, transaction_id, account_id, amount_cents, balance_after_cents, floor_cents,
                           ceiling_cents, processed_at, kind, failure_code, dead_letter_id)
    SELECT p.lane, p.seq, p.transaction_id, p.account_id, p.net_cents, balance_after, a.min_balance_cents,
           a.max_balance_cents, now(),
           CASE WHEN letter IS NOT NULL THEN 'PARKED' WHEN code IS NOT NULL THEN 'REFUSED' ELSE 'POSTED' END, code,
           letter
    FROM lane_places p JOIN account_settings a ON a.id = p.account_id
    WHERE p.transaction_id = id(1000 + n) ORDER BY p.seq DESC LIMIT 1 $$;

CREATE FUNCTION letter(n integer, in_state text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO dead_letters (id, event_id, transaction_id, account_id, lane, seq, topic, partition, "offset", payload,
                              payload_encoding, value_sha256, error_class, error_code, error_message, attempts,
                              first_failed_at, last_failed_at, state, decided_at)
    SELECT id(3000 + n), event_id, id, account_id, lane, seq, 'transactions', lane, n, '{}', 'utf8', ''::bytea,
           'permanent', '22003', 'by hand', 1, now(), now(), in_state, CASE WHEN in_state <> 'PARKED' THEN now() END
    FROM accepted WHERE id = id(1000 + n) $$;

-- Of what is decided so far.
CREATE FUNCTION change(account integer, wanted jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    known jsonb := (SELECT to_jsonb(a) FROM account_settings a WHERE a.id = id(account));
BEGIN
    INSERT INTO account_changes (account_id, number, lane, applied_seq, before, after, changed_at, changed_by, request_id)
    SELECT c.id, 1 + (SELECT count(*) FROM account_changes WHERE account_id = c.id), c.lane,
           coalesce((SELECT max(seq) FROM decisions WHERE lane = c.lane), 0),
           (SELECT jsonb_object_agg(key, known->key) FROM jsonb_object_keys(wanted) key), wanted, now(), 'by hand', 'r'
    FROM account_settings c WHERE c.id = id(account);
    known := known || wanted;
    UPDATE account_settings a
    SET status = known->>'status', min_balance_cents = (known->>'min_balance_cents')::bigint,
        max_balance_cents = (known->>'max_balance_cents')::bigint
    WHERE a.id = id(account);
END $$;

CREATE FUNCTION place_again(n integer, at_seq bigint, of_verdict text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO places (lane, seq, account_id, net_cents, transaction_id, event_id, places, dead_letter_id, verdict,
                        created_at)
    SELECT lane, at_seq, account_id, net_cents, id, id(2900 + n), 1, id(3000 + n), of_verdict, soon()
    FROM accepted WHERE id = id(1000 + n) $$;

-- Transfers. The seqs are those of the accounts' places in their lanes.
CREATE FUNCTION leg(source integer, target integer, amount bigint, currency text DEFAULT 'EUR') RETURNS jsonb
LANGUAGE sql AS $$ SELECT jsonb_strip_nulls(jsonb_build_object('from_account_id', id(source),
                                          'to_account_id', id(target), 'amount_cents', amount,
                                                      'currency', currency)) $$;

CREATE FUNCTION transfer(n integer, amount bigint, legs jsonb[], accounts integer[], nets bigint[], seqs bigint[])
RETURNS void LANGUAGE sql AS $$
    INSERT INTO accepted (id, account_id, amount_cents, net_cents, places, schema_version, currency, type,
                          idempotency_key, lane, seq, event_id, created_at, legs)
    VALUES (id(1000 + n), id(accounts[1]), amount, nets[1], cardinality(accounts), 2, legs[1]->>'currency', 'TRANSFER',
            'key ' || n, lane_of(id(accounts[1])), seqs[1], id(2000 + n), soon(), to_jsonb(legs));
    INSERT INTO places (lane, seq, account_id, net_cents, transaction_id, event_id, places, created_at)
    SELECT lane_of(id(accounts[i])), seqs[i], id(accounts[i]), nets[i], id(1000 + n), id(2000 + n),
           cardinality(accounts), soon()
    FROM generate_series(2, cardinality(accounts)) i $$;

CREATE FUNCTION transfer_again(n integer, accounts integer[], seqs bigint[], of_verdict text) RETURNS void LANGUAGE sql
AS $$
    INSERT INTO places (lane, seq, account_id, net_cents, transaction_id, event_id, places, dead_letter_id, verdict,
                        created_at)
    SELECT p.lane, u.seq, p.account_id, p.net_cents, p.transaction_id, id(2900 + n), p.places, id(3000 + n), of_verdict,
           soon()
    FROM unnest(accounts, seqs) u (account, seq)
         JOIN lane_places p ON p.account_id = id(u.account) AND p.transaction_id = id(1000 + n) $$;

-- At the last place that each account has so far.
CREATE FUNCTION decide_all(n integer, accounts integer[], balances bigint[], code text DEFAULT NULL,
                           letter uuid DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO decisions (lane, seq, transaction_id, account_id, amount_cents, balance_after_cents, floor_cents,
                           ceiling_cents, processed_at, kind, failure_code, dead_letter_id)
    SELECT p.lane, p.seq, p.transaction_id, p.account_id, p.net_cents, u.balance, a.min_balance_cents,
           a.max_balance_cents, now(),
           CASE WHEN letter IS NOT NULL THEN 'PARKED' WHEN code IS NOT NULL THEN 'REFUSED' ELSE 'POSTED' END, code,
           letter
    FROM unnest(accounts, balances) u (account, balance) JOIN account_settings a ON a.id = id(u.account)
         CROSS JOIN LATERAL (SELECT * FROM lane_places WHERE account_id = a.id AND transaction_id = id(1000 + n)
                             ORDER BY seq DESC LIMIT 1) p $$;
)sql";

inline std::string id(int n) {
    const std::string digits = std::to_string(n);
    return "00000000-0000-7000-8000-" + std::string(12 - digits.size(), '0') + digits;
}

struct Damage {
    const char* name;
    const char* sql;
    std::set<Check> broken;  // exactly these do not hold any more
    const char* detail;      // is part of what is said
    int id = 0;              // of what it is said about; 0: nothing
};

inline void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }

// All tests of a program share one database. Each does its damage in a transaction that it rolls back, and verifies
// inside of it.
class VerifyTest : public testing::Test {
protected:
    static void set_up(const char* scene) {
        if (database_) return;
        database_ = new test::TestDatabase();
        database_->run(kWrite);
        database_->run(scene);
    }
    static void TearDownTestSuite() {
        delete database_;
        database_ = nullptr;
    }

    ~VerifyTest() override { connection_.rollback(); }

    VerifyReport report(const VerifySettings& settings = {}) {
        auto report = verify(connection_, settings);
        EXPECT_TRUE(report) << report.error().message;
        return *std::move(report);
    }

    // Constraints and triggers stand in the way of most damage.
    void damage(const std::string& sql) {
        const auto done = connection_.run_script("BEGIN; SET LOCAL session_replication_role = replica; " + sql);
        ASSERT_TRUE(done) << done.error().message;
    }

    static std::set<Check> broken(const VerifyReport& report) {
        std::set<Check> checks;
        for (std::size_t i = 0; i < check_count; ++i)
            if (report.finding(static_cast<Check>(i)).violated > 0) checks.insert(static_cast<Check>(i));
        return checks;
    }

    static inline test::TestDatabase* database_ = nullptr;
    db::Connection connection_ = database_->connect();
};

inline std::string text_of(const VerifyReport& report) {
    std::string text;
    for (std::size_t i = 0; i < check_count; ++i)
        for (const Violation& violation : report.finding(static_cast<Check>(i)).listed)
            text += std::string(name_of(static_cast<Check>(i))) + ": lane " + std::to_string(violation.lane) + " seq " +
                    std::to_string(violation.seq) + " " + violation.id + ": " + violation.detail + "\n";
    return text;
}

}  // namespace ledgerline::audit
