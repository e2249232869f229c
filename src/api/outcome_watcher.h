// OutcomeWatcher: lets requests wait until their transactions are settled (Prefer: wait).
//
// One thread serves all waiters of the process. At each tick it reads the lanes' apply cursors, and then, in one query,
// only those transactions that the cursors have passed. It ticks when it is woken by outcomes written in this process,
// and by itself for those written in others: every few milliseconds while somebody has just come, less often when those
// who wait have waited for long, and not at all otherwise.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <vector>

#include "api/records.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/result.h"
#include "base/resume.h"
#include "base/wakeup.h"
#include "db/session.h"
#include "observe/metrics.h"

namespace ledgerline::api {

// What the watcher reads. Not thread-safe: one thread at a time.
class OutcomeStore {
public:
    virtual ~OutcomeStore() = default;
    // By lane: everything up to that seq has an outcome or a dead letter.
    virtual Result<std::map<int, std::int64_t>> applied_seqs() = 0;
    // The transactions that exist among ids, without their metadata, in no order.
    virtual Result<std::vector<TransactionRecord>> read(std::span<const Uuid> ids) = 0;
};

class PgOutcomeStore final : public OutcomeStore {
public:
    // metrics must outlive the store.
    PgOutcomeStore(db::ConnectionConfig config, Metrics& metrics);
    Result<std::map<int, std::int64_t>> applied_seqs() override;
    Result<std::vector<TransactionRecord>> read(std::span<const Uuid> ids) override;

private:
    db::Session session_;
};

struct WatcherConfig {
    std::size_t transactions_max = 50'000;  // waited for at the same time
    std::size_t read_max = 1'000;           // read in one query
    // Between ticks: from poll_min after one that settled something, doubled up to poll_max, while somebody came within
    // the last busy_for; then idle_max.
    milliseconds poll_min{1};
    milliseconds poll_max{20};
    milliseconds busy_for{2'000};
    milliseconds idle_max{200};
};

class OutcomeWatcher {
public:
    // All must outlive it.
    OutcomeWatcher(OutcomeStore& store, WatcherConfig config, const Clock& clock, Metrics& metrics);
    ~OutcomeWatcher() { stop(); }
    OutcomeWatcher(const OutcomeWatcher&) = delete;
    OutcomeWatcher& operator=(const OutcomeWatcher&) = delete;

    void start();
    // Answers all waiters with the current state; nobody waits from then on. Repeatable.
    void stop();

    struct Settled {
        std::vector<TransactionRecord> records;
        bool waited = false;  // false: not settled, but too many wait already, or stop() was called
    };
    // Waits until each of records is settled, or deadline. Returns them in the same order, as they were last seen.
    // Metadata is best left out: it is not read, and would be held for as long as the wait lasts.
    // Thread-safe.
    boost::asio::awaitable<Settled> settle(std::vector<TransactionRecord> records, SteadyTime deadline);
    // The same without a coroutine: settled is called once, on the watcher's thread or on the calling one.
    void watch(std::vector<TransactionRecord> records, SteadyTime deadline, Resume<Settled> settled);

    // To be notified when outcomes may have been written. Thread-safe.
    Wakeup& wakeup() { return wakeup_; }

private:
    struct Wait {
        std::vector<TransactionRecord> records;
        std::size_t open = 0;  // records not settled
        SteadyTime deadline;
        Resume<Settled> settled;
    };

    enum class Added { no, will_be_seen, must_wake };
    // Takes the wait, unless it returns no.
    Added try_add(Wait& wait);
    Result<milliseconds> tick();
    bool take_new_waits();
    std::vector<Uuid> ids_to_read(const std::map<int, std::int64_t>& applied, SteadyTime now) const;
    bool update(std::span<const Uuid> ids);
    bool hand_out(const std::vector<TransactionRecord>& found);
    void answer_finished(SteadyTime now);
    milliseconds next_delay(bool progressed, SteadyTime now);
    milliseconds sleep_for(milliseconds delay);

    OutcomeStore& store_;
    const WatcherConfig config_;
    const Clock& clock_;
    Wakeup wakeup_;

    std::mutex mutex_;
    std::vector<Wait> new_waits_;
    std::size_t watched_ = 0;  // transactions
    bool stopped_ = false;
    milliseconds sleeping_ = milliseconds::max();  // how long the watcher's thread may be asleep

    // Of the watcher's thread.
    std::vector<Wait> waits_;
    milliseconds delay_;
    SteadyTime busy_until_{};
    bool failing_ = false;

    LoopThread loop_;  // last: it uses everything above
};

}  // namespace ledgerline::api
