#include "lab/pipeline.h"

namespace ledgerline::test {
namespace {

void fail_test(const Error& error) { ADD_FAILURE() << error.code << ' ' << error.message; }

// Webhooks may be sent to servers of the test.
api::ApiConfig api_config() {
    api::ApiConfig config;
    config.webhook_destinations = notify::Destinations({*http::Network::parse("127.0.0.0/8")});
    return config;
}

}  // namespace

Pipeline::Pipeline(TestCluster& cluster)
    : api_(api_config(), cluster),
      bus_({.partitions = lanes, .space_freed = &api_.publisher_wakeup()}),
      watchdog_(patience, fail_test, api_.metrics()),
      worker_({.database_url = database().url(),
               .apply = {.worker_threads = 1},
               .make_consumer = [this] { return bus_.make_consumer(); },
               .on_outcome = [this](WallTime) { api_.api().note_outcomes(); }},
              watchdog_, context_),
      publisher_({.database_url = database().url(), .publisher = {.owner = "pipeline"}}, bus_.make_producer(),
                 api_.publisher_wakeup(), watchdog_, context_),
      expiry_(database().url(), api_.publisher_wakeup(), watchdog_, context_) {
    worker_.start();
    publisher_.start();
    expiry_.start();
}

}  // namespace ledgerline::test
