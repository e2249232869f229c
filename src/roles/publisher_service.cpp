#include "roles/publisher_service.h"

#include <utility>

#include "observe/exceptions.h"
#include "roles/role.h"

namespace ledgerline::roles {

PublisherService::PublisherService(const PublisherServiceConfig& config, std::unique_ptr<bus::Producer> producer,
                                   const Clock& clock, Random& random, Metrics& metrics, Wakeup& wakeup,
                                   Watchdog& watchdog, LoopThread::OnFatal on_fatal, Tracer& tracer)
    : producer_(std::move(producer)),
      store_(connection_config(config.database_url, "publisher"), metrics, tracer),
      publisher_(config.publisher, store_, *producer_, clock, random, metrics, tracer),
      loop_("publisher", wakeup, watchdog.watch("publisher", [this] { return publisher_.step(); }), std::move(on_fatal),
            exception_noter(metrics, "publisher")) {}

void PublisherService::start() {
    loop_.start();
    running_ = true;
}

void PublisherService::stop() {
    loop_.stop();
    if (std::exchange(running_, false)) publisher_.release();
}

}  // namespace ledgerline::roles
