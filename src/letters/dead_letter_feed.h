// DeadLetterFeed: publishes the dead letters of the database to their topic, for other systems to consume.
//
// At least once: a letter counts as published when the bus has acknowledged it and the database has recorded that. What
// fails in between is sent again, under the same dlq-id. Each step() reads letters of the lanes whose leases its
// publisher holds, sends those that are not under way with no transaction open, and marks those that were acknowledged,
// however late. Workers never wait for it. A letter that the bus does not accept does not delay the others: the feed
// continues after it and comes back to it. A letter that is refused is cut to half its size until it fits.
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
#include "base/result.h"
#include "bus/bus.h"
#include "letters/dead_letter_store.h"
#include "letters/feed_probe.h"
#include "observe/process_context.h"

namespace ledgerline::letters {

class DeadLetterFeed {
public:
    // Limits of one round. One letter may have dead_letter_value_bytes_max.
    static constexpr std::size_t letters_per_round_max = 25;
    static constexpr std::size_t bytes_per_round_max = limits::dead_letter_round_bytes_max;
    // How long one round waits for the bus, and how many letters may be under way, acknowledgements of earlier rounds
    // included.
    static constexpr milliseconds round_wait_max{1000};
    static constexpr std::size_t letters_under_way_max = 100;
    // A letter that is refused even at this size is retried only after refused_retry_interval.
    static constexpr std::size_t cut_bytes_min = 8192;
    static constexpr milliseconds refused_retry_interval{30'000};
    static constexpr std::size_t refused_letters_max = 1000;  // remembered
    // Sleep after a round that published something; it doubles with each round that found nothing.
    static constexpr milliseconds idle_min{10};
    static constexpr milliseconds idle_max{1000};
    static constexpr milliseconds measure_interval{1000};
    static constexpr Backoff::Limits outage_backoff{milliseconds(50), milliseconds(5000)};

    // owner: the owner name of the publisher in this process. Arguments passed by reference must outlive the feed.
    DeadLetterFeed(std::string owner, DeadLetterStore& store, bus::Producer& producer, const ProcessContext& context);

    // Runs one round. Returns how long to sleep; an error only when nothing can succeed until somebody fixes the
    // installation (Disposition::stop).
    Result<milliseconds> step();

private:
    // A letter that the bus has and has not reported on.
    struct Sent {
        Uuid letter;
        std::size_t bytes_max = 0;  // its size limit when it was encoded
    };
    struct Refused {
        std::size_t bytes_max = 0;  // the size limit of the next try
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
    FeedProbe probe_;

    std::map<std::uint64_t, Sent> under_way_;  // by number
    std::set<Uuid> letters_under_way_;
    std::vector<Uuid> taken_;          // acknowledged, not marked yet
    std::map<Uuid, Refused> refused_;  // for their size
    std::string failure_;              // of the last letter not accepted in this round, except for refused ones
    Uuid after_{};                     // where the next round begins; zero: at the oldest letter
    SteadyTime measure_at_{};
    SteadyTime retry_at_{};
    Backoff database_backoff_;
    Backoff bus_backoff_;
    milliseconds idle_ = idle_min;
};

}  // namespace ledgerline::letters
