// KafkaReaper: destroys handles of the Kafka client library, and counts those that it had to leave behind.
#pragma once

#include <librdkafka/rdkafka.h>

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>

#include "base/clock.h"
#include "observe/metrics.h"

namespace ledgerline::bus {

// Destroys handles, each on a thread of its own. Thread-safe.
class KafkaReaper {
public:
    // A handle that takes longer counts as left behind.
    static constexpr milliseconds destroy_wait_max{5000};

    explicit KafkaReaper(Metrics& metrics);
    ~KafkaReaper();  // waits like any_left_behind()
    KafkaReaper(const KafkaReaper&) = delete;
    KafkaReaper& operator=(const KafkaReaper&) = delete;

    // Never blocks. used_by_callbacks lives as long as the handle.
    void destroy(rd_kafka_t* handle, std::shared_ptr<void> used_by_callbacks);

    // Counts those that take too long. Call it from time to time.
    void look();

    // Waits until all are destroyed or have taken too long. Returns whether some have.
    bool any_left_behind();

private:
    struct Destruction {
        SteadyTime begun_at;
        bool counted = false;
    };
    // Shared with the threads, which may outlive the reaper.
    struct State {
        std::mutex mutex;
        std::condition_variable done;
        std::list<Destruction> destructions;
    };
    std::shared_ptr<State> state_ = std::make_shared<State>();
    Metrics& metrics_;
};

}  // namespace ledgerline::bus
