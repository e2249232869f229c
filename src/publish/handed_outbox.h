// HandedOutbox: an outbox whose newest events were handed over by intake in the same process, so that they need not be
// read back from the database.
//
//     intake   commit;  outbox.hand(events);  wake the publisher
//     publisher         outbox.read(leases)   // handed events where they continue a lane, the database elsewhere
//
// What was handed is a copy of committed rows and may be dropped at any time, as it is when the database fails: the
// database is asked for whatever does not continue a lane exactly. At once for a lane of which nothing is known (after
// a start), whose cursor went back (a rewind), or in which something is missing (accepted by another process, dropped
// here). For the other lanes, which may hold events that nobody handed over, at every read while nothing is handed, and
// every look_interval while something is.
//
// hand() is thread-safe; the rest belongs to the publisher's thread, as in OutboxStore.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "publish/outbox_store.h"

namespace ledgerline::publish {

class HandedOutbox final : public OutboxStore {
public:
    // How long an event that nobody handed over may wait for the database to be asked.
    static constexpr milliseconds look_interval{20};
    // The limits of what is kept, over all lanes. What exceeds them is read from the database.
    static constexpr std::size_t kept_events_max = 20'000;
    static constexpr std::size_t kept_bytes_max = std::size_t{8} << 20;

    HandedOutbox(std::unique_ptr<OutboxStore> database, const Clock& clock)
        : database_(std::move(database)), clock_(clock) {}

    // Committed events, ascending within each lane. Those of lanes that this publisher does not hold are dropped.
    void hand(std::vector<Event> events);

    Result<std::vector<Lease>> renew(const std::string& owner, milliseconds term) override;
    Result<std::vector<Event>> read(std::span<const Lease> leases, std::size_t events_max) override;
    Result<void> expire_others(const std::string& owner) override { return or_forget(database_->expire_others(owner)); }
    Result<void> release(const std::string& owner) override;
    Result<std::vector<bool>> advance(const std::string& owner, std::span<const Advance> advances) override {
        return or_forget(database_->advance(owner, advances));
    }
    Result<void> record_failure(const Lease& lease, const std::string& owner, const std::string& error) override {
        return or_forget(database_->record_failure(lease, owner, error));
    }
    Result<bool> halt(const Lease& lease, const std::string& owner, const LaneHalt& halt) override {
        return or_forget(database_->halt(lease, owner, halt));
    }
    Result<void> clear_halts(std::span<const int> lanes) override { return or_forget(database_->clear_halts(lanes)); }
    Result<Backlog> backlog() override { return or_forget(database_->backlog()); }

private:
    struct Lane {
        std::deque<Event> handed;  // ascending
        std::int64_t cursor = 0;   // the highest one that was read from: a lower one is a rewind
        // Whether the database may hold more than was handed: it was never asked, had something when it was, or
        // something handed was dropped.
        bool may_have_more = true;
    };

    // A database that failed may be another one next time, without the newest of what was handed.
    template <class T>
    Result<T> or_forget(Result<T> answer) {
        if (!answer) keep_only({});
        return answer;
    }
    bool must_look(SteadyTime now) const;
    // The handed events that continue the lane, at most events_max and about bytes_max. They are kept until the cursor
    // has passed them: the publisher need not send all that it reads.
    std::vector<Event> take(Lane& lane, const Lease& lease, std::size_t events_max, std::size_t bytes_max);
    void pop(Lane& lane);
    void uncount(const Event& event);
    void keep_only(std::span<const Lease> leases);

    const std::unique_ptr<OutboxStore> database_;
    const Clock& clock_;
    SteadyTime looked_at_{};
    std::mutex mutex_;  // of what follows
    SteadyTime handed_at_{};
    std::map<int, Lane> lanes_;
    std::size_t kept_events_ = 0;
    std::size_t kept_bytes_ = 0;
};

}  // namespace ledgerline::publish
