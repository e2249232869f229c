#include "roles/dead_letter_service.h"

#include <utility>

#include "observe/exceptions.h"
#include "roles/role.h"

namespace ledgerline::roles {

DeadLetterService::DeadLetterService(const std::string& database_url, std::string owner,
                                     std::unique_ptr<bus::Producer> producer, const Clock& clock, Random& random,
                                     Metrics& metrics, Watchdog& watchdog, LoopThread::OnFatal on_fatal)
    : producer_(std::move(producer)),
      store_(connection_config(database_url, "dead letters"), metrics),
      feed_(std::move(owner), store_, *producer_, clock, random, metrics),
      loop_("dead-letters", wakeup_, watchdog.watch("dead-letters", [this] { return feed_.step(); }),
            std::move(on_fatal), exception_noter(metrics, "dead-letters")) {}

}  // namespace ledgerline::roles
