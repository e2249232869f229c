// Every implementation of a store against the suite of its seam: in memory and on PostgreSQL.
#include <fmt/format.h>

#include "apply/pg_ledger_store.h"
#include "domain/legs.h"
#include "intake/pg_intake_store.h"
#include "lab/account_change.h"
#include "lab/dead_letter_store_conformance.h"
#include "lab/intake_store_conformance.h"
#include "lab/ledger_store_conformance.h"
#include "lab/outbox_store_conformance.h"
#include "lab/test_database.h"
#include "letters/pg_dead_letter_store.h"
#include "observe/metrics.h"
#include "publish/pg_outbox_store.h"

namespace ledgerline::test {
namespace {

std::string quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
    return out + "'";
}

class PgDatabaseUnderTest final : public DatabaseUnderTest {
public:
    std::unique_ptr<publish::OutboxStore> make_outbox_store() override {
        return std::make_unique<publish::PgOutboxStore>(database_.config(), metrics_);
    }
    std::unique_ptr<apply::LedgerStore> make_ledger_store() override {
        return std::make_unique<apply::PgLedgerStore>(db::Session(database_.config(), metrics_, "worker"));
    }
    std::unique_ptr<intake::IntakeStore> make_intake_store() override {
        return std::make_unique<intake::PgIntakeStore>(database_.config(), metrics_);
    }
    std::unique_ptr<letters::DeadLetterStore> make_dead_letter_store() override {
        return std::make_unique<letters::PgDeadLetterStore>(database_.config(), metrics_);
    }

    // A balance is that of the latest decision: here one of a lane that does not exist.
    void add_account(const AccountState& account) override {
        database_.run(fmt::format(
            "INSERT INTO account_settings (id, currency, min_balance_cents, status, lane, created_at, updated_at) "
            "VALUES ('{0}', '{1}', {2}, '{3}', {4}, now(), now());"
            "INSERT INTO decisions (lane, seq, transaction_id, account_id, amount_cents, balance_after_cents, "
            "floor_cents, processed_at, kind) "
            "VALUES (-1, -{5}, gen_random_uuid(), '{0}', {6}, {6}, {2}, now(), 'POSTED')",
            account.id.to_string(), account.currency, account.min_balance_cents, name_of(account.status),
            lane_of(account.id), ++accounts_, account.balance_cents));
    }
    void set_status(const Uuid& account_id, AccountStatus status) override {
        change_account(database_, account_id.to_string(), fmt::format("status = '{}'", name_of(status)));
    }
    void set_limits(const Uuid& account_id, std::int64_t floor_cents,
                    std::optional<std::int64_t> ceiling_cents) override {
        change_account(database_, account_id.to_string(),
                       fmt::format("min_balance_cents = {}, max_balance_cents = {}", floor_cents,
                                   ceiling_cents ? std::to_string(*ceiling_cents) : "NULL"));
    }
    std::int64_t balance_cents(const Uuid& account_id) override {
        return std::stoll(
            database_.value(fmt::format("SELECT balance_cents FROM accounts WHERE id = '{}'", account_id.to_string())));
    }
    void insert(const Event& event) override {
        if (!event.is_first) return insert_place(event, "NULL, NULL");
        database_.run(fmt::format(
            "INSERT INTO accepted (id, account_id, amount_cents, net_cents, places, currency, type, idempotency_key, "
            "legs, metadata, lane, seq, event_id, schema_version, traceparent, created_at) "
            "VALUES ('{}', '{}', {}, {}, {}, '{}', '{}', {}, {}, {}, {}, {}, '{}', {}, {}, '{}')",
            event.transaction_id.to_string(), event.account_id.to_string(), event.amount_cents, event.net_cents,
            event.places, event.currency, name_of(event.type), quoted(event.idempotency_key),
            event.legs ? quoted(*event.legs) : "NULL", event.metadata ? quoted(*event.metadata) : "NULL", event.lane,
            event.seq, event.event_id.to_string(), event.schema_version,
            event.traceparent.empty() ? "NULL" : quoted(event.traceparent), format_rfc3339(event.occurred_at)));
    }
    void insert_again(const Event& event, const Uuid& letter_id) override {
        insert_place(event, fmt::format("'{}', 'replay'", letter_id.to_string()));
    }
    void poison(const Uuid& transaction_id) override {
        database_.run(
            fmt::format("ALTER TABLE decisions ADD CONSTRAINT poison CHECK (transaction_id <> '{}' "
                        "OR kind = 'PARKED')",
                        transaction_id.to_string()));
    }
    void let_leases_expire() override {
        database_.run("UPDATE publishers SET expires_at = now() - interval '1 second'");
    }

