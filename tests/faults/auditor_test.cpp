// The auditor itself: silent about a sound ledger, and not about any of these wrongs.
#include "faults/auditor.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace ledgerline::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kAccount = "00000000-0000-7000-8000-00000000000a";

std::string id_of(int number) { return fmt::format("00000000-0000-7000-8000-0000000000{:02}", number); }

// A ledger of one account: a credit, a debit that it covers, and one that it does not.
class Auditor : public testing::Test {
protected:
    Auditor() {
        static PostgresServer server(PostgresServer::Options{});
        static int databases = 0;
        server_ = &server;
        database_ = fmt::format("ledger_{}", ++databases);
        server.create_database(database_);
        server.migrate(database_);
        run(
            fmt::format("INSERT INTO account_settings (id, currency, lane, created_at, updated_at) "
                        "VALUES ('{}', 'EUR', 10, now(), now())",
                        kAccount));
        run("UPDATE lane_publish SET published_seq = 3 WHERE lane = 10");
        evidence_.floors_cents[kAccount] = 0;
        add(1, "CREDIT", 100, "100, 'POSTED', NULL");
        add(2, "DEBIT", 30, "70, 'POSTED', NULL");
        add(3, "DEBIT", 500, "70, 'REFUSED', 'insufficient_balance'");
    }

    // decision: balance_after_cents, kind and failure_code.
    void add(int seq, const std::string& type, int amount_cents, const std::string& decision) {
        run(fmt::format(
            "INSERT INTO accepted (id, account_id, amount_cents, net_cents, places, schema_version, currency, type, "
            "idempotency_key, lane, seq, event_id, created_at) "
            "VALUES ('{0}', '{1}', {2}, {5}, 1, 1, 'EUR', '{3}', 'key-{4}', 10, {4}, '{0}', now())",
            id_of(seq), kAccount, amount_cents, type, seq, type == "CREDIT" ? amount_cents : -amount_cents));
        run(fmt::format(
            "INSERT INTO decisions (lane, seq, transaction_id, account_id, amount_cents, floor_cents, processed_at, "
            "balance_after_cents, kind, failure_code) "
            "SELECT lane, seq, id, account_id, net_cents, 0, now(), {} FROM accepted WHERE seq = {}",
            decision, seq));
        evidence_.accepted.push_back(
            {SentTransaction{type, kAccount, fmt::format("key-{}", seq), amount_cents}, id_of(seq)});
    }
    void run(const std::string& sql) { server_->run("SET session_replication_role = replica; " + sql, database_); }
    std::vector<std::string> findings(const Injected& injected = {}) {
        return audit(*server_, database_, {evidence_}, injected, milliseconds(200));
    }

    PostgresServer* server_ = nullptr;
    std::string database_;
    Evidence evidence_;
};

TEST_F(Auditor, IsSilentAboutASoundLedger) { EXPECT_THAT(findings(), IsEmpty()); }

TEST_F(Auditor, FindsWhatWasLost) {
    run("DELETE FROM decisions WHERE seq = 3; DELETE FROM accepted WHERE seq = 3");
    EXPECT_THAT(findings(), Contains(HasSubstr("answered with 201 and not stored: key-3")));
}

TEST_F(Auditor, FindsWhatNobodySent) {
    evidence_.accepted.pop_back();
    EXPECT_THAT(findings(), Contains(HasSubstr("no client knows of it: key-3")));
}

TEST_F(Auditor, FindsWhatWasRefusedAndStored) {
    evidence_.refused_keys.insert("key-2");
    EXPECT_THAT(findings(), Contains(HasSubstr("refused and stored: key-2")));
}

TEST_F(Auditor, FindsAnotherAmount) {
    evidence_.accepted[0].amount_cents = 99;
    EXPECT_THAT(findings(), Contains(HasSubstr("key-1 is stored otherwise")));
}

TEST_F(Auditor, FindsWhatIsUndecided) {
    run("DELETE FROM decisions WHERE seq = 3");
    EXPECT_THAT(findings(), Contains(HasSubstr("undecided: key-3")));
}

TEST_F(Auditor, FindsMoneyMovedTwice) {
    run("UPDATE decisions SET balance_after_cents = 40 WHERE seq = 3");
    EXPECT_THAT(findings(), Contains(HasSubstr("has 40 and holds 0, by the model 70 and 0")));
}

TEST_F(Auditor, FindsAWrongDecision) {
    run("UPDATE decisions SET kind = 'REFUSED', failure_code = 'insufficient_balance' WHERE seq = 2");
    EXPECT_THAT(findings(), Contains(HasSubstr("key-2 ended FAILED")));
}

TEST_F(Auditor, FindsAnotherOrder) {
    std::swap(evidence_.accepted[0], evidence_.accepted[1]);
    EXPECT_THAT(findings(), Contains(HasSubstr("accepted out of order: key-1")));
}

TEST_F(Auditor, FindsAHole) {
    run("UPDATE accepted SET seq = 4 WHERE seq = 3; UPDATE decisions SET seq = 4 WHERE seq = 3; "
        "UPDATE lane_publish SET published_seq = 4 WHERE lane = 10");
    EXPECT_THAT(findings(), Contains(HasSubstr("lane 10 has a hole before seq 4")));
}

TEST_F(Auditor, FindsALetterWithoutPoison) {
    run(fmt::format(
        "INSERT INTO dead_letters (id, event_id, transaction_id, account_id, lane, seq, topic, partition, "
        "\"offset\", payload, payload_encoding, value_sha256, error_class, error_code, error_message, attempts, "
        "first_failed_at, last_failed_at) VALUES (gen_random_uuid(), '{0}', '{0}', '{1}', 10, 1, 't', 10, 0, "
        "'', 'utf8', sha256(''), 'permanent', '23514', 'm', 1, now(), now())",
        id_of(1), kAccount));
    EXPECT_THAT(findings(), Contains(HasSubstr("a dead letter without poison: key-1")));
}

TEST_F(Auditor, FindsAForeignLetterTooManyOrTooFew) {
    run("INSERT INTO dead_letters (id, topic, partition, \"offset\", payload, payload_encoding, value_sha256, "
        "error_class, "
        "error_code, error_message, attempts, first_failed_at, last_failed_at) VALUES (gen_random_uuid(), 't', 3, 0, "
        "'x', "
        "'utf8', sha256('x'), 'foreign', 'undecodable', 'm', 1, now(), now())");
    EXPECT_THAT(findings({.foreign = {"x"}, .perhaps_foreign = {}}), IsEmpty());
    EXPECT_THAT(findings({.foreign = {}, .perhaps_foreign = {"x", "y"}}), IsEmpty());
    EXPECT_THAT(findings(), Contains(HasSubstr("1 foreign dead letters too many")));
    EXPECT_THAT(findings({.foreign = {"y"}, .perhaps_foreign = {}}),
                Contains(HasSubstr("no dead letter of the foreign message y")));
}

}  // namespace
}  // namespace ledgerline::test
