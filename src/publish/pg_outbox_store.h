// PgOutboxStore: the publisher's database. See outbox_store.h for what each call promises.
#pragma once

#include "db/session.h"
#include "observe/metrics.h"
#include "publish/outbox_store.h"

namespace ledgerline::publish {

// Whether this session can do the publisher's writes just now, with its own settings and rights: runs them for no lane,
// no owner and no letter, and commits. Fails as they would: 25006 on a standby or where writing is switched off, 42501
// where rights are missing, outcome_unknown where a commit does not end. Leaves no row, no dead row and no lock behind,
// only a few bytes of WAL, so that it can be asked every second.
Result<void> can_publish(db::Connection& connection);

class PgOutboxStore final : public OutboxStore {
public:
    // Characters of an error that are kept with its lane.
    static constexpr std::size_t error_chars_max = 500;

    // Connects when it is first used. Its commits are not durable, whatever config says, except for those that change
    // who owns a lane: a cursor move that a crash undoes only makes messages come twice.
    PgOutboxStore(db::ConnectionConfig config, Metrics& metrics, Tracer& tracer = Tracer::off());

    Result<std::vector<Lease>> renew(const std::string& owner, milliseconds term) override;
    Result<void> expire_others(const std::string& owner) override;
    Result<void> release(const std::string& owner) override;
    Result<std::vector<Event>> read(std::span<const Lease> leases, std::size_t events_max) override;
    Result<std::vector<bool>> advance(const std::string& owner, std::span<const Advance> advances) override;
    Result<void> record_failure(const Lease& lease, const std::string& owner, const std::string& error) override;
    Result<bool> halt(const Lease& lease, const std::string& owner, const LaneHalt& halt) override;
    Result<void> clear_halts(std::span<const int> lanes) override;
    Result<Backlog> backlog() override;

private:
    static constexpr std::size_t read_events_most = 4096;  // a lane

    db::Session session_;
    std::size_t read_events_max_ =
        read_events_most;  // halved when a read takes too long, doubled by each that does not
};

}  // namespace ledgerline::publish