    LaneRow lane(int lane) override {
        db::Connection connection = database_.connect();
        const auto rows = query(connection,
                                "SELECT last_seq, published_seq, applied_seq, coalesce(owner, ''), epoch, "
                                "publish_attempts, coalesce(last_error, ''), h.seq, h.code, h.reason, "
                                "h.halted_at FROM lane_cursors c "
                                "LEFT JOIN lane_halts h ON h.lane = c.lane AND h.stage = 'publish' WHERE c.lane = $1",
                                lane);
        std::optional<LaneHalt> halt;
        if (!rows.is_null(0, 7))
            halt = LaneHalt{rows.int64(0, 7), std::string(rows.text(0, 8)), std::string(rows.text(0, 9)),
                            rows.time(0, 10)};
        return {rows.int64(0, 0),
                rows.int64(0, 1),
                rows.int64(0, 2),
                std::string(rows.text(0, 3)),
                rows.int64(0, 4),
                static_cast<int>(rows.int64(0, 5)),
                std::string(rows.text(0, 6)),
                std::move(halt)};
    }
    std::vector<Event> events(int lane) override {
        db::Connection connection = database_.connect();
        const auto rows = query(connection,
                                "SELECT p.event_id, p.seq, coalesce(t.traceparent, ''), t.id, p.account_id, "
                                "t.amount_cents, t.currency, t.type, t.idempotency_key, "
                                "CASE WHEN p.account_id = t.account_id THEN t.metadata::text END, p.net_cents, "
                                "p.places, p.account_id = t.account_id, t.schema_version, t.legs::text, "
                                "t.previous_id::text, (extract(epoch FROM t.occurred_at) * 1000000)::bigint::text "
                                "FROM lane_places p JOIN accepted t ON t.id = p.transaction_id "
                                "WHERE p.lane = $1 AND p.dead_letter_id IS NULL ORDER BY p.seq",
                                lane);
        std::vector<Event> events(rows.size());
        for (std::size_t row = 0; row < rows.size(); ++row) {
            Event& event = events[row];
            event.event_id = rows.uuid(row, 0);
            event.lane = lane;
            event.seq = rows.int64(row, 1);
            event.traceparent = rows.text(row, 2);
            event.transaction_id = rows.uuid(row, 3);
            event.account_id = rows.uuid(row, 4);
            event.amount_cents = rows.int64(row, 5);
            event.currency = rows.text(row, 6);
            event.type = *parse_transaction_type(rows.text(row, 7));
            event.idempotency_key = rows.text(row, 8);
            event.metadata = rows.optional_text(row, 9);
            event.net_cents = rows.int64(row, 10);
            event.places = static_cast<int>(rows.int64(row, 11));
            event.is_first = rows.text(row, 12) == "t";
            event.schema_version = static_cast<int>(rows.int64(row, 13));
            event.legs = rows.optional_text(row, 14);
            if (const auto id = rows.optional_text(row, 15)) event.previous_id = Uuid::parse(*id);
            if (const auto micros = rows.optional_text(row, 16))
                event.dated = WallTime(std::chrono::microseconds(std::stoll(*micros)));
        }
        return events;
    }
    std::vector<OutcomeRow> outcomes(int lane) override {
        db::Connection connection = database_.connect();
        const auto rows = query(connection,
                                "SELECT seq, transaction_id, coalesce(failure_code, ''), balance_after_cents FROM "
                                "decisions WHERE lane = $1 AND kind <> 'PARKED' ORDER BY seq",
                                lane);
        std::vector<OutcomeRow> outcomes;
        for (std::size_t row = 0; row < rows.size(); ++row)
            outcomes.push_back(
                {rows.int64(row, 0), rows.uuid(row, 1), std::string(rows.text(row, 2)), rows.int64(row, 3)});
        return outcomes;
    }
    std::size_t letters() override { return std::stoul(database_.value("SELECT count(*) FROM dead_letters")); }

private:
    // letter: dead_letter_id and verdict.
    void insert_place(const Event& event, const std::string& letter) {
        database_.run(fmt::format(
            "INSERT INTO places (lane, seq, account_id, net_cents, transaction_id, event_id, places, dead_letter_id, "
            "verdict, created_at) VALUES ({}, {}, '{}', {}, '{}', '{}', {}, {}, now())",
            event.lane, event.seq, event.account_id.to_string(), event.net_cents, event.transaction_id.to_string(),
            event.event_id.to_string(), event.places, letter));
    }

    static db::Rows query(db::Connection& connection, std::string_view sql, int lane) {
        auto rows = connection.query({sql, sql}, db::Params().add(lane));
        if (!rows) std::fprintf(stderr, "%s\n", rows.error().message.c_str());
        LEDGERLINE_ASSERT(rows);
        return std::move(*rows);
    }

    TestDatabase database_;
    Metrics metrics_{"test"};
    int accounts_ = 0;
};

DatabaseKind pg_database_kind() {
    return {"PostgreSQL", [] { return std::make_unique<PgDatabaseUnderTest>(); }};
}

const auto kinds = testing::Values(memory_database_kind(), pg_database_kind());
std::string name_of_kind(const testing::TestParamInfo<DatabaseKind>& param) { return param.param.name; }

}  // namespace

INSTANTIATE_TEST_SUITE_P(Stores, DeadLetterStoreConformance, kinds, name_of_kind);
INSTANTIATE_TEST_SUITE_P(Stores, IntakeStoreConformance, kinds, name_of_kind);
INSTANTIATE_TEST_SUITE_P(Stores, LedgerStoreConformance, kinds, name_of_kind);
INSTANTIATE_TEST_SUITE_P(Stores, OutboxStoreConformance, kinds, name_of_kind);

}  // namespace ledgerline::test
