// Notifier: sends outcomes to the endpoints whose leases it holds.
//
// Each endpoint has a queue of its own, which takes what the feed's tail tells (or what the database has, while the
// endpoint is behind) as long as it has room. All messages of all endpoints are sent at once by one sender, at most so
// many of each endpoint. How far each was told, and what was not taken, is stored at most once a second: what was sent
// since is sent again by the next notifier, with the same ids.
//
// Not thread-safe: step() and release() belong to one thread at a time, wake() to any.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/backoff.h"
#include "feed/tail.h"
#include "notify/endpoint_queue.h"
#include "notify/notify_probe.h"
#include "notify/notify_store.h"
#include "notify/sender.h"
#include "observe/process_context.h"

namespace ledgerline::notify {

struct NotifierConfig {
    std::string owner;
    QueueLimits queue = {};
    milliseconds lease_term{10'000};
    milliseconds renew_interval{1'000};  // also: changes of endpoints are seen
    milliseconds note_interval{1'000};
    milliseconds prune_interval{10'000};
    std::size_t connections_max = 256;  // of all endpoints
    std::size_t connections_of_one_max = 16;
    std::size_t connections_of_one_min = 4;
};

class Notifier {
public:
    // Limits of one step.
    static constexpr std::size_t loaded_per_step_max = 100;
    static constexpr std::size_t rows_per_note_max = 5'000;
    static constexpr milliseconds run_max{100};
    static constexpr Backoff::Limits outage_backoff{milliseconds(50), milliseconds(5'000)};

    // Arguments passed by reference must outlive it; the tail is stopped before it is destroyed.
    Notifier(NotifierConfig config, NotifyStore& store, feed::FeedTail& tail, Sender& sender,
             const ProcessContext& context);

    // Does what there is to do. Returns how long to sleep; an error only when nothing can succeed until somebody fixes
    // the installation (Disposition::stop).
    Result<milliseconds> step();
    // Ends a step that waits. Thread-safe.
    void wake() { sender_.wake(); }
    // Stores what is known and gives up the endpoints, as far as that is possible.
    void release();

private:
    struct Target {
        Endpoint endpoint;
        EndpointQueue queue;
        feed::FeedTail::Seat seat = {};
        bool follows = false;  // the tail will answer
        bool behind = true;    // the database is to be read
        std::optional<DisableReason> to_disable = {};
        feed::FeedPosition noted = {};
        std::string last_error = {};
    };
    // What the tail told, by the endpoint's id and the epoch of its lease.
    struct Told {
        Uuid id;
        std::int64_t epoch = 0;
        feed::Tailed tailed;
    };
    struct Inbox {
        std::mutex mutex;
        std::vector<Told> told;
    };
    struct UnderWay {
        Uuid id;
        std::int64_t epoch = 0;
        Uuid queue;
    };

    Result<void> run_round(SteadyTime now);
    Result<void> renew(SteadyTime now);
    void forget_targets();
    Result<void> adopt(Leases leases);
    Result<void> add_requested();
    void take_told();
    void take(Target& target, const std::vector<std::shared_ptr<const feed::Outcome>>& outcomes,
              const feed::FeedPosition& position);
    void follow(Target& target);
    Result<void> read_behind();
    Result<void> load_events();
    void send(SteadyTime now);
    void send(Target& target, const Delivery& delivery);
    void take_answers(milliseconds at_most);
    void take(const Answered& answer);
    Result<void> note(SteadyTime now);
    Result<void> disable_those_to_be();
    void measure();
    std::size_t connections_of_one() const;
    milliseconds until_due(SteadyTime now) const;

    const NotifierConfig config_;
    NotifyStore& store_;
    feed::FeedTail& tail_;
    Sender& sender_;
    const ProcessContext context_;
    const Clock& clock_;
    NotifyProbe probe_;

    std::map<Uuid, Target> targets_;
    std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
    std::map<std::uint64_t, UnderWay> under_way_;
    std::uint64_t next_number_ = 1;
    SteadyTime renew_at_{}, note_at_{}, prune_at_{};
    SteadyTime lease_ends_at_{};  // by this process' clock
    SteadyTime retry_at_{};       // the database
    bool session_lost_ = false;   // since the leases were renewed
    Backoff database_backoff_;
};

}  // namespace ledgerline::notify
