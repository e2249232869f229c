// LedgerProbe: whether the database lets a role do its work, and whether the lanes move. It has a session of its own,
// so that requests under way neither hold it up nor are held up by it.
//
// Each look writes as the stages of the role do, with their session settings and rights, and changes nothing.
// Not thread-safe: for one HealthProbe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/lane_movement.h"
#include "base/clock.h"
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
    // How often the disk is tried.
    static constexpr milliseconds disk_interval{5'000};

    // config: that of the role's sessions; the timeouts become the probe's. Metrics and clock must outlive it.
    LedgerProbe(pg::ConnectionConfig config, std::vector<ProbedStage> stages, const Clock& clock, Metrics& metrics);

    // "database" and "lanes".
    std::vector<http::Trouble> look();

private:
    Result<void> look_at_database(pg::Connection& connection, std::vector<http::Trouble>& found);
    Result<void> look_at_lanes(pg::Connection& connection, std::vector<http::Trouble>& found);
    Result<void> try_stage(pg::Connection& connection, StageRight right);
    Result<void> try_disk(pg::Connection& connection);
    bool is_required(StageRight right) const;

    const std::vector<ProbedStage> stages_;
    const Clock& clock_;
    pg::Session session_;
    LaneMovement movement_;
    SteadyTime disk_due_{};
};

}  // namespace ledgerline
