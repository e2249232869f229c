// TopicService: the publisher of outcomes with everything it needs, on its own thread: a broker that is slow with them
// must not keep the publisher of events from its work.
#pragma once

#include <memory>
#include <string>

#include "base/loop.h"
#include "bus/bus.h"
#include "feed/topic_publisher.h"
#include "roles/lifecycle.h"
#include "roles/settings.h"
#include "roles/watchdog.h"

namespace ledgerline::roles {

struct TopicServiceConfig {
    std::string database_url;
    std::string owner;  // that of this process' publisher
    OutcomeSettings settings;
};

class TopicService final : public Service {
public:
    // Everything must outlive the service.
    TopicService(const TopicServiceConfig& config, std::unique_ptr<bus::Producer> producer, Watchdog& watchdog,
                 const ProcessContext& context);
    ~TopicService() override { stop(); }

    void start() override;
    void stop() override;

    // Notify it when outcomes were written in this process. Thread-safe.
    Wakeup& wakeup() { return wakeup_; }

private:
    std::unique_ptr<bus::Producer> producer_;
    feed::PgTopicStore store_;
    feed::TopicPublisher publisher_;
    Wakeup wakeup_;
    LoopThread loop_;
    bool running_ = false;
};

}  // namespace ledgerline::roles
