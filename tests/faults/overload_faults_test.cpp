// Family 8: far more than can be taken is offered. It is refused early, memory stays bounded, what was accepted drains,
// and afterwards everything is as before.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "faults/fault_test.h"

namespace ledgerline::test {
namespace {

constexpr int kClients = 4;
constexpr int kFlood = 256;
constexpr int kFloodBatch = 500;
constexpr std::int64_t kLookMs = 200;
// Every process, whatever is offered. The queue of the API holds 20 000 rows, each some hundreds of bytes.
constexpr std::int64_t kResidentBytesMax = std::int64_t{600} << 20;
// Afterwards, compared with before: generous, because others use the machine as well.
constexpr int kSlowdownMax = 20;
constexpr milliseconds kLatencyFloor{20};

#if __has_feature(address_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

class OverloadFaults : public FaultTest {
protected:
    ClientPlan calm(const std::string& name) {
        return {.ports = stack().api_ports(), .seed = random().next(), .name = name, .pause = milliseconds(2)};
    }
    // The time that most requests of a few calm clients take.
    milliseconds calm_latency(const std::string& name) {
        Load load(calm(name), kClients);
        load.prepare();
        load.start();
        EXPECT_TRUE(load.wait_accepted(1000));
        load.stop();
        keep(load);
        return load.latency_percentile(0.95);
    }
    // Transactions a second that clients with patience bring in.
    double sustained_rate(std::int64_t ms) {
        ClientPlan plan = calm("sustained");
        plan.batch_percent = 100;
        plan.batch_items_max = kFloodBatch;
        plan.pause = milliseconds(0);
        Load load(plan, kClients);
        load.prepare();
        load.start();
        pause(ms);
        load.stop();
        keep(load);
        return static_cast<double>(load.counters().accepted) * 1000 / static_cast<double>(ms);
    }
    void note_memory() {
        for (Role* role : stack().all())
            resident_bytes_[role->process().name()] =
                std::max(resident_bytes_[role->process().name()], role->process().resident_bytes());
    }
    void keep(const Load& load) {
        for (Evidence& each : load.evidence()) evidence_.push_back(std::move(each));
    }

    std::map<std::string, std::int64_t> resident_bytes_;  // the most that was seen
    std::vector<Evidence> evidence_;
};

TEST_F(OverloadFaults, RefusedEarlyAndDrained) {
    start_stack({.apis = 1, .publishers = 1, .workers = 1});
    const int seconds = fault_rounds({.few = 3, .many = 30});
    const milliseconds before = calm_latency("before");
    const double sustained = sustained_rate(3000);
    note(fmt::format("95 % of requests within {} ms; sustained {:.0f}/s", before.count(), sustained));

    ClientPlan flood = calm("flood");
    flood.batch_percent = 100;
    flood.batch_items_max = kFloodBatch;
    flood.pause = milliseconds(0);
    flood.insist = false;
    Load load(flood, kFlood);
    load.prepare();
    const SteadyTime begun = SystemClock().steady_now();
    load.start();
    while (SystemClock().steady_now() - begun < std::chrono::seconds(seconds)) {
        note_memory();
        pause(kLookMs);
    }
    load.stop();
    keep(load);
    const LoadCounters& counters = load.counters();
    const double offered = static_cast<double>(counters.offered) / seconds;
    note(
        fmt::format("{} s: offered {:.0f}/s, {:.1f} times what is sustained; accepted {:.0f}/s, refused early {}, "
                    "unknown {}",
                    seconds, offered, offered / sustained, static_cast<double>(counters.accepted) / seconds,
                    counters.early.load(), counters.unknown.load()));
    // With a sanitizer the clients, which share it, need not offer more than is taken.
    if (!kSanitized) EXPECT_GT(counters.early, 0);
    EXPECT_GT(counters.accepted, 0);

    const SteadyTime ended = SystemClock().steady_now();
    EXPECT_TRUE(wait_drained(stack().postgres()));
    note_memory();
    note(fmt::format("drained after {} ms",
                     std::chrono::duration_cast<milliseconds>(SystemClock().steady_now() - ended).count()));
    for (const auto& [name, bytes] : resident_bytes_) {
        note(fmt::format("{}: at most {} MiB", name, bytes >> 20));
        EXPECT_LT(bytes, kResidentBytesMax) << name;
    }
    const milliseconds after = calm_latency("after");
    note(fmt::format("95 % of requests within {} ms again", after.count()));
    EXPECT_LE(after, std::max(before, kLatencyFloor) * kSlowdownMax);
    stack().expect_running();
    stack().expect_sound(evidence_);
    stack().expect_outcomes_told();
}

}  // namespace
}  // namespace ledgerline::test
