// WorkerService: members of the consumer group, each a worker with its own thread and database session.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apply/handed_places.h"
#include "apply/worker.h"
#include "bus/bus.h"
#include "bus/messaging.h"
#include "observe/process_context.h"
#include "roles/lifecycle.h"
#include "roles/settings.h"
#include "roles/watchdog.h"

namespace ledgerline::roles {

struct WorkerServiceConfig {
    std::string database_url;
    ApplySettings apply;
    bus::MessagingNames messaging{};  // for the spans
    std::function<std::unique_ptr<bus::Consumer>()> make_consumer;
    apply::Worker::OnOutcome on_outcome = [](WallTime) {};  // on the members' threads
    apply::HandedPlaces* handed = nullptr;                  // by intake of the same process; must outlive the service
};

class WorkerService final : public Service {
public:
    // Arguments passed by reference, except for config, must outlive the service.
    WorkerService(const WorkerServiceConfig& config, Watchdog& watchdog, const ProcessContext& context);
    ~WorkerService() override;

    void start() override;
    // The members leave the group only when the service is destroyed.
    void stop() override;

    // Whether the group has assigned a partition to any member since the start, or has left all of them without one for
    // so long that none is available. Thread-safe.
    bool joined() const;
    // From the first member that has any, as in Worker::trouble(). Thread-safe.
    std::optional<std::string> trouble() const;

private:
    class Member;
    std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace ledgerline::roles
