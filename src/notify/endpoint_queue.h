// EndpointQueue: what one endpoint is to be told: in order for each account, with pauses after what was not taken.
//
// An event waits for those of its account that were read before it, and for nothing else. When an event was not taken,
// it and all that wait for it are to be stored, so that the position of the endpoint can move over them. An endpoint
// that took nothing several times in a row is sent one message at a time, until it takes one.
//
// Not thread-safe; it does no I/O.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "base/random.h"
#include "notify/delivery.h"

namespace ledgerline::notify {

struct QueueLimits {
    std::size_t held_max = 10'000;   // deliveries, stored ones included
    std::size_t loaded_max = 1'000;  // events in memory
    int failures_in_row = 3;         // after which there is one message at a time
    milliseconds pause_min{5'000};   // after the first failure; doubled after each
    milliseconds pause_max{3'600'000};
    milliseconds retry_for{std::chrono::hours(72)};  // from the first attempt on
};

class EndpointQueue {
public:
    // Random must outlive it.
    EndpointQueue(QueueLimits limits, feed::FeedPosition position, Random& random);

    // What an earlier notifier left, in the order of the lanes. All of it is due at the times that it names.
    void restore(std::vector<Delivery> pending, const Clock& clock);
    // How many more events it takes.
    std::size_t room() const;
    // Up to where the feed was read.
    const feed::FeedPosition& read() const { return read_; }
    // An event of the feed, in the order of its lane.
    void add(Delivery delivery, SteadyTime now);
    // What was read from the feed ended here.
    void advance(const feed::FeedPosition& position) { read_.advance(position); }
    // What was asked for. Nothing is done if it is here already.
    void add_requested(Delivery delivery, SteadyTime now);

    // The next one to be sent, under way from now on; null when none is due. Valid until it is finished.
    Delivery* next(SteadyTime now);
    // When next() gives one, if nothing else happens.
    SteadyTime due() const;
    std::size_t under_way() const { return under_way_; }
    // What an attempt ended with. Whether the endpoint is to be disabled: it was tried for too long.
    enum class Verdict { go_on, give_up };
    Verdict finish(const Uuid& queue, Attempt attempt, milliseconds retry_after, const Clock& clock);
    // It was not sent after all.
    void put_back(const Uuid& queue, SteadyTime now);

    // Those that next() would give but whose event is not in memory, at most so many. Each is to be given to loaded().
    std::vector<Delivery*> to_load(SteadyTime now, std::size_t rows_max);
    void loaded(Delivery& delivery, std::shared_ptr<const feed::Outcome> outcome);

    // Appends what is to be stored, for the statement note_deliveries: at most rows_max rows. Returns how many.
    std::size_t append_changes(const Uuid& webhook_id, std::int64_t epoch, std::size_t rows_max, std::string& rows);
    // All that was appended was stored: frees its memory.
    void note_stored();
    // All before it was delivered or is stored.
    feed::FeedPosition settled() const;
    // Of the oldest event that was not delivered; nothing when all were.
    std::optional<WallTime> oldest() const;
    // How many deliveries are stored, to be tried again.
    std::size_t stored() const { return stored_; }

private:
    struct Account {
        std::deque<Delivery> queue;
        bool under_way = false;
        bool failing = false;  // its first event was not taken
        SteadyTime due{};
    };
    using Accounts = std::map<Uuid, Account>;
    struct Lane {
        struct Tracked {
            feed::FeedPlace place;
            bool settled = false;
        };
        std::deque<Tracked> unsettled;  // in its order, from the first that is not
        feed::FeedPlace settled;
    };

    bool is_failing() const { return failures_ >= limits_.failures_in_row; }
    bool is_due(const std::pair<SteadyTime, Uuid>& waiting, SteadyTime now) const;
    void push(Delivery delivery, SteadyTime due);
    void schedule(Accounts::iterator account, SteadyTime due);
    void unload(Delivery& delivery);
    void settle(const Delivery& delivery);
    void note_success(SteadyTime now);
    void note_failure(SteadyTime now);
    void pop(Accounts::iterator account, Fate fate, SteadyTime now);
    milliseconds pause_after(int attempts);

    const QueueLimits limits_;
    Random& random_;
    feed::FeedPosition read_;
    Accounts accounts_;
    std::set<std::pair<SteadyTime, Uuid>> waiting_;  // accounts of which none is under way, by the time of their next
    std::array<Lane, lane_count> lanes_;
    std::deque<std::pair<Delivery, Fate>> finished_;  // to be stored
    std::size_t finished_appended_ = 0;
    std::size_t held_ = 0, loaded_ = 0, under_way_ = 0, stored_ = 0;
    int failures_ = 0;      // in a row
    SteadyTime open_at_{};  // when it is failing: the next message not before this
};

}  // namespace ledgerline::notify
