// LedgerProbe: checks whether the database lets a role do its work, and whether the lanes move. It has its own session,
// so that it and the requests in progress do not delay each other.
//
// Each look writes as the role's stages do, with their session settings and rights, and changes nothing. For one
// HealthProbe; not thread-safe, except facts().
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "db/session.h"
#include "health/health_probe.h"
#include "health/lane_movement.h"
#include "observe/metrics.h"

namespace ledgerline::health {

// What a role does in the database.
enum class StageRight { intake, publish, apply, notify };

struct ProbedStage {
    StageRight right;
    // False: without it the process still serves its requests, and is degraded.
    bool required = true;
};

class LedgerProbe {
public:
    // Together below HealthProbe::stale_after, so that a silent server is named and not only noticed.
    static constexpr milliseconds connect_timeout{1'000};
    static constexpr milliseconds statement_timeout{1'000};
    // How often a commit is tried, where the role's commits are promises, and how often the disk is checked.
    static constexpr milliseconds commit_interval{1'000};
    static constexpr milliseconds disk_interval{5'000};

    // config: that of the role's sessions, but with the probe's own timeouts. Metrics and clock must outlive it.
    LedgerProbe(db::ConnectionConfig config, std::vector<ProbedStage> stages, const Clock& clock, Metrics& metrics);

    // Reports "database" and "lanes". This must outlive what is returned.
    Dependency dependency();
    // What else is worth knowing about the database: "synchronous_standby", whether commits wait for one. Thread-safe.
    json::Object facts() const;

private:
    Troubles look();
    Result<void> look_at_database(db::Connection& connection, Troubles& found);
    Result<void> look_at_lanes(db::Connection& connection, Troubles& found);
    Result<void> try_stage(db::Connection& connection, StageRight right);
    Result<void> try_commit(db::Connection& connection);
    Result<void> try_disk(db::Connection& connection);
    // Whether the role answers clients or moves balances. The publisher's commits promise nothing.
    bool promises_commits() const;
    bool is_required(StageRight right) const;

    const std::vector<ProbedStage> stages_;
    const Clock& clock_;
    db::Session session_;
    LaneMovement movement_;
    SteadyTime commit_due_{}, disk_due_{};
    std::atomic<bool> waits_for_standby_ = false;
};

}  // namespace ledgerline::health
