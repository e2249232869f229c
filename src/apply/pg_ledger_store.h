// PgLedgerStore: the worker's side of the ledger in PostgreSQL.
#pragma once

#include <cstdint>
#include <set>

#include "apply/handed_places.h"
#include "apply/known_accounts.h"
#include "apply/ledger_store.h"
#include "apply/pg_round.h"
#include "db/session.h"

namespace ledgerline::apply {

// Whether this session can apply and park events now, with its settings and rights: runs the writes for no lane, and
// commits. Fails as they would: 25006 on a standby or where writing is disabled, 42501 where rights are missing,
// outcome_unknown where a commit does not return. Leaves no row, dead row or lock behind, only a few bytes of WAL, so
// it can be called every second.
Result<void> can_apply(db::Connection& connection);

class PgLedgerStore final : public LedgerStore {
public:
    // Connects on the first call, and again whenever the connection was lost. handed: what intake of the same process
    // hands over; null: nothing. It must outlive the store.
    explicit PgLedgerStore(db::Session session, HandedPlaces* handed = nullptr)
        : session_(std::move(session)), handed_(handed) {}

    Result<std::vector<LaneState>> load(std::span<const int> lanes) override;
    Result<ApplyReport> apply(std::span<const LaneRun> runs) override;
    Result<HeadReport> apply_head(const LaneRun& run) override;
    Result<std::vector<bool>> prove(int lane, std::span<const EventRef> refs) override;
    Result<int> count_attempt(int lane, std::int64_t applied_seq) override;
    Result<bool> park(int lane, std::int64_t applied_seq, const ParkedEvent& letter) override;
    Result<std::size_t> park_foreign(std::span<const ForeignMessage> letters) override;
    Result<bool> rewind(int lane, std::int64_t applied_seq) override;
    Result<bool> halt(int lane, const LaneHalt& halt) override;
    Result<bool> clear_halt(int lane) override;

private:
    // How many of a lane's last parked places in a row load() looks at.
    static constexpr int streak_seen_max = 10;

    Result<Round> decide(std::span<const LaneRun> runs, bool one);
    Result<Round> decide_round(const RoundPlan& plan);
    bool must_widen(const Windows& stuck, const Round& round);

    db::Session session_;
    HandedPlaces* const handed_;
    KnownAccounts accounts_;
    std::uint64_t accounts_session_ = 0;  // the number of the session that accounts_ were read in
    std::set<int> failing_;               // lanes whose next event may have counted attempts
    std::set<int> stuck_;                 // lanes whose heads waited for others at the last time
};

}  // namespace ledgerline::apply
