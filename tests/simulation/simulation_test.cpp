// The promises G1 to G5 and G10 under everything at once: a faulty bus, a database that comes and goes, processes that
// crash, also between a lock and its commit, others that are held up and come back as zombies, and, of every other
// seed, standbys that take over without the newest commits. Then the promises are those of what the standby has.
//
// LEDGERLINE_SIMULATION_SEED=N runs one seed only; LEDGERLINE_SIMULATION_SEEDS=N runs that many of them, from 1 on.
#include "simulation.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "observe/log.h"

namespace ledgerline::test {
namespace {

constexpr std::uint64_t kSeeds = 20;
constexpr int kSteps = 3000;

std::vector<std::uint64_t> seeds() {
    if (const char* one = std::getenv("LEDGERLINE_SIMULATION_SEED")) return {std::stoull(one)};
    const char* count = std::getenv("LEDGERLINE_SIMULATION_SEEDS");
    std::vector<std::uint64_t> seeds(count ? std::stoull(count) : kSeeds);
    for (std::size_t i = 0; i < seeds.size(); ++i) seeds[i] = i + 1;
    return seeds;
}

class PipelineSimulation : public testing::TestWithParam<std::uint64_t> {};

TEST_P(PipelineSimulation, KeepsItsPromises) {
    log::configure(log::Level::off, log::Format::json, "simulation");
    Simulation simulation(GetParam());
    simulation.run(kSteps);
    ASSERT_TRUE(simulation.heal()) << "the pipeline does not come to rest\n" << simulation.describe_lanes();
    for (const std::string& finding : simulation.audit()) ADD_FAILURE() << finding;
    EXPECT_GT(simulation.accepted(), 300u) << "too little happened to prove anything";
    if (GetParam() % 2 == 0) EXPECT_GT(simulation.failovers(), 0) << "no server took over";
    if (HasFailure()) std::printf("again: LEDGERLINE_SIMULATION_SEED=%llu\n", (unsigned long long)GetParam());
}

INSTANTIATE_TEST_SUITE_P(Seeds, PipelineSimulation, testing::ValuesIn(seeds()),
                         [](const auto& param) { return std::to_string(param.param); });

}  // namespace
}  // namespace ledgerline::test
