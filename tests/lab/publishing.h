// A publish as tests want it: sent, and waited for.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <span>
#include <thread>
#include <vector>

#include "bus/bus.h"

namespace ledgerline::test {

// What became of each message. One without a report at the deadline (of the steady clock) counts as failed, and its
// report is lost with the next call.
inline std::vector<bus::Fate> publish(bus::Producer& producer, std::span<const bus::Outgoing> messages,
                                      SteadyTime deadline) {
    std::vector<bus::Fate> fates(messages.size(), bus::Fate::failed);
    const std::uint64_t first = producer.send(messages);
    std::set<std::uint64_t> open;
    for (std::size_t i = 0; i < messages.size(); ++i) open.insert(first + i);
    do {
        for (const bus::Report& report : producer.collect(deadline)) {
            if (open.erase(report.number) > 0) fates[report.number - first] = report.fate;
            EXPECT_EQ(report.reason.empty(), report.fate == bus::Fate::delivered);
        }
    } while (!open.empty() && std::chrono::steady_clock::now() < deadline);
    return fates;
}

// Waits until nothing that the producer knows of keeps messages from the first partitions of its topic.
inline void await_no_obstacle(const bus::Producer& producer, int partitions, SteadyTime deadline) {
    for (int partition = 0; partition < partitions; ++partition)
        while (!producer.obstacle(partition).empty()) {
            ASSERT_LT(std::chrono::steady_clock::now(), deadline) << producer.obstacle(partition);
            std::this_thread::yield();
        }
}

inline std::vector<bus::Fate> all_delivered(std::size_t count) {
    return std::vector<bus::Fate>(count, bus::Fate::delivered);
}

}  // namespace ledgerline::test
