#include "roles/dead_letter_service.h"

#include <utility>

#include "roles/role.h"

namespace ledgerline::roles {

DeadLetterService::DeadLetterService(const std::string& database_url, std::string owner,
                                     std::unique_ptr<bus::Producer> producer, Watchdog& watchdog,
                                     const ProcessContext& context)
    : producer_(std::move(producer)),
      store_(connection_config(database_url, "dead letters"), context.metrics),
      feed_(std::move(owner), store_, *producer_, context),
      loop_(watchdog.make_loop("dead-letters", "dead-letters", wakeup_, [this] { return feed_.step(); })) {}

}  // namespace ledgerline::roles
