#include "roles/topic_service.h"

#include <utility>

#include "roles/role.h"

namespace ledgerline::roles {
namespace {

feed::TopicStart start_of(const OutcomeSettings& settings) {
    return settings.from == "latest" ? feed::TopicStart::latest : feed::TopicStart::start;
}

}  // namespace

TopicService::TopicService(const TopicServiceConfig& config, std::unique_ptr<bus::Producer> producer,
                           Watchdog& watchdog, const ProcessContext& context)
    : producer_(std::move(producer)),
      store_(connection_config(config.database_url, "outcomes"), context.metrics),
      publisher_(config.owner, start_of(config.settings), store_, *producer_, context),
      loop_(watchdog.make_loop("outcomes", "outcomes", wakeup_, [this] { return publisher_.step(); })) {}

void TopicService::start() {
    loop_.start();
    running_ = true;
}

void TopicService::stop() {
    loop_.stop();
    if (std::exchange(running_, false)) publisher_.release();
}

}  // namespace ledgerline::roles
