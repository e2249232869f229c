#include "roles/webhook_service.h"

#include <utility>

#include "roles/role.h"

namespace ledgerline::roles {

WebhookService::WebhookService(const WebhookServiceConfig& config, Watchdog& watchdog, const ProcessContext& context)
    : sender_(notify::Destinations(config.settings.allowed), config.sender),
      feed_store_(connection_config(config.database_url, "webhooks feed"), context.metrics, "webhooks feed"),
      tail_(feed_store_, {}, context.clock, context.metrics),
      store_(connection_config(config.database_url, "webhooks"), context.metrics),
      notifier_({.owner = new_owner(context.ids), .queue = config.queue}, store_, tail_, sender_, context),
      loop_(watchdog.make_loop("webhooks", "webhooks", wakeup_, [this] { return notifier_.step(); })) {}

void WebhookService::start() {
    tail_.start();
    loop_.start();
    running_ = true;
}

void WebhookService::stop() {
    loop_.begin_stop();
    notifier_.wake();
    loop_.stop();
    tail_.stop();
    if (std::exchange(running_, false)) notifier_.release();
}

}  // namespace ledgerline::roles
