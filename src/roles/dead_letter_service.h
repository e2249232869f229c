// DeadLetterService: the dead-letter feed with everything it needs, on its own thread: a broker that refuses a dead
// letter must not keep the publisher from renewing its leases.
#pragma once

#include <memory>
#include <string>

#include "base/loop.h"
#include "bus/bus.h"
#include "letters/dead_letter_feed.h"
#include "letters/pg_dead_letter_store.h"
#include "roles/lifecycle.h"
#include "roles/watchdog.h"

namespace ledgerline::roles {

class DeadLetterService final : public Service {
public:
    // owner: that of this process' publisher. Everything must outlive the service.
    DeadLetterService(const std::string& database_url, std::string owner, std::unique_ptr<bus::Producer> producer,
                      Watchdog& watchdog, const ProcessContext& context);

    void start() override { loop_.start(); }
    void stop() override { loop_.stop(); }

private:
    std::unique_ptr<bus::Producer> producer_;
    letters::PgDeadLetterStore store_;
    letters::DeadLetterFeed feed_;
    Wakeup wakeup_;  // letters come from the database: only stop() notifies it
    LoopThread loop_;
};

}  // namespace ledgerline::roles
