#include "faults/fault_test.h"

#include <fmt/format.h>

#include <cstdlib>
#include <thread>

namespace ledgerline::test {
namespace {

std::uint64_t fault_seed() {
    static const std::uint64_t seed = [] {
        const char* text = std::getenv("LEDGERLINE_FAULT_SEED");
        return text ? std::strtoull(text, nullptr, 10) : SystemRandom().below(1'000'000'000);
    }();
    note(fmt::format("LEDGERLINE_FAULT_SEED={}", seed));
    return seed;
}

}  // namespace

int fault_rounds(Rounds rounds) {
    if (const char* text = std::getenv("LEDGERLINE_FAULT_ROUNDS")) return std::atoi(text);
    const char* extent = std::getenv("LEDGERLINE_FAULTS");
    return extent && std::string_view(extent) == "few" ? rounds.few : rounds.many;
}

FaultTest::FaultTest() : random_(fault_seed()) {}

void FaultTest::start_stack(const Layout& layout) {
    stack_.add("up", layout.database_port, layout.with_failpoints).start();
    for (Role* role : stack_.all("up")) role->wait_ready();
}

void FaultTest::start_load(ClientPlan plan, int clients) {
    plan.ports = stack_.api_ports();
    load_ = std::make_unique<Load>(plan, clients);
    load_->prepare();
    load_->start();
}

void FaultTest::finish(const Injected& injected) {
    load_->stop();
    const LoadCounters& counted = load_->counters();
    note(fmt::format("accepted {}, refused early {}, later {}, unknown {}, unreachable {}", counted.accepted.load(),
                     counted.early.load(), counted.later.load(), counted.unknown.load(), counted.unreachable.load()));
    stack_.expect_running();
    stack_.expect_sound(load_->evidence(), injected);
}

std::int64_t FaultTest::random_between(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(most - least + 1)));
}

void FaultTest::pause(std::int64_t ms) { std::this_thread::sleep_for(milliseconds(ms)); }

}  // namespace ledgerline::test
