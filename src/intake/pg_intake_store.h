// PgIntakeStore: intake on PostgreSQL, one round trip for most batches.
//
// It opens the transaction, locks the batch's lanes and, in a statement that begins after that, numbers and inserts the
// rows, all of them or none, and commits. Where a key is known, or an account does not take its row, the transaction is
// rolled back, and two more round trips follow: the first reads accounts and keys under the locks, the second inserts
// what is new and allowed. Not thread-safe: one thread at a time.
#pragma once

#include <cstdint>
#include <map>

#include "db/session.h"
#include "intake/intake_store.h"

namespace ledgerline::intake {

// Whether this session can accept transactions now, with its settings and rights: does everything that accepting a
// batch does, for no items, and commits. Fails as accepting would: 25006 on a standby or where writing is disabled,
// 42501 where rights are missing, outcome_unknown where a commit does not return. Leaves no row, dead row or lock
// behind, only a few bytes of WAL, and takes at most two round trips, so it can be called every second.
Result<void> can_accept(db::Connection& connection);

class PgIntakeStore final : public IntakeStore {
public:
    // metrics and tracer must outlive the store.
    PgIntakeStore(db::ConnectionConfig config, Metrics& metrics, Tracer& tracer = Tracer::off());

    using IntakeStore::accept;
    Result<std::vector<IntakeResult>> accept(std::span<const IntakeItem> items, const LaneWaits& waits) override;
    Result<void> ping() override;

private:
    db::Session session_;
    std::map<int, std::int64_t> last_seqs_;  // by lane: what they may be
};

}  // namespace ledgerline::intake
