#include "support/pipeline.h"

namespace ledgerline::test {
namespace {

void fail_test(const Error& error) { ADD_FAILURE() << error.code << ' ' << error.message; }

}  // namespace

Pipeline::Pipeline(TestCluster& cluster)
    : api_({}, cluster),
      bus_({.partitions = lanes, .space_freed = &api_.publisher_wakeup()}),
      producer_(bus_.make_producer()),
      consumer_(bus_.make_consumer()),
      outbox_store_(api_.database().config(), api_.metrics()),
      ledger_store_(pg::Session(api_.database().config(), api_.metrics(), "worker")),
      publisher_({.owner = "pipeline"}, outbox_store_, *producer_, clock_, random_, api_.metrics()),
      worker_({}, *consumer_, ledger_store_, clock_, random_, ids_, api_.metrics(),
              [this] { api_.api().outcome_wakeup().notify(); }),
      publisher_loop_(
          "publisher", api_.publisher_wakeup(), [this] { return publisher_.step(); }, fail_test),
      worker_loop_("worker", worker_wakeup_, [this] { return worker_.step(); }, fail_test) {
    publisher_loop_.start();
    worker_loop_.start();
}

Pipeline::~Pipeline() {
    publisher_loop_.stop();
    worker_loop_.stop();
}

}  // namespace ledgerline::test
