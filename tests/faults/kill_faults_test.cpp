// Family 1: kill -9 of every role, at random moments and at every named point.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "faults/fault_test.h"

namespace ledgerline::test {
namespace {

constexpr int kClients = 6;
constexpr std::int64_t kSome = 200;

using KillFaults = FaultTest;

TEST_F(KillFaults, AtRandomMoments) {
    start_stack({.apis = 2, .publishers = 2, .workers = 2});
    start_load({.seed = random().next()}, kClients);
    for (int round = 0; round < fault_rounds({.few = 6, .many = 60}); ++round) {
        Role& role = pick(stack().all());
        pause(random_between(0, 800));
        role.process().kill();
        pause(random_between(0, 400));
        role.start();
        note(fmt::format("round {}: {} was killed", round, role.process().name()));
    }
    EXPECT_TRUE(load().wait_accepted(kSome));
    EXPECT_TRUE(wait_applied(kSome));
    finish();
}

struct NamedPoint {
    const char* kind;
    const char* name;
};
// The first three are those between which each role's two writes lie.
constexpr NamedPoint kPoints[] = {
    {"api", "intake.committed"},       {"publisher", "publisher.produced"}, {"worker", "worker.committed"},
    {"api", "intake.locked"},          {"publisher", "publisher.read"},     {"worker", "worker.proven"},
    {"worker", "worker.parking"},      {"worker", "worker.parked"},         {"publisher", "dead_letters.produced"},
    {"publisher", "outcomes.produced"}};
constexpr int kFewPoints = 3;

// One process a role, so that it is the one that gets there, and poison, so that letters are written.
TEST_F(KillFaults, AtEveryNamedPoint) {
    start_stack({.with_failpoints = true});
    poison_keys(stack());
    start_load({.seed = random().next(), .poisoned_percent = 1}, kClients);
    const int hits = fault_rounds({.few = kFewPoints, .many = 4 * static_cast<int>(std::size(kPoints))});
    for (int i = 0; i < hits; ++i) {
        const NamedPoint& point = kPoints[static_cast<std::size_t>(i) % std::size(kPoints)];
        Role& role = *stack().all(point.kind).front();
        const std::string_view name = point.name;
        const bool rare = name.starts_with("worker.park") || name.starts_with("dead_letters.");
        const std::int64_t hit = random_between(1, rare ? 2 : 25);
        restart(role, fmt::format("{}=kill:{}", name, hit));
        EXPECT_TRUE(eventually([&] { return !role.process().running(); })) << name;
        EXPECT_EQ(role.process().outcome(), "signal 9 (Killed)") << name;
        role.start();
        note(fmt::format("killed at {}, hit {}", name, hit));
    }
    EXPECT_TRUE(load().wait_accepted(kSome));
    finish();
}

}  // namespace
}  // namespace ledgerline::test
