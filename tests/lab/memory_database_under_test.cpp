#include "domain/legs.h"
#include "lab/database_under_test.h"

namespace ledgerline::test {
namespace {

class MemoryDatabaseUnderTest final : public DatabaseUnderTest {
public:
    std::unique_ptr<publish::OutboxStore> make_outbox_store() override { return database_.make_outbox_store(); }
    std::unique_ptr<apply::LedgerStore> make_ledger_store() override { return database_.make_ledger_store(); }
    std::unique_ptr<intake::IntakeStore> make_intake_store() override { return database_.make_intake_store(); }
    std::unique_ptr<letters::DeadLetterStore> make_dead_letter_store() override {
        return database_.make_dead_letter_store();
    }

    void add_account(const AccountState& account) override {
        database_.tables.accounts[account.id] = {account, lane_of(account.id)};
    }
    void set_status(const Uuid& account_id, AccountStatus status) override {
        database_.tables.accounts.at(account_id).state.status = status;
    }
    void set_limits(const Uuid& account_id, std::int64_t floor_cents,
                    std::optional<std::int64_t> ceiling_cents) override {
        AccountState& state = database_.tables.accounts.at(account_id).state;
        state.min_balance_cents = floor_cents;
        state.max_balance_cents = ceiling_cents;
    }
    std::int64_t balance_cents(const Uuid& account_id) override {
        return database_.tables.accounts.at(account_id).state.balance_cents;
    }
    void insert(const Event& event) override { database_.insert(event); }
    void insert_again(const Event& event, const Uuid&) override { database_.insert(event); }
    void poison(const Uuid& transaction_id) override { database_.tables.poisoned[transaction_id] = "23514"; }
    void let_leases_expire() override {
        const WallTime past = clock_.wall_now() - std::chrono::seconds(1);
        for (auto& [number, lane] : database_.tables.lanes) lane.lease_expires_at = past;
        for (auto& [owner, expires_at] : database_.tables.publishers) expires_at = past;
    }

    LaneRow lane(int lane) override {
        const MemoryTables::Lane& row = database_.tables.lanes.at(lane);
        return {row.last_seq, row.published_seq,    row.applied_seq, row.owner,
                row.epoch,    row.publish_attempts, row.last_error,  row.publish_halt};
    }
    std::vector<Event> events(int lane) override {
        std::vector<Event> events;
        for (const auto& [seq, event] : database_.tables.lanes.at(lane).events) events.push_back(event);
        return events;
    }
    std::vector<OutcomeRow> outcomes(int lane) override {
        std::vector<OutcomeRow> rows;
        for (const auto& [seq, applied] : database_.tables.lanes.at(lane).outcomes) {
            const Posting& posting = applied.posting;
            rows.push_back({seq, applied.event.transaction_id,
                            posting.refusal ? std::string(code_of(*posting.refusal)) : "",
                            posting.balance_after_cents});
        }
        return rows;
    }
    std::size_t letters() override { return database_.tables.letters.size(); }

private:
    ManualClock clock_;
    MemoryDatabase database_{clock_};
};

}  // namespace

DatabaseKind memory_database_kind() {
    return {"Memory", [] { return std::make_unique<MemoryDatabaseUnderTest>(); }};
}

}  // namespace ledgerline::test
