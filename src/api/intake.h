// IntakeBatcher: takes rows from all requests of the process and has them accepted together, one transaction after the
// other (group commit).
//
// One thread takes whatever waits when the previous batch has committed, and never waits for more when it is idle. Rows
// are taken in the order of submission, so one account's rows keep their order also across batches. Whatever happens,
// each row is answered once, at most request_timeout after it was submitted.
//
// Rows that were not accepted are answered with an Error:
//   overloaded            the queue is full, or the row waited in it for too long. Nothing was stored
//   database_unavailable  the database cannot be reached or cannot write. Nothing was stored
//   shutting_down         nothing was stored
//   outcome_unknown       it may have been stored; the same key will tell
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <span>
#include <thread>
#include <vector>

#include "api/intake_queue.h"
#include "api/intake_store.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/wakeup.h"
#include "observe/metrics.h"
#include "observe/tracer.h"

namespace ledgerline {

struct IntakeConfig {
    std::size_t queue_rows_max = 20'000;
    std::size_t batch_rows_max = 500;
    milliseconds request_timeout{10'000};
    Backoff::Limits backoff{milliseconds(20), milliseconds(1'000)};
};

class IntakeBatcher {
public:
    using OnFatal = std::function<void(const Error&)>;

    // All references must outlive it. publisher_wakeup is notified after each commit that stored rows. on_fatal is
    // called, on the batcher's thread and at most once, when the database says that no batch can ever succeed; rows
    // are answered with database_unavailable from then on.
    IntakeBatcher(IntakeStore& store, IntakeConfig config, const Clock& clock, Random& random, Metrics& metrics,
                  Wakeup& publisher_wakeup, OnFatal on_fatal, Tracer& tracer = Tracer::off());
    ~IntakeBatcher() { stop(); }
    IntakeBatcher(const IntakeBatcher&) = delete;
    IntakeBatcher& operator=(const IntakeBatcher&) = delete;

    // To be called once, and before accept().
    void start();
    // Lets the batch under way end, then answers everything that waits. Repeatable.
    void stop();

    // Has items accepted, in order: one answer an item. Thread-safe.
    boost::asio::awaitable<IntakeAnswers> accept(std::vector<IntakeItem> items);
    // The same without a coroutine: answered is called once, on a thread of the batcher or on the calling one.
    void submit(std::vector<IntakeItem> items, Resume<IntakeAnswers> answered);

    // Whether the last try reached the database. Thread-safe.
    bool database_reachable() const { return reachable_; }

private:
    void run();
    void run_deadlines();
    IntakeAnswers accept_batch(const IntakeQueue::Batch& batch);
    IntakeAnswers accept_items(std::span<const IntakeItem> items, SteadyTime deadline);
    IntakeAnswers bisect(std::span<const IntakeItem> items, const Error& error, SteadyTime deadline);
    IntakeAnswers accepted(std::vector<IntakeResult> results);
    void lose_database(const Error& error);
    void reach_database();
    void probe_database();
    void count(const IntakeAnswers& answers);

    IntakeStore& store_;
    const IntakeConfig config_;
    const Clock& clock_;
    Metrics& metrics_;
    prometheus::Counter& created_total_;
    prometheus::Counter& replayed_total_;
    prometheus::Counter& refused_total_;
    prometheus::Counter& failed_total_;
    Wakeup& publisher_wakeup_;
    const OnFatal on_fatal_;
    Tracer& tracer_;
    Backoff backoff_;
    IntakeQueue queue_;
    std::atomic<bool> reachable_ = true;
    std::atomic<bool> stopping_ = false;
    bool broken_ = false;     // of the batcher's thread
    Wakeup stop_wakeup_;      // of the batcher's thread
    Wakeup deadline_wakeup_;  // of the deadline thread
    std::thread thread_;
    std::thread deadline_thread_;
};

}  // namespace ledgerline
