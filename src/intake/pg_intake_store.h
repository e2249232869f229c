// PgIntakeStore: intake on PostgreSQL, two round trips a batch.
//
// The first opens the transaction, locks the batch's lanes and then, in a statement that begins after that, reads
// accounts and keys. The rows that are really new are numbered here. The second inserts them, moves the lanes' cursors
// and commits. Not thread-safe: one thread at a time.
#pragma once

#include "db/session.h"
#include "intake/intake_store.h"

namespace ledgerline::intake {

// Whether this session can accept transactions just now, with its own settings and rights: does all that accepting a
// batch does, for no item, and commits. Fails as that would: 25006 on a standby or where writing is switched off, 42501
// where rights are missing, outcome_unknown where a commit does not end. Leaves no row, no dead row and no lock behind,
// only a few bytes of WAL, and takes two round trips at most, so that it can be asked every second.
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
};

}  // namespace ledgerline::intake
