#include "roles/drain.h"

#include <numeric>
#include <vector>

#include "apply/pg_ledger_store.h"
#include "db/session.h"
#include "observe/log.h"

namespace ledgerline::roles {
namespace {

// How often a drain checks, and how long it waits for lanes that do not move.
constexpr milliseconds kTick{50};
constexpr milliseconds kStalled{3000};

}  // namespace

std::int64_t drain(RoleProcess& process, const std::string& database_url, int lanes) {
    apply::PgLedgerStore store(
        db::Session(connection_config(database_url, "drain"), process.context().metrics, "drain"));
    std::vector<int> numbers(static_cast<std::size_t>(lanes));
    std::iota(numbers.begin(), numbers.end(), 0);
    const SteadyTime end = process.context().clock.steady_now() + process.drain_max();
    SteadyTime stalled_at = process.context().clock.steady_now() + kStalled;
    std::int64_t left = 0;
    while (true) {
        const auto states = store.load(numbers);
        if (!states) {
            log::warn("cannot see what is left to drain", {{"reason", states.error().message}});
            return left;
        }
        std::int64_t waiting = 0;
        for (const apply::LaneState& state : *states) waiting += state.last_seq - state.applied_seq;
        const SteadyTime now = process.context().clock.steady_now();
        if (waiting != left) stalled_at = now + kStalled;
        left = waiting;
        if (left == 0 || now >= end || now >= stalled_at) return left;
        Wakeup().wait(kTick);
    }
}

}  // namespace ledgerline::roles
