// FaultTest: what all fault tests do: bring a stack up, put load on it, and have the auditor look at the end.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "faults/stack.h"

namespace ledgerline::test {

// How often a test does what it does: few in `make test` (LEDGERLINE_FAULTS=few), many in `make test-faults`.
// LEDGERLINE_FAULT_ROUNDS overrides both.
struct Rounds {
    int few = 1;
    int many = 1;
};
int fault_rounds(Rounds rounds);

struct Layout {
    int apis = 1;
    int publishers = 1;
    int workers = 1;
    std::uint16_t database_port = 0;  // 0: the server's own
    bool with_failpoints = false;
};

// Makes the database refuse to record an outcome of transactions whose key begins with poison_prefix, whatever the
// worker does: what a broken row or a forgotten constraint would do.
void poison_keys(Stack& stack);

class FaultTest : public testing::Test {
protected:
    FaultTest();

    Stack& stack() { return stack_; }
    // Starts the roles and waits until they are ready.
    void start_stack(const Layout& layout);

    // Opens the accounts and sets the clients to work on all APIs.
    void start_load(ClientPlan plan, int clients);
    Load& load() { return *load_; }
    const LoadCounters& load_counters() const { return load_->counters(); }
    // The test destroys the topic of outcomes: what was told before is not there at the end.
    void note_outcomes_lost() { outcomes_lost_ = true; }
    // Ends the load, expects every role to run, the audit to find nothing and the topic of outcomes to be complete. Of
    // further loads, evidence is handed in.
    void finish(const Injected& injected = {}, std::vector<Evidence> evidence = {});
    // Kills it and starts it again; failpoints as Role::start() takes them.
    static void restart(Role& role, const std::string& failpoints = "");
    // Until so much more was applied, or as much as is accepted at this moment.
    bool wait_applied(std::int64_t more);
    bool wait_applied_all();
    Role& pick(const std::vector<Role*>& roles) { return *roles[random_.below(roles.size())]; }

    // From LEDGERLINE_FAULT_SEED, or the system's; printed, so that a failed run can be repeated.
    Random& random() { return random_; }
    std::int64_t random_between(std::int64_t least, std::int64_t most);
    // Lets the system work on by itself for so long: a moment of a fault, never something that a test relies on.
    static void pause(std::int64_t ms);

private:
    SeededRandom random_;
    Stack stack_;
    std::unique_ptr<Load> load_;
    bool outcomes_lost_ = false;
};

}  // namespace ledgerline::test
