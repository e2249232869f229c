// DeadLetterFeed: puts the dead letters of the database on their topic, for those who consume them elsewhere.
//
// At least once: a letter counts as announced when the bus has acknowledged it and the database has heard of that; what
// fails in between is sent again, under the same dlq-id. One step() reads letters of the lanes that its publisher holds
// leases for, produces them with no transaction open, and marks those that were acknowledged. Workers never wait for
// it. A letter that the bus refuses holds up no other: the feed goes on behind it and comes back.
//
// Not thread-safe: step() belongs to one thread at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "bus/bus.h"
#include "observe/metrics.h"
#include "publisher/dead_letter_store.h"

namespace ledgerline {

class DeadLetterFeed {
public:
    // What one round takes at most: a letter may have dead_letter_value_bytes_max.
    static constexpr std::size_t letters_per_round_max = 25;
    // How long one round waits for the bus.
    static constexpr milliseconds publish_timeout{5000};
    // Sleep after a round that announced something; it doubles with every round that found nothing.
    static constexpr milliseconds idle_min{10};
    static constexpr milliseconds idle_max{1000};
    static constexpr milliseconds measure_interval{1000};
    static constexpr Backoff::Limits outage_backoff{milliseconds(50), milliseconds(5000)};

    // owner: that of the publisher of the same process. Everything passed by reference must outlive the feed.
    DeadLetterFeed(std::string owner, DeadLetterStore& store, Producer& producer, const Clock& clock, Random& random,
                   Metrics& metrics);

    // Does one round. Returns how long to sleep; an error only when nothing can succeed until somebody mends the
    // installation (Disposition::stop).
    Result<milliseconds> step();

private:
    Result<milliseconds> run_round();
    Result<void> measure();
    std::optional<Error> produce(const std::vector<DeadLetter>& letters, std::vector<Uuid>& taken);
    Result<void> mark(const std::vector<Uuid>& taken);
    Result<milliseconds> pause_for_database(const Error& error);
    milliseconds pause_for_bus(const Error& error);
    milliseconds pause(Backoff& backoff);

    const std::string owner_;
    DeadLetterStore& store_;
    Producer& producer_;
    const Clock& clock_;
    Metrics& metrics_;

    Uuid after_{};  // where the next round begins; zero: with the oldest letter
    SteadyTime measure_at_{};
    SteadyTime retry_at_{};
    Backoff database_backoff_;
    Backoff bus_backoff_;
    milliseconds idle_ = idle_min;
};

}  // namespace ledgerline
