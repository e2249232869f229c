// WebhookService: the notifier with everything it needs, on its own thread.
#pragma once

#include <string>

#include "base/loop.h"
#include "feed/tail.h"
#include "notify/notifier.h"
#include "roles/lifecycle.h"
#include "roles/settings.h"
#include "roles/watchdog.h"

namespace ledgerline::roles {

struct WebhookServiceConfig {
    std::string database_url;
    WebhookSettings settings;
    notify::QueueLimits queue = {};
    notify::SenderConfig sender = {};
};

class WebhookService final : public Service {
public:
    // Everything must outlive the service.
    WebhookService(const WebhookServiceConfig& config, Watchdog& watchdog, const ProcessContext& context);
    ~WebhookService() override { stop(); }

    void start() override;
    void stop() override;

    // Call it when outcomes were written in this process. Thread-safe.
    void note_outcomes() { tail_.wakeup().notify(); }

private:
    notify::CurlSender sender_;
    feed::PgFeedStore feed_store_;
    feed::FeedTail tail_;
    notify::NotifyStore store_;
    notify::Notifier notifier_;
    Wakeup wakeup_;
    LoopThread loop_;
    bool running_ = false;
};

}  // namespace ledgerline::roles
