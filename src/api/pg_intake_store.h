// PgIntakeStore: intake on PostgreSQL, two round trips a batch.
//
// The first opens the transaction, locks the batch's lanes and then, in a statement that begins after that, reads
// accounts and keys. The rows that are really new are numbered here. The second inserts them, moves the lanes' cursors
// and commits. Not thread-safe: one thread at a time.
#pragma once

#include "api/intake_store.h"
#include "pg/session.h"

namespace ledgerline {

class PgIntakeStore final : public IntakeStore {
public:
    // metrics and tracer must outlive the store.
    PgIntakeStore(pg::ConnectionConfig config, Metrics& metrics, Tracer& tracer = Tracer::off());

    Result<std::vector<IntakeResult>> accept(std::span<const IntakeItem> items) override;
    Result<void> ping() override;

private:
    pg::Session session_;
};

}  // namespace ledgerline
