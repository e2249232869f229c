// FeedTail: the newest outcomes, in memory, for everybody who waits for the next ones.
//
// One thread reads each outcome once, however many wait, and reads nothing while nobody does. Outcomes written in this
// process wake it. For those written in others it polls: every few milliseconds while outcomes come, less often when
// none come. Who is behind what the tail holds is told so, and reads the database.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/loop.h"
#include "base/resume.h"
#include "base/wakeup.h"
#include "feed/window.h"
#include "observe/metrics.h"

namespace ledgerline::feed {

struct TailConfig {
    std::size_t seats = 1'000;  // who may wait at the same time
    std::size_t kept_max = 10'000;
    std::size_t kept_bytes_max = limits::feed_tail_bytes_max;
    WindowLimits window{.rows_max = 2'000, .scan_max = 2'000};
    // Between two reads, so that there are not as many as commits: gap, or gap_factor times what the last one took, but
    // at most gap_max. So the reads of whoever is up to date take a small part of a busy server.
    milliseconds gap{10};
    int gap_factor = 20;
    milliseconds gap_max{100};
    // After a read that found nothing: doubled up to idle_max.
    milliseconds idle_min{20};
    milliseconds idle_max{200};
    milliseconds forget_after{5'000};  // without anybody who waits
};

struct Tailed {
    enum class Kind {
        told,     // outcomes follow
        nothing,  // the deadline passed
        behind,   // the tail does not reach back to the position: read the database
        closed,   // stop() was called
    };
    Kind kind = Kind::closed;
    std::vector<std::shared_ptr<const Outcome>> outcomes = {};
    FeedPosition position = {};  // where to go on, whatever the kind
};

class FeedTail {
public:
    // Arguments passed by reference must outlive it.
    FeedTail(FeedStore& store, TailConfig config, const Clock& clock, Metrics& metrics);
    ~FeedTail() { stop(); }
    FeedTail(const FeedTail&) = delete;
    FeedTail& operator=(const FeedTail&) = delete;

    void start();
    // Answers all who wait, and newcomers at once. Idempotent.
    void stop();

    // The right to wait, one wait at a time. Null when all seats are taken. Thread-safe; the tail must outlive it.
    using Seat = std::shared_ptr<void>;
    Seat take_seat();

    // Waits for outcomes after the position that match, at most rows_max of them. Thread-safe.
    boost::asio::awaitable<Tailed> next(FeedPosition from, FeedFilter filter, std::size_t rows_max,
                                        SteadyTime deadline);
    // The same without a coroutine: `resume` is called once, on the tail's thread or on the calling thread.
    void follow(const FeedPosition& from, const FeedFilter& filter, std::size_t rows_max, SteadyTime deadline,
                Resume<Tailed> resume);

    // Notify it when outcomes may have been written. Thread-safe.
    Wakeup& wakeup() { return wakeup_; }

private:
    struct Wait {
        FeedFilter filter;
        std::size_t rows_max = 0;
        SteadyTime deadline;
        Resume<Tailed> resume;
        Tailed answer = {};
        std::size_t bytes = 0;
        bool full = false;
    };

    Result<milliseconds> tick();
    std::vector<Wait> take_new_waits();
    void forget();
    bool read(SteadyTime now);
    Result<FeedWindow> read_window();
    bool is_behind(const Wait& wait) const;
    void offer(Wait& wait, const std::shared_ptr<const Outcome>& outcome) const;
    void keep(FeedWindow window);
    // Offers what follows the wait's position of what is kept.
    void offer_kept(Wait& wait) const;
    void seat(std::vector<Wait> newcomers);
    void answer_finished(SteadyTime now);
    milliseconds sleep_for(SteadyTime now) const;

    FeedStore& store_;
    const TailConfig config_;
    const Clock& clock_;
    Metrics& metrics_;
    Wakeup wakeup_;

    std::mutex mutex_;
    std::vector<Wait> new_waits_;
    std::size_t seats_taken_ = 0;
    bool stopped_ = false;

    // Used by the tail's thread only.
    std::vector<Wait> waits_;
    bool warm_ = false;
    FeedPosition begin_;  // what is kept follows it
    FeedPosition end_;
    std::deque<FeedWindow> kept_;  // in the order they were read; none is empty
    std::size_t kept_count_ = 0;   // outcomes
    std::size_t kept_bytes_ = 0;
    SteadyTime read_at_{};       // the last time it could
    SteadyTime next_read_at_{};  // at the earliest
    milliseconds idle_;
    bool failing_ = false;

    LoopThread loop_;  // last: it uses everything above
};

}  // namespace ledgerline::feed
