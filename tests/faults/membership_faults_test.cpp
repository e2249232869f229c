// Family 6: instances come and go, and all of them are replaced one by one, while clients notice nothing that a
// repeated request does not settle.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "faults/fault_test.h"

namespace ledgerline::test {
namespace {

constexpr int kClients = 6;
constexpr std::int64_t kSome = 200;

using MembershipFaults = FaultTest;

TEST_F(MembershipFaults, InstancesJoinAndLeave) {
    start_stack({.apis = 3, .publishers = 4, .workers = 4});
    start_load({.seed = random().next()}, kClients);
    for (int round = 0; round < fault_rounds({.few = 4, .many = 40}); ++round) {
        pause(random_between(200, 2500));
        Role& role = pick(stack().all());
        const auto kind = stack().all(role.kind());
        const auto there = std::ranges::count_if(kind, [](Role* each) { return each->process().running(); });
        if (!role.process().running()) {
            role.start();
        } else if (there > 1) {
            random_between(0, 3) > 0 ? role.stop() : role.process().kill();
        }
        note(fmt::format("round {}: {} {}", round, role.process().name(),
                         role.process().running() ? "is there" : "is away"));
    }
    EXPECT_TRUE(load().wait_accepted(kSome));
    EXPECT_TRUE(wait_applied_all());
    for (Role* role : stack().all())
        if (!role->process().running()) role->start();
    EXPECT_TRUE(wait_applied(kSome));
    finish();
}

TEST_F(MembershipFaults, RollingRestart) {
    start_stack({.apis = 2, .publishers = 2, .workers = 2});
    start_load({.seed = random().next()}, kClients);
    for (int round = 0; round < fault_rounds({.few = 1, .many = 4}); ++round) {
        for (Role* role : stack().all()) {
            role->stop();
            role->start();
            role->wait_ready();
            EXPECT_TRUE(load().wait_accepted(1));
        }
        note(fmt::format("round {}: all roles were restarted", round));
    }
    EXPECT_TRUE(wait_applied_all());
    finish();
}

}  // namespace
}  // namespace ledgerline::test
