// Stores on a database that goes away before a transaction, or after its commit: the caller cannot tell which. When
// another server takes over, each session notices with its next call, though that was under way already.
#pragma once

#include <memory>
#include <utility>

#include "apply/ledger_store.h"
#include "faults.h"
#include "intake/intake_store.h"
#include "publish/outbox_store.h"

namespace ledgerline::test {

// Likelihoods of a call, in thousandths.
inline constexpr unsigned fails_before = 25;
inline constexpr unsigned fails_after_commit = 15;
inline constexpr unsigned fails_unknown = 5;
inline constexpr unsigned held_up = 20;
inline constexpr unsigned dies = 4;

// The session of a store, to the server that was there when it began.
class FaultySession {
public:
    explicit FaultySession(Faults& faults) : faults_(faults), server_(faults.servers()) {}

    // Runs one transaction of the store under these faults.
    template <class Call>
    auto run(Call&& call) -> decltype(call()) {
        if (std::exchange(server_, faults_.servers()) != faults_.servers())
            return failure(Disposition::retry, "57P01", "simulated end of the server");
        if (faults_.happen(fails_before)) return std::unexpected(faults_.outage());
        auto result = call();
        if (faults_.happen(fails_after_commit))
            return failure(Disposition::retry, "08006", "simulated loss of the connection after the commit");
        return result;
    }

private:
    Faults& faults_;
    int server_;
};

class FaultyOutboxStore final : public publish::OutboxStore {
public:
    FaultyOutboxStore(std::unique_ptr<publish::OutboxStore> store, Faults& faults)
        : store_(std::move(store)), faults_(faults) {}

    Result<std::vector<publish::Lease>> renew(const std::string& owner, milliseconds term) override {
        return session_.run([&] { return store_->renew(owner, term); });
    }
    Result<void> expire_others(const std::string& owner) override {
        return session_.run([&] { return store_->expire_others(owner); });
    }
    Result<void> release(const std::string& owner) override {
        return session_.run([&] { return store_->release(owner); });
    }
    Result<std::vector<Event>> read(std::span<const publish::Lease> leases, std::size_t events_max) override {
        return session_.run([&] { return store_->read(leases, events_max); });
    }
    Result<std::vector<bool>> advance(const std::string& owner, std::span<const publish::Advance> advances) override {
        faults_.maybe_interleave(held_up);
        return session_.run([&] { return store_->advance(owner, advances); });
    }
    Result<void> record_failure(const publish::Lease& lease, const std::string& owner,
                                const std::string& error) override {
        return session_.run([&] { return store_->record_failure(lease, owner, error); });
    }
    Result<bool> halt(const publish::Lease& lease, const std::string& owner, const LaneHalt& halt) override {
        return session_.run([&] { return store_->halt(lease, owner, halt); });
    }
    Result<void> clear_halts(std::span<const int> lanes) override {
        return session_.run([&] { return store_->clear_halts(lanes); });
    }
    Result<publish::Backlog> backlog() override {
        return session_.run([&] { return store_->backlog(); });
    }

private:
    std::unique_ptr<publish::OutboxStore> store_;
    Faults& faults_;
    FaultySession session_{faults_};
};

class FaultyLedgerStore final : public apply::LedgerStore {
public:
    FaultyLedgerStore(std::unique_ptr<apply::LedgerStore> store, Faults& faults)
        : store_(std::move(store)), faults_(faults) {}

    Result<std::vector<apply::LaneState>> load(std::span<const int> lanes) override {
        return session_.run([&] { return store_->load(lanes); });
    }
    Result<apply::ApplyReport> apply(std::span<const apply::LaneRun> runs) override {
        if (faults_.happen(fails_unknown)) return failure(Disposition::refuse, "P0001", "simulated unknown failure");
        return lock_and_run([&] { return store_->apply(runs); });
    }
    Result<apply::HeadReport> apply_head(const apply::LaneRun& run) override {
        if (faults_.happen(fails_unknown)) {
            apply::HeadReport head{
                .report = {{{apply::ApplyResult::Status::waiting, {}}}, {}},
                .refusal = failure(Disposition::refuse, "P0001", "simulated unknown failure").error(),
                .event_id = run.refs.front().event_id};
            return head;
        }
        return lock_and_run([&] { return store_->apply_head(run); });
    }
    Result<std::vector<bool>> prove(int lane, std::span<const apply::EventRef> refs) override {
        return session_.run([&] { return store_->prove(lane, refs); });
    }
    Result<int> count_attempt(int lane, std::int64_t applied_seq) override {
        return session_.run([&] { return store_->count_attempt(lane, applied_seq); });
    }
    Result<bool> park(int lane, std::int64_t applied_seq, const apply::ParkedEvent& letter) override {
        return lock_and_run([&] { return store_->park(lane, applied_seq, letter); });
    }
    Result<std::size_t> park_foreign(std::span<const apply::ForeignMessage> letters) override {
        return session_.run([&] { return store_->park_foreign(letters); });
    }
    Result<bool> rewind(int lane, std::int64_t applied_seq) override {
        faults_.maybe_interleave(held_up);
        return session_.run([&] { return store_->rewind(lane, applied_seq); });
    }
    Result<bool> halt(int lane, const LaneHalt& halt) override {
        return session_.run([&] { return store_->halt(lane, halt); });
    }
    Result<bool> clear_halt(int lane) override {
        return session_.run([&] { return store_->clear_halt(lane); });
    }

    // Whether the process ended between the lock and the commit: the server rolls back, and nobody is told.
    bool died() const { return died_; }

private:
    // Runs a transaction that locks lanes.
    template <class Call>
    auto lock_and_run(Call&& call) -> decltype(call()) {
        faults_.maybe_interleave(held_up);
        died_ = died_ || faults_.happen(dies);
        if (died_) return failure(Disposition::retry, "08006", "simulated end of the process");
        return session_.run(std::forward<Call>(call));
    }

    std::unique_ptr<apply::LedgerStore> store_;
    Faults& faults_;
    FaultySession session_{faults_};
    bool died_ = false;
};

class FaultyIntakeStore final : public intake::IntakeStore {
public:
    FaultyIntakeStore(std::unique_ptr<intake::IntakeStore> store, Faults& faults)
        : store_(std::move(store)), faults_(faults) {}

    using intake::IntakeStore::accept;
    Result<std::vector<intake::IntakeResult>> accept(std::span<const intake::IntakeItem> items,
                                                     const intake::LaneWaits& waits) override {
        if (std::exchange(server_, faults_.servers()) != faults_.servers() || faults_.happen(fails_before))
            return std::unexpected(faults_.outage());
        auto result = store_->accept(items, waits);
        if (faults_.happen(fails_after_commit))
            return failure(Disposition::retry, std::string(db::outcome_unknown),
                           "simulated loss of the commit's answer");
        return result;
    }
    Result<void> ping() override { return store_->ping(); }

private:
    std::unique_ptr<intake::IntakeStore> store_;
    Faults& faults_;
    int server_ = faults_.servers();
};

}  // namespace ledgerline::test
