#include "lab/pipeline.h"

namespace ledgerline::test {
namespace {

void fail_test(const Error& error) { ADD_FAILURE() << error.code << ' ' << error.message; }

}  // namespace

Pipeline::Pipeline(TestCluster& cluster)
    : api_({}, cluster),
      bus_({.partitions = lanes, .space_freed = &api_.publisher_wakeup()}),
      watchdog_(patience, fail_test),
      worker_({.database_url = database().url(), .threads = 1, .worker = {}},
              {.make_consumer = [this] { return bus_.make_consumer(); },
               .clock = clock_,
               .random = random_,
               .ids = ids_,
               .metrics = api_.metrics(),
               .watchdog = watchdog_,
               .on_outcome = [this] { api_.api().outcome_wakeup().notify(); },
               .on_fatal = fail_test}),
      publisher_({.database_url = database().url(), .publisher = {.owner = "pipeline"}}, bus_.make_producer(), clock_,
                 random_, api_.metrics(), api_.publisher_wakeup(), watchdog_, fail_test) {
    worker_.start();
    publisher_.start();
}

}  // namespace ledgerline::test
