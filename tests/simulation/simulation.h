// Simulation: the whole pipeline in one thread, on a database in memory, a faulty bus and a clock turned by hand.
//
// Everything that happens is drawn from the seed, so that the same seed tells the same story again. Real are the
// publishers, the workers, the posting rules and the codecs; several processes of each run against each other. Of every
// other seed the database has a standby that lags behind and takes over without what it lacks.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apply/worker.h"
#include "audit.h"
#include "bus/memory/bus.h"
#include "faults.h"
#include "lab/memory_database.h"
#include "observe/metrics.h"
#include "outcome_store.h"
#include "publish/publisher.h"

namespace ledgerline::test {

class Simulation {
public:
    explicit Simulation(std::uint64_t seed);
    ~Simulation();

    // Clients, publishers and workers run and crash for that many steps, in a world full of faults.
    void run(int steps);
    // Ends the faults and the intake, and lets the pipeline come to rest. False: it does not.
    bool heal();
    // What is wrong at rest. Empty: nothing.
    std::vector<std::string> audit() const;

    std::size_t accepted() const { return database_.tables.accepted.size(); }
    std::size_t letters() const { return database_.tables.letters.size(); }
    int failovers() const { return faults_.servers(); }
    std::string describe_lanes() const;

private:
    static constexpr int kLanes = 4;
    static constexpr std::size_t kAccounts = 12;

    // One process of each kind. Destroying it is a crash: nothing is released or committed.
    struct PublisherProcess;
    struct WorkerProcess;

    void open_accounts();
    void step_anything();
    void accept_batch();
    void hand_over(std::span<const intake::IntakeResult> results);
    intake::IntakeItem make_item();
    intake::IntakeItem new_item(TransactionType type);
    intake::IntakeItem make_reversal(const intake::IntakeItem& reversed);
    intake::IntakeItem make_hold();
    intake::IntakeItem make_settlement(const intake::IntakeItem& hold);
    static intake::IntakeItem other_body(intake::IntakeItem item);
    std::vector<Leg> make_legs();
    void step_publisher(std::size_t index);
    void step_worker(std::size_t index);
    void tell_outcomes(std::size_t index);
    void restart_publisher(std::size_t index);
    void restart_worker(std::size_t index);
    void replay_a_letter();
    void change_an_account();
    void lag_or_fail_over();
    void forget_what_is_lost();
    void let_time_pass();
    bool at_rest() const;
    std::uint64_t draw(std::uint64_t bound) { return random_.below(bound); }

    // What it will have when it takes over.
    struct Standby {
        MemoryTables tables;
        ToldPlaces told;
        std::size_t receipts = 0;  // as many clients were promised what it has
    };

    const bool loses_tails_;
    SeededRandom random_;
    ManualClock clock_;
    UuidGenerator ids_{clock_, random_};
    Metrics metrics_{"simulation"};
    ProcessContext context_{clock_, random_, ids_, metrics_};
    Faults faults_{random_};
    MemoryDatabase database_{clock_, kLanes};
    bus::MemoryBus bus_;
    ToldPlaces told_;
    SharedTopic topic_;  // of outcomes
    std::unique_ptr<intake::IntakeStore> intake_;
    std::array<std::unique_ptr<PublisherProcess>, 2> publishers_;
    std::array<std::unique_ptr<WorkerProcess>, 3> workers_;
    std::optional<Standby> standby_;  // while it lags behind
    unsigned starts_ = 0;             // of publishers: each start has a name of its own

    std::vector<Uuid> accounts_;
    std::map<Uuid, std::int64_t> opening_cents_;
    std::vector<intake::IntakeItem> repeatable_;  // some that were sent before
    std::vector<intake::IntakeItem> reversible_;  // some that were accepted
    std::vector<intake::IntakeItem> holds_;       // some that were accepted
    std::vector<intake::IntakeItem> unanswered_;  // a batch whose fate the client does not know
    std::vector<Receipt> receipts_;
};

}  // namespace ledgerline::test
