// IntakeBatcher: collects the rows of all requests of the process and has them accepted in groups, one database
// transaction after the other (group commit).
//
// One thread takes everything that waits as soon as the previous batch has committed, and never waits for more when it
// is idle. The rows of a request are taken in order, so an account's rows stay in order across batches too. Requests
// take turns (IntakeQueue). Whatever happens, each row is answered exactly once, at most request_timeout after it was
// submitted.
//
// How failures are handled:
//   lock timeout on a lane      the batch is tried again without waiting for any lane. Rows of lanes that another
//                               session holds are not accepted, and those lanes are not waited for until a try gets
//                               them
//   other lock, deadlock        the same batch is tried again, until its deadline
//   statement timeout           the batch is halved, and so are those that follow, until one succeeds. A row that takes
//                               too long alone is not accepted
//   a refused row               found by halving; it fails alone, or with the chain that it belongs to
//   refused rows in succession  if for the same reason, an outage of the database: no row is at fault
//   anything else               an outage: everything that waits is answered, and the database is probed
//
// Rows that were not accepted are answered with an Error:
//   overloaded            the queue is full, or the row waited too long in it. Nothing was stored
//   database_unavailable  the database cannot be reached or cannot write. Nothing was stored
//   shutting_down         nothing was stored
//   outcome_unknown       it may have been stored; sending the same key again will tell
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/loop.h"
#include "base/wakeup.h"
#include "intake/intake_probe.h"
#include "intake/intake_queue.h"
#include "intake/intake_store.h"
#include "intake/short_batches.h"
#include "observe/process_context.h"

namespace ledgerline::intake {

// How a busy intake gathers. A batch costs the database as much as 30 of its rows, and those who were just answered are
// about to send again: so after a batch of several rows the next one waits until as many have come, unless none comes
// any more.
struct Gathering {
    std::size_t busy_rows_min = 6;         // several
    std::size_t rows_enough = 200;         // for which it does not wait any longer
    std::chrono::microseconds step{60};    // between two looks
    std::chrono::microseconds quiet{300};  // for so long nothing came: nothing will
    std::chrono::microseconds max{3'000};  // the longest wait
};

struct IntakeConfig {
    std::size_t queue_rows_max = 20'000;
    std::size_t queue_bytes_max = limits::intake_queue_bytes_max;
    std::size_t batch_rows_max = 500;
    std::size_t batch_bytes_max = limits::intake_batch_bytes_max;
    // The share of one request in a batch before the others have had their turn.
    std::size_t turn_rows_max = 64;
    std::size_t turn_bytes_max = limits::intake_turn_bytes_max;
    Gathering gathering{};
    Sharing sharing{};
    milliseconds request_timeout{10'000};
    Backoff::Limits backoff{milliseconds(20), milliseconds(1'000)};
    // Given the events of each commit, at least one, in the order of their lanes, before the publisher is woken. Called
    // on the batcher's thread; must not block.
    std::function<void(std::vector<Event>)> hand_over{};
    // How long the next batch is to wait, as in Pace. Called on the batcher's thread before each.
    std::function<milliseconds()> pause{};
};

class IntakeBatcher {
public:
    using OnFatal = std::function<void(const Error&)>;

    // Arguments passed by reference must outlive it. publisher_wakeup is notified after each commit that stored rows.
    // on_fatal is called at most once, on the batcher's thread, when the database says that no batch can ever succeed;
    // from then on rows are answered with database_unavailable.
    IntakeBatcher(IntakeStore& store, const IntakeConfig& config, Wakeup& publisher_wakeup, OnFatal on_fatal,
                  const ProcessContext& context);
    ~IntakeBatcher() { stop(); }
    IntakeBatcher(const IntakeBatcher&) = delete;
    IntakeBatcher& operator=(const IntakeBatcher&) = delete;

    // Call once, before accept().
    void start();
    // Lets the current batch end, then answers everything that waits. Idempotent.
    void stop();

    // Has the items accepted, in order: one answer per item. Thread-safe.
    boost::asio::awaitable<IntakeReply> accept(std::vector<IntakeItem> items);
    // The same without a coroutine: `answered` is called once, on a thread of the batcher or on the calling thread.
    void submit(std::vector<IntakeItem> items, Resume<IntakeReply> answered);

    // Why intake cannot commit, as of its last try; empty while it can. Thread-safe.
    std::optional<std::string> trouble() const { return probe_.trouble(); }

private:
    // One batch, and the state of its tries.
    struct Attempt {
        SteadyTime deadline;
        bool tried = false;
        bool waits_for_lanes = true;
        bool connection_renewed = false;
        std::optional<Error> outage{};  // the answer to all rows from then on
    };

    void run_round();
    void keep_pace();
    bool rest();
    void gather();
    std::size_t rows_max() const;
    milliseconds answer_late();
    IntakeAnswers accept_batch(const IntakeQueue::Batch& batch);
    IntakeAnswers accept_items(std::span<const IntakeItem> items, Attempt& attempt, bool fate_unknown = false);
    Result<std::vector<IntakeResult>> try_once(std::span<const IntakeItem> items, const Attempt& attempt);
    IntakeAnswers accept_halves(std::span<const IntakeItem> items, Attempt& attempt, bool fate_unknown);
    IntakeAnswers refuse_chain(std::span<const IntakeItem> items, const Error& error, Attempt& attempt);
    IntakeAnswers accept_rest(std::span<const IntakeItem> items, std::map<Uuid, Error> left, Attempt& attempt,
                              bool fate_unknown);
    IntakeAnswers accepted(std::span<const IntakeItem> items, std::vector<IntakeResult> results, bool fate_unknown);
    void hand_over(std::span<const IntakeItem> items, std::span<const IntakeResult> results) const;
    void note_lanes(const IntakeItem& item, const IntakeResult& result);
    void note_queue() { probe_.queued(queue_.waiting().size); }
    void lose_database(const Error& error);
    void reach_database();
    void probe_database();

    IntakeStore& store_;
    const IntakeConfig config_;
    const Clock& clock_;
    IntakeProbe probe_;
    Wakeup& publisher_wakeup_;
    const OnFatal on_fatal_;
    Backoff backoff_;
    IntakeQueue queue_;
    std::atomic<bool> stopping_ = false;
    // Used by the batcher's thread only.
    bool reachable_ = true;
    bool broken_ = false;
    std::set<int> held_lanes_;    // by another session, for longer than the lock timeout
    std::size_t batch_rows_max_;  // halved when a batch times out, doubled when one succeeds
    std::size_t last_batch_rows_ = 0;
    std::size_t last_waiting_rows_ = 0;  // before they were answered
    ShortBatches short_batches_;
    std::string refusal_code_;  // of the last rows in a row that were refused alone
    int refusals_in_a_row_ = 0;
    Wakeup stop_wakeup_;
    Wakeup deadline_wakeup_;
    LoopThread loop_;       // runs the batches
    LoopThread deadlines_;  // answers requests that are late
};

}  // namespace ledgerline::intake
