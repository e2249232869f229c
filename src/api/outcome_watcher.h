// OutcomeWatcher: lets requests wait until their transactions are settled (Prefer: wait).
//
// One thread serves all waiting requests of the process. At each tick it reads the lanes' apply cursors and then, in
// one query, only the transactions that the cursors have passed: a tick costs nothing for those that go on waiting.
// Outcomes written in this process wake it. For those
// written in others it ticks on its own: every few milliseconds while requests have just arrived, less often when they
// have waited for long, and not at all when none waits.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
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

// The watcher's reads. Not thread-safe: one thread at a time.
class OutcomeStore {
public:
    virtual ~OutcomeStore() = default;
    using Seqs = std::map<int, std::int64_t>;  // by lane

    // Of the lanes of at_least that have come so far: every event up to that seq has an outcome or a dead letter.
    virtual Result<Seqs> applied_seqs(const Seqs& at_least) = 0;
    // The transactions among ids that exist, without their metadata, in no particular order.
    virtual Result<std::vector<TransactionRecord>> read(std::span<const Uuid> ids) = 0;
};

class PgOutcomeStore final : public OutcomeStore {
public:
    // metrics must outlive the store.
    PgOutcomeStore(db::ConnectionConfig config, Metrics& metrics);
    Result<Seqs> applied_seqs(const Seqs& at_least) override;
    Result<std::vector<TransactionRecord>> read(std::span<const Uuid> ids) override;

private:
    db::Session session_;
};

struct WatcherConfig {
    std::size_t transactions_max = 50'000;  // waiting at the same time
    std::size_t read_max = 1'000;           // per query
    // Time between ticks: poll_min after one that settled something, doubled up to poll_max, while a request has
    // arrived within the last busy_for; then idle_max.
    milliseconds poll_min{1};
    milliseconds poll_max{2};
    milliseconds busy_for{2'000};
    milliseconds idle_max{200};
};

class OutcomeWatcher {
public:
    // Arguments passed by reference must outlive it.
    OutcomeWatcher(OutcomeStore& store, WatcherConfig config, const Clock& clock, Metrics& metrics);
    ~OutcomeWatcher() { stop(); }
    OutcomeWatcher(const OutcomeWatcher&) = delete;
    OutcomeWatcher& operator=(const OutcomeWatcher&) = delete;

    void start();
    // Answers all waiting requests with the current state, and new ones at once. Idempotent.
    void stop();

    struct Settled {
        std::vector<TransactionRecord> records;
        bool waited = false;  // false: not settled, because too many wait already or stop() was called
    };
    // Waits until all records are settled, or until deadline. Returns them in the same order, in their last known
    // state. Leave metadata out: it is not read, and would be held for the whole wait. Thread-safe.
    boost::asio::awaitable<Settled> settle(std::vector<TransactionRecord> records, SteadyTime deadline);
    // The same without a coroutine: `settled` is called once, on the watcher's thread or on the calling thread.
    void watch(std::vector<TransactionRecord> records, SteadyTime deadline, Resume<Settled> settled);

    // Notify it when outcomes may have been written. Thread-safe.
    Wakeup& wakeup() { return wakeup_; }

private:
    struct Wait;
    using Waits = std::multimap<SteadyTime, std::unique_ptr<Wait>>;  // by deadline
    struct Open {
        Wait* wait = nullptr;
        std::size_t nth = 0;  // of its records
    };
    using Opens = std::multimap<std::pair<int, std::int64_t>, Open>;  // records that are not settled, by lane and seq
    struct Wait {
        std::vector<TransactionRecord> records;
        std::vector<Opens::iterator> opens;  // of the records; none where one is settled
        std::size_t open = 0;                // records not settled
        SteadyTime deadline;
        Resume<Settled> settled;
        Waits::iterator self{};
    };

    enum class Added { no, will_be_seen, must_wake };
    // Moves from the wait, unless it returns no.
    Added try_add(std::unique_ptr<Wait>& wait);
    Result<milliseconds> tick();
    bool take_new_waits();
    void open(Wait& wait, std::size_t nth);
    OutcomeStore::Seqs lowest_opens() const;
    std::vector<Opens::iterator> to_read(const std::map<int, std::int64_t>& applied, SteadyTime now);
    bool update(std::span<const Opens::iterator> opens);
    bool hand_out(Opens::iterator open, const TransactionRecord& found);
    void answer_finished(SteadyTime now);
    void answer(Wait& wait);
    milliseconds next_delay(bool progressed, SteadyTime now);
    milliseconds sleep_for(milliseconds delay);

    OutcomeStore& store_;
    const WatcherConfig config_;
    const Clock& clock_;
    Wakeup wakeup_;

    std::mutex mutex_;
    std::vector<std::unique_ptr<Wait>> new_waits_;
    std::size_t watched_ = 0;  // transactions
    bool stopped_ = false;
    milliseconds sleeping_ = milliseconds::max();  // how long the watcher's thread may be sleeping

    // Used by the watcher's thread only.
    Waits waits_;
    Opens opens_;
    std::vector<Wait*> finished_;  // settled, to be answered
    milliseconds delay_;
    SteadyTime busy_until_{};
    bool failing_ = false;

    LoopThread loop_;  // last: it uses everything above
};

}  // namespace ledgerline::api
