// Family 2: processes that stand still for longer than their leases and sessions last, and then go on as if nothing had
// happened.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "faults/fault_test.h"

namespace ledgerline::test {
namespace {

constexpr int kClients = 6;
constexpr std::int64_t kSome = 200;
// Beyond the publisher's lease (5 s) and the group's session (6 s).
constexpr std::int64_t kFrozenMsMin = 7'500;
constexpr std::int64_t kFrozenMsMax = 11'000;
// How soon an API answers that waits for a lane which a frozen one holds.
constexpr milliseconds kAnswersWithin{5'000};

class FreezeFaults : public FaultTest {
protected:
    // Frozen, while the other one of its kind takes everything over; then both are there again.
    void outlive(Role& frozen) {
        ASSERT_TRUE(eventually([&] { return frozen.process().frozen(); }));
        const SteadyTime begun = SystemClock().steady_now();
        EXPECT_TRUE(wait_applied_all()) << "nobody took over from " << frozen.process().name();
        const auto taken = std::chrono::duration_cast<milliseconds>(SystemClock().steady_now() - begun);
        pause(std::max<std::int64_t>(0, random_between(kFrozenMsMin, kFrozenMsMax) - taken.count()));
        frozen.process().thaw();
        note(fmt::format("{} was frozen; all was applied without it after {} ms", frozen.process().name(),
                         taken.count()));
        EXPECT_TRUE(wait_applied(kSome));
    }
};

TEST_F(FreezeFaults, PublishersAndWorkersAtRandomMoments) {
    start_stack({.apis = 1, .publishers = 2, .workers = 2});
    start_load({.seed = random().next()}, kClients);
    for (int round = 0; round < fault_rounds({.few = 1, .many = 3}); ++round) {
        for (const char* kind : {"publisher", "worker"}) {
            Role& role = pick(stack().all(kind));
            ASSERT_TRUE(load().wait_accepted(random_between(1, 300)));
            role.process().freeze();
            outlive(role);
        }
    }
    finish();
}

TEST_F(FreezeFaults, PublishersAndWorkersAtNamedPoints) {
    start_stack({.apis = 1, .publishers = 2, .workers = 2, .with_failpoints = true});
    start_load({.seed = random().next()}, kClients);
    for (int round = 0; round < fault_rounds({.few = 1, .many = 2}); ++round) {
        for (const char* point : {"publisher.read", "publisher.produced", "worker.proven", "worker.committed"}) {
            const std::string kind = std::string(point).substr(0, std::string_view(point).find('.'));
            Role& role = pick(stack().all(kind));
            restart(role, fmt::format("{}=stop:{}", point, random_between(1, 30)));
            outlive(role);
        }
    }
    finish();
}

// While one API stands still with the locks of its batch, the other one is asked without pause.
TEST_F(FreezeFaults, OneOfTwoApis) {
    start_stack({.apis = 2, .publishers = 1, .workers = 1, .with_failpoints = true});
    Role& frozen = *stack().all("api")[0];
    start_load({.seed = random().next()}, kClients);
    std::vector<Evidence> evidence;
    for (int round = 0; round < fault_rounds({.few = 2, .many = 8}); ++round) {
        // Accounts in every lane.
        Load probe({.ports = {stack().all("api")[1]->port()},
                    .seed = random().next(),
                    .name = fmt::format("probe{}", round),
                    .accounts = 24,
                    .pause = milliseconds(0)},
                   2);
        probe.prepare();
        if (round % 2 == 0) {
            restart(frozen, fmt::format("intake.locked=stop:{}", random_between(1, 30)));
            ASSERT_TRUE(eventually([&] { return frozen.process().frozen(); }));
        } else {
            pause(random_between(0, 1000));
            frozen.process().freeze();
        }
        probe.start();
        EXPECT_TRUE(probe.wait_accepted(kSome));
        probe.stop();
        const milliseconds longest = probe.latency_percentile(1);
        note(fmt::format("round {}: the other API's slowest answer took {} ms", round, longest.count()));
        EXPECT_LT(longest, kAnswersWithin);
        for (Evidence& each : probe.evidence()) evidence.push_back(std::move(each));
        frozen.process().thaw();
        EXPECT_TRUE(load().wait_accepted(kSome));
    }
    finish({}, std::move(evidence));
}

}  // namespace
}  // namespace ledgerline::test
