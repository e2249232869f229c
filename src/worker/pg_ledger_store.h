// PgLedgerStore: the worker's side of the ledger in PostgreSQL.
#pragma once

#include "pg/session.h"
#include "worker/ledger_store.h"

namespace ledgerline {

class PgLedgerStore final : public LedgerStore {
public:
    // Connects at the first call, and again whenever the connection was lost.
    explicit PgLedgerStore(pg::Session session) : session_(std::move(session)) {}

    Result<std::vector<LaneState>> load(std::span<const int> lanes) override;
    Result<ApplyResult> apply(int lane, std::int64_t applied_seq, std::span<const EventRef> refs) override;
    Result<std::vector<bool>> prove(int lane, std::span<const EventRef> refs) override;
    Result<int> count_attempt(int lane, std::int64_t applied_seq) override;
    Result<bool> bury(int lane, std::int64_t applied_seq, const BuriedEvent& letter) override;
    Result<std::size_t> bury_foreign(std::span<const ForeignMessage> letters) override;
    Result<bool> rewind(int lane, std::int64_t applied_seq) override;

private:
    pg::Session session_;
};

}  // namespace ledgerline
