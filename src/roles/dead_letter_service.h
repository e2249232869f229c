// DeadLetterService: the feed of the dead letters' topic with everything it stands on, as a thread of its own: a broker
// that refuses a letter must not keep the publisher from renewing its leases.
#pragma once

#include <memory>
#include <string>

#include "base/loop.h"
#include "bus/bus.h"
#include "letters/dead_letter_feed.h"
#include "letters/pg_dead_letter_store.h"
#include "roles/watchdog.h"

namespace ledgerline::roles {

class DeadLetterService {
public:
    // owner: that of the publisher of this process. on_fatal is called on the loop's thread when the role cannot go on.
    // Everything must outlive the service.
    DeadLetterService(const std::string& database_url, std::string owner, std::unique_ptr<bus::Producer> producer,
                      const Clock& clock, Random& random, Metrics& metrics, Watchdog& watchdog,
                      LoopThread::OnFatal on_fatal);

    // Both may be called repeatedly. stop() lets the round under way end.
    void start() { loop_.start(); }
    void stop() { loop_.stop(); }

private:
    std::unique_ptr<bus::Producer> producer_;
    letters::PgDeadLetterStore store_;
    letters::DeadLetterFeed feed_;
    Wakeup wakeup_;  // letters come from the database: nobody notifies it but stop()
    LoopThread loop_;
};

}  // namespace ledgerline::roles
