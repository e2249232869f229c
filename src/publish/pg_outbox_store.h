// PgOutboxStore: the publisher's database. outbox_store.h says what each call guarantees.
#pragma once

#include "db/session.h"
#include "observe/metrics.h"
#include "publish/outbox_store.h"

namespace ledgerline::publish {

// Whether this session can do the publisher's writes now, with its settings and rights: runs them for no lane, owner or
// letter, and commits. Fails as they would: 25006 on a standby or where writing is disabled, 42501 where rights are
// missing, outcome_unknown where a commit does not return. Leaves no row, dead row or lock behind, only a few bytes of
// WAL, so it can be called every second.
Result<void> can_publish(db::Connection& connection);

class PgOutboxStore final : public OutboxStore {
public:
    // How many characters of an error are kept with its lane.
    static constexpr std::size_t error_chars_max = 500;

    // Connects on first use. Its commits are asynchronous, whatever config says, except those that change a lane's
    // owner: a cursor move lost in a crash only makes messages go out twice.
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
    static constexpr std::size_t read_events_most = 4096;  // per lane

    db::Session session_;
    std::size_t read_events_max_ =
        read_events_most;  // halved when a read times out, doubled by each read that does not
};

}  // namespace ledgerline::publish
