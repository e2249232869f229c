// DeadLetterFeed: puts the dead letters of the database on their topic, for those who consume them elsewhere.
//
// At least once: a letter counts as announced when the bus has acknowledged it and the database has heard of that; what
// fails in between is sent again, under the same dlq-id. One step() reads letters of the lanes that its publisher holds
// leases for, sends those that are not under way with no transaction open, and marks those that were acknowledged,
// however late. Workers never wait for it. A letter that the bus does not take holds up no other: the feed goes on
// behind it and comes back. One that is refused is cut to half its size until it fits.
//
// Not thread-safe: step() belongs to one thread at a time.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "base/result.h"
#include "bus/bus.h"
#include "letters/dead_letter_store.h"
#include "observe/metrics.h"

namespace ledgerline::letters {

class DeadLetterFeed {
public:
    // What one round takes at most: a letter may have dead_letter_value_bytes_max.
    static constexpr std::size_t letters_per_round_max = 25;
    static constexpr std::size_t bytes_per_round_max = limits::dead_letter_round_bytes_max;
    // How long one round waits for the bus, and how many letters that are acknowledged later may be under way.
    static constexpr milliseconds round_wait_max{1000};
    static constexpr std::size_t letters_under_way_max = 100;
    // A letter that is refused even at this size is tried again only after that time.
    static constexpr std::size_t cut_bytes_min = 8192;
    static constexpr milliseconds refused_retry_interval{30'000};
    static constexpr std::size_t refused_letters_max = 1000;  // remembered
    // Sleep after a round that announced something; it doubles with every round that found nothing.
    static constexpr milliseconds idle_min{10};
    static constexpr milliseconds idle_max{1000};
    static constexpr milliseconds measure_interval{1000};
    static constexpr Backoff::Limits outage_backoff{milliseconds(50), milliseconds(5000)};

    // owner: that of the publisher of the same process. Everything passed by reference must outlive the feed.
    DeadLetterFeed(std::string owner, DeadLetterStore& store, bus::Producer& producer, const Clock& clock,
                   Random& random, Metrics& metrics);

    // Does one round. Returns how long to sleep; an error only when nothing can succeed until somebody mends the
    // installation (Disposition::stop).
    Result<milliseconds> step();

private:
    // A letter that the bus has and has not reported of.
    struct Sent {
        Uuid letter;
        std::size_t bytes_max = 0;  // as it was encoded
    };
    struct Refused {
        std::size_t bytes_max = 0;  // to be tried next
        SteadyTime retry_at{};
    };

    Result<milliseconds> run_round();
    Result<void> measure();
    bool may_send(const Uuid& letter) const;
    std::size_t send(const std::vector<DeadLetter>& letters);
    void take_reports(SteadyTime deadline);
    void note_refused(const Uuid& letter, std::size_t bytes_max, const std::string& reason);
    Result<void> mark();
    Result<milliseconds> pause_for_database(const Error& error);
    milliseconds pause_for_bus(const std::string& reason);
    milliseconds pause(Backoff& backoff);

    const std::string owner_;
    DeadLetterStore& store_;
    bus::Producer& producer_;
    const Clock& clock_;
    Metrics& metrics_;

    std::map<std::uint64_t, Sent> under_way_;  // by number
    std::set<Uuid> letters_under_way_;
    std::vector<Uuid> taken_;          // acknowledged, not marked yet
    std::map<Uuid, Refused> refused_;  // for their size
    std::string failure_;              // of the last letter that was not taken in this round, but for those refused
    Uuid after_{};                     // where the next round begins; zero: with the oldest letter
    SteadyTime measure_at_{};
    SteadyTime retry_at_{};
    Backoff database_backoff_;
    Backoff bus_backoff_;
    milliseconds idle_ = idle_min;
};

}  // namespace ledgerline::letters
