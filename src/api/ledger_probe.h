// LedgerProbe: whether the database lets a role do its work, and whether the lanes move. It has a session of its own,
// so that requests under way neither hold it up nor are held up by it.
//
// Each look writes as the stages of the role do, with their session settings and rights, and changes nothing.
// Not thread-safe but for facts(): for one HealthProbe.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "api/lane_movement.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "http/health_probe.h"
#include "observe/metrics.h"
#include "pg/session.h"

namespace ledgerline {

// What a role does in the database.
enum class StageRight { intake, publish, apply };

struct ProbedStage {
    StageRight right;
    // False: without it the process still does what it is asked, and is degraded.
    bool required = true;
};

class LedgerProbe {
public:
    // Below HealthProbe::stale_after together, so that a silent server is named and not only noticed.
    static constexpr milliseconds connect_timeout{1'000};
    static constexpr milliseconds statement_timeout{1'000};
    // How often a commit is tried, where the role's commits are promises, and how often the disk is.
    static constexpr milliseconds commit_interval{1'000};
    static constexpr milliseconds disk_interval{5'000};

    // config: that of the role's sessions; the timeouts become the probe's. Metrics and clock must outlive it.
    LedgerProbe(pg::ConnectionConfig config, std::vector<ProbedStage> stages, const Clock& clock, Metrics& metrics);

    // Finds "database" and "lanes". This must outlive what is returned.
    http::Dependency dependency();
    // What else is worth knowing of the database: "synchronous_standby", whether commits wait for one. Thread-safe.
    json::Object facts() const;

private:
    http::Troubles look();
    Result<void> look_at_database(pg::Connection& connection, http::Troubles& found);
    Result<void> look_at_lanes(pg::Connection& connection, http::Troubles& found);
    Result<void> try_stage(pg::Connection& connection, StageRight right);
    Result<void> try_commit(pg::Connection& connection);
    Result<void> try_disk(pg::Connection& connection);
    // Whether the role answers clients or moves balances: the publisher's commits promise nothing.
    bool promises_commits() const;
    bool is_required(StageRight right) const;

    const std::vector<ProbedStage> stages_;
    const Clock& clock_;
    pg::Session session_;
    LaneMovement movement_;
    SteadyTime commit_due_{}, disk_due_{};
    std::atomic<bool> waits_for_standby_ = false;
};

}  // namespace ledgerline
