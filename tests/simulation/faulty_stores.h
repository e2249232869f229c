// Stores on a database that goes away before a transaction, or after its commit: the caller cannot tell which.
#pragma once

#include <memory>
#include <utility>

#include "api/intake_store.h"
#include "faults.h"
#include "publisher/outbox_store.h"
#include "worker/ledger_store.h"

namespace ledgerline::test {

// Likelihoods of a call, in thousandths.
inline constexpr unsigned fails_before = 25;
inline constexpr unsigned fails_after_commit = 15;
inline constexpr unsigned fails_unknown = 5;
inline constexpr unsigned held_up = 20;

// Runs one transaction of a store under these faults.
template <class Call>
auto under_faults(Faults& faults, Call&& call) -> decltype(call()) {
    if (faults.happen(fails_before)) return std::unexpected(faults.outage());
    auto result = call();
    if (faults.happen(fails_after_commit))
        return failure(Disposition::retry, "08006", "simulated loss of the connection after the commit");
    return result;
}

class FaultyOutboxStore final : public OutboxStore {
public:
    FaultyOutboxStore(std::unique_ptr<OutboxStore> store, Faults& faults) : store_(std::move(store)), faults_(faults) {}

    Result<std::vector<Lease>> renew(const std::string& owner, milliseconds term) override {
        return under_faults(faults_, [&] { return store_->renew(owner, term); });
    }
    Result<void> expire_others(const std::string& owner) override {
        return under_faults(faults_, [&] { return store_->expire_others(owner); });
    }
    Result<void> release(const std::string& owner) override {
        return under_faults(faults_, [&] { return store_->release(owner); });
    }
    Result<std::vector<Event>> read(std::span<const Lease> leases, std::size_t events_max) override {
        return under_faults(faults_, [&] { return store_->read(leases, events_max); });
    }
    Result<std::vector<bool>> advance(const std::string& owner, std::span<const Advance> advances) override {
        faults_.maybe_interleave(held_up);
        return under_faults(faults_, [&] { return store_->advance(owner, advances); });
    }
    Result<void> record_failure(const Lease& lease, const std::string& owner, const std::string& error) override {
        return under_faults(faults_, [&] { return store_->record_failure(lease, owner, error); });
    }
    Result<bool> halt(const Lease& lease, const std::string& owner, const LaneHalt& halt) override {
        return under_faults(faults_, [&] { return store_->halt(lease, owner, halt); });
    }
    Result<void> clear_halts(std::span<const int> lanes) override {
        return under_faults(faults_, [&] { return store_->clear_halts(lanes); });
    }
    Result<Backlog> backlog() override {
        return under_faults(faults_, [&] { return store_->backlog(); });
    }

private:
    std::unique_ptr<OutboxStore> store_;
    Faults& faults_;
};

class FaultyLedgerStore final : public LedgerStore {
public:
    FaultyLedgerStore(std::unique_ptr<LedgerStore> store, Faults& faults) : store_(std::move(store)), faults_(faults) {}

    Result<std::vector<LaneState>> load(std::span<const int> lanes) override {
        return under_faults(faults_, [&] { return store_->load(lanes); });
    }
    Result<ApplyResult> apply(int lane, std::int64_t applied_seq, std::span<const EventRef> refs) override {
        faults_.maybe_interleave(held_up);
        if (faults_.happen(fails_unknown)) return failure(Disposition::refuse, "P0001", "simulated unknown failure");
        return under_faults(faults_, [&] { return store_->apply(lane, applied_seq, refs); });
    }
    Result<std::vector<bool>> prove(int lane, std::span<const EventRef> refs) override {
        return under_faults(faults_, [&] { return store_->prove(lane, refs); });
    }
    Result<int> count_attempt(int lane, std::int64_t applied_seq) override {
        return under_faults(faults_, [&] { return store_->count_attempt(lane, applied_seq); });
    }
    Result<bool> bury(int lane, std::int64_t applied_seq, const BuriedEvent& letter) override {
        faults_.maybe_interleave(held_up);
        return under_faults(faults_, [&] { return store_->bury(lane, applied_seq, letter); });
    }
    Result<std::size_t> bury_foreign(std::span<const ForeignMessage> letters) override {
        return under_faults(faults_, [&] { return store_->bury_foreign(letters); });
    }
    Result<bool> rewind(int lane, std::int64_t applied_seq) override {
        faults_.maybe_interleave(held_up);
        return under_faults(faults_, [&] { return store_->rewind(lane, applied_seq); });
    }
    Result<bool> halt(int lane, const LaneHalt& halt) override {
        return under_faults(faults_, [&] { return store_->halt(lane, halt); });
    }
    Result<bool> clear_halt(int lane) override {
        return under_faults(faults_, [&] { return store_->clear_halt(lane); });
    }

private:
    std::unique_ptr<LedgerStore> store_;
    Faults& faults_;
};

class FaultyIntakeStore final : public IntakeStore {
public:
    FaultyIntakeStore(std::unique_ptr<IntakeStore> store, Faults& faults) : store_(std::move(store)), faults_(faults) {}

    using IntakeStore::accept;
    Result<std::vector<IntakeResult>> accept(std::span<const IntakeItem> items, const LaneWaits& waits) override {
        if (faults_.happen(fails_before)) return std::unexpected(faults_.outage());
        auto result = store_->accept(items, waits);
        if (faults_.happen(fails_after_commit))
            return failure(Disposition::retry, std::string(outcome_unknown), "simulated loss of the commit's answer");
        return result;
    }
    Result<void> ping() override { return store_->ping(); }

private:
    std::unique_ptr<IntakeStore> store_;
    Faults& faults_;
};

}  // namespace ledgerline::test
