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

void poison_keys(Stack& stack) {
    stack.postgres().run(fmt::format(R"(
        CREATE FUNCTION fault_poison() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT FROM accepted WHERE id = NEW.transaction_id AND starts_with(idempotency_key, '{}')) THEN
                RAISE EXCEPTION 'poisoned by the test' USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER fault_poison BEFORE INSERT ON decisions FOR EACH ROW
        WHEN (NEW.kind <> 'PARKED') EXECUTE FUNCTION fault_poison();
    )",
                                     poison_prefix));
}

int fault_rounds(Rounds rounds) {
    if (const char* text = std::getenv("LEDGERLINE_FAULT_ROUNDS")) return std::atoi(text);
    const char* extent = std::getenv("LEDGERLINE_FAULTS");
    return extent && std::string_view(extent) == "few" ? rounds.few : rounds.many;
}

FaultTest::FaultTest() : random_(fault_seed()) {}

void FaultTest::start_stack(const Layout& layout) {
    const std::pair<const char*, int> kinds[] = {
        {"api", layout.apis}, {"publisher", layout.publishers}, {"worker", layout.workers}};
    for (const auto& [kind, count] : kinds)
        for (int i = 0; i < count; ++i) stack_.add(kind, layout.database_port, layout.with_failpoints).start();
    for (Role* role : stack_.all()) role->wait_ready();
    note("all roles are ready");
}

void FaultTest::start_load(ClientPlan plan, int clients) {
    plan.ports = stack_.api_ports();
    load_ = std::make_unique<Load>(plan, clients);
    load_->prepare();
    load_->start();
}

void FaultTest::finish(const Injected& injected, std::vector<Evidence> evidence) {
    load_->stop();
    const LoadCounters& counted = load_->counters();
    note(fmt::format("accepted {}, refused early {}, later {}, unknown {}, unreachable {}", counted.accepted.load(),
                     counted.early.load(), counted.later.load(), counted.unknown.load(), counted.unreachable.load()));
    stack_.expect_running();
    for (Evidence& each : load_->evidence()) evidence.push_back(std::move(each));
    stack_.expect_sound(evidence, injected);
    stack_.expect_letters_announced();
    if (!outcomes_lost_) stack_.expect_outcomes_told();
}

void FaultTest::restart(Role& role, const std::string& failpoints) {
    role.process().kill();
    role.start(failpoints);
}

bool FaultTest::wait_applied(std::int64_t more) {
    const std::int64_t wanted = stack_.applied() + more;
    return eventually([&] { return stack_.applied() >= wanted; });
}

bool FaultTest::wait_applied_all() {
    const std::string wanted = stack_.value("SELECT array_agg(last_seq ORDER BY lane)::text FROM lane_cursors");
    return eventually([&] {
        return stack_.value(
                   fmt::format("SELECT count(*) FROM lane_cursors JOIN unnest('{}'::bigint[]) WITH ORDINALITY AS "
                               "wanted(seq, place) ON place = lane + 1 WHERE applied_seq < seq",
                               wanted)) == "0";
    });
}

std::int64_t FaultTest::random_between(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(most - least + 1)));
}

void FaultTest::pause(std::int64_t ms) { std::this_thread::sleep_for(milliseconds(ms)); }

}  // namespace ledgerline::test
