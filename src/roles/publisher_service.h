// PublisherService: the publisher with everything it needs, on its own thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/loop.h"
#include "bus/bus.h"
#include "publish/handed_outbox.h"
#include "publish/publisher.h"
#include "roles/lifecycle.h"
#include "roles/watchdog.h"

namespace ledgerline::roles {

struct PublisherServiceConfig {
    std::string database_url;
    publish::Publisher::Options publisher;
};

class PublisherService final : public Service {
public:
    // wakeup is notified of new events in this process. Everything must outlive the service.
    PublisherService(const PublisherServiceConfig& config, std::unique_ptr<bus::Producer> producer, Wakeup& wakeup,
                     Watchdog& watchdog, const ProcessContext& context);
    ~PublisherService() override { stop(); }

    // As in HandedOutbox: events that this process has accepted. Thread-safe; wake the publisher afterwards.
    void hand(std::vector<Event> events) { outbox_.hand(std::move(events)); }

    void start() override;
    // Also releases the leases.
    void stop() override;

    // As in Publisher::trouble(). Thread-safe.
    std::optional<std::string> trouble() const { return publisher_.trouble(); }

private:
    std::unique_ptr<bus::Producer> producer_;
    publish::HandedOutbox outbox_;
    publish::Publisher publisher_;
    LoopThread loop_;
    bool running_ = false;
};

}  // namespace ledgerline::roles
