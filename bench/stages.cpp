// ledgerline_bench_stages: what storing a payment and deciding it cost PostgreSQL, by the number of rows in a batch.
//
// Intake's store and the worker's take turns, with nothing beside them, on a cluster of its own that is removed
// afterwards. The CPU time is that of the two sessions: the server's other processes and our own are not in it.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "apply/pg_ledger_store.h"
#include "base/result.h"
#include "intake/pg_intake_store.h"
#include "lab/test_database.h"
#include "observe/metrics.h"

namespace ledgerline::test {
namespace {

constexpr int kAccounts = 10'000;
constexpr int kRowsStoredFirst = 100'000;
constexpr int kRowsMeasured = 20'000;

class Stages {
public:
    Stages() {
        database_.run(
            fmt::format("INSERT INTO account_settings (id, currency, lane, created_at, updated_at) "
                        "SELECT id, 'EUR', lane_of(id), now(), now() "
                        "FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, {})) AS made",
                        kAccounts));
        std::istringstream ids(database_.value("SELECT string_agg(id::text, ' ') FROM account_settings"));
        for (std::string id; ids >> id;) accounts_.push_back(*Uuid::parse(id));
        store(kRowsStoredFirst, 500);
    }

    // Prints what a payment costs.
    void measure(std::size_t batch) {
        const Cost intake{cpu_us("intake"), intake_elapsed_us_}, worker{cpu_us("worker"), worker_elapsed_us_};
        store(kRowsMeasured, batch);
        fmt::print("{:>6} {:>9.1f} {:>9.1f} {:>9.1f} {:>9.1f}\n", batch,
                   (cpu_us("intake") - intake.cpu_us) / kRowsMeasured,
                   (cpu_us("worker") - worker.cpu_us) / kRowsMeasured,
                   (intake_elapsed_us_ - intake.elapsed_us) / kRowsMeasured,
                   (worker_elapsed_us_ - worker.elapsed_us) / kRowsMeasured);
    }

private:
    struct Cost {
        double cpu_us = 0, elapsed_us = 0;
    };

    db::ConnectionConfig config(const std::string& name) const {
        return {.url = database_.url(), .application_name = name};
    }

    // Of the session with that name, so far.
    double cpu_us(const std::string& name) const {
        const std::string pid = database_.value(
            fmt::format("SELECT coalesce(min(pid), 0) FROM pg_stat_activity WHERE application_name = '{}'", name));
        std::ifstream schedstat(fmt::format("/proc/{}/schedstat", pid));  // nanoseconds on a CPU come first
        double ns = 0;
        schedstat >> ns;
        return ns / 1'000;
    }

    void store(std::size_t rows, std::size_t batch) {
        for (std::size_t done = 0; done < rows; done += batch) store(std::min(batch, rows - done));
    }
    // One batch, which is decided in one round.
    void store(std::size_t rows) {
        std::vector<intake::IntakeItem> items;
        for (std::size_t i = 0; i < rows; ++i) items.push_back(payment());
        std::vector<Event> events;
        intake_elapsed_us_ += elapsed_us([&] {
            const auto results = intake_.accept(items, {});
            LEDGERLINE_ASSERT(results);
            for (std::size_t i = 0; i < rows; ++i)
                std::ranges::move(intake::events_of(items[i], (*results)[i]), std::back_inserter(events));
        });
        std::ranges::sort(events, {}, [](const Event& event) { return std::pair(event.lane, event.seq); });
        handed_.hand(events);
        const std::vector<apply::LaneRun> runs = runs_of(events);
        worker_elapsed_us_ += elapsed_us([&] { LEDGERLINE_ASSERT(worker_.apply(runs)); });
    }

    // events: by lane and seq.
    static std::vector<apply::LaneRun> runs_of(const std::vector<Event>& events) {
        std::vector<apply::LaneRun> runs;
        for (const Event& event : events) {
            if (runs.empty() || runs.back().lane != event.lane) runs.push_back({event.lane, event.seq - 1, {}});
            runs.back().refs.push_back({event.seq, event.event_id});
        }
        return runs;
    }

    double elapsed_us(const std::function<void()>& step) const {
        const SteadyTime begun = clock_.steady_now();
        step();
        return std::chrono::duration<double, std::micro>(clock_.steady_now() - begun).count();
    }

    intake::IntakeItem payment() {
        intake::IntakeItem item;
        item.transaction_id = ids_.next();
        item.event_id = ids_.next();
        item.account_id = accounts_[random_.below(accounts_.size())];
        item.amount_cents = 100;
        item.currency = "EUR";
        item.idempotency_key = item.transaction_id.to_string();
        item.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        return item;
    }

    double intake_elapsed_us_ = 0, worker_elapsed_us_ = 0;  // of all batches
    TestCluster cluster_{{.durable = true}};
    TestDatabase database_{cluster_};
    std::vector<Uuid> accounts_;
    Metrics metrics_{"bench"};
    SystemClock clock_;
    SystemRandom random_;
    UuidGenerator ids_{clock_, random_};
    apply::HandedPlaces handed_;
    intake::PgIntakeStore intake_{config("intake"), metrics_};
    apply::PgLedgerStore worker_{{config("worker"), metrics_, "worker"}, &handed_};
};

void run(const std::vector<std::size_t>& batches) {
    Stages stages;
    fmt::print("A payment, us: CPU of the session in PostgreSQL, and time that passes\n");
    fmt::print(" batch    intake    worker    intake    worker\n");
    for (const std::size_t batch : batches) stages.measure(batch);
}

}  // namespace
}  // namespace ledgerline::test

// Arguments: sizes of batches.
int main(int argc, char** argv) {
    std::vector<std::size_t> batches;
    for (int i = 1; i < argc; ++i) batches.push_back(std::max<std::size_t>(std::strtoul(argv[i], nullptr, 10), 1));
    ledgerline::test::run(batches.empty() ? std::vector<std::size_t>{1, 10, 60, 200, 500} : batches);
}
