#include "roles/publisher_service.h"

#include <utility>

#include "publish/pg_outbox_store.h"
#include "roles/role.h"

namespace ledgerline::roles {

PublisherService::PublisherService(const PublisherServiceConfig& config, std::unique_ptr<bus::Producer> producer,
                                   Wakeup& wakeup, Watchdog& watchdog, const ProcessContext& context)
    : producer_(std::move(producer)),
      outbox_(std::make_unique<publish::PgOutboxStore>(connection_config(config.database_url, "publisher"),
                                                       context.metrics, context.tracer),
              context.clock),
      publisher_(config.publisher, outbox_, *producer_, context),
      loop_(watchdog.make_loop("publisher", "publisher", wakeup, [this] { return publisher_.step(); })) {}

void PublisherService::start() {
    loop_.start();
    running_ = true;
}

void PublisherService::stop() {
    loop_.stop();
    if (std::exchange(running_, false)) publisher_.release();
}

}  // namespace ledgerline::roles
