#include "health/ledger_probe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "sql/queries.h"

namespace ledgerline::health {
namespace {

struct Right {
    std::string_view relation, verb;
};

// What each stage writes.
constexpr Right kIntakeRights[] = {
    {"accepted", "INSERT"}, {"places", "INSERT"}, {"lane_intake", "UPDATE"}, {"account_settings", "SELECT"}};
constexpr Right kPublishRights[] = {
    {"publishers", "INSERT"}, {"publishers", "DELETE"}, {"lane_publish", "UPDATE"}, {"accepted", "SELECT"}};
constexpr Right kApplyRights[] = {
    {"decisions", "INSERT"}, {"dead_letters", "INSERT"}, {"apply_attempts", "INSERT"}, {"lane_apply", "UPDATE"}};

constexpr Right kNotifyRights[] = {{"notifiers", "INSERT"},        {"notifiers", "DELETE"},
                                   {"webhook_progress", "UPDATE"}, {"webhook_deliveries", "INSERT"},
                                   {"webhooks", "UPDATE"},         {"decisions", "SELECT"}};

struct StageTexts {
    std::string_view name;
    std::span<const Right> rights;
    const db::Statement& write;
};

StageTexts texts_of(StageRight right) {
    switch (right) {
        case StageRight::intake:
            return {"intake", kIntakeRights, sql::HealthWriteIntake::statement};
        case StageRight::publish:
            return {"the publisher", kPublishRights, sql::HealthWritePublish::statement};
        case StageRight::apply:
            return {"the worker", kApplyRights, sql::HealthWriteApply::statement};
        case StageRight::notify:
            return {"the notifier", kNotifyRights, sql::HealthWriteNotify::statement};
    }
    LEDGERLINE_ASSERT(false);
}

db::ConnectionConfig probe_config(db::ConnectionConfig config) {
    config.application_name = "ledgerline probe";
    config.connect_timeout = LedgerProbe::connect_timeout;
    config.statement_timeout = LedgerProbe::statement_timeout;
    config.lock_timeout = LedgerProbe::statement_timeout;
    return config;
}

}  // namespace

LedgerProbe::LedgerProbe(db::ConnectionConfig config, std::vector<ProbedStage> stages, const Clock& clock,
                         Metrics& metrics)
    : stages_(std::move(stages)), clock_(clock), session_(probe_config(std::move(config)), metrics, "health") {}

Dependency LedgerProbe::dependency() {
    return {"database", [this] { return look(); }};
}

Troubles LedgerProbe::look() {
    Troubles found;
    auto looked = session_.run([&](db::Connection& connection) { return look_at_database(connection, found); });
    if (!looked) found.push_back({"database", looked.error().message});
    // A new session may reach another server, or have been granted other rights.
    if (std::ranges::find(found, "database", &Trouble::name) != found.end()) session_.close();
    return found;
}

Result<void> LedgerProbe::look_at_database(db::Connection& connection, Troubles& found) {
    for (const ProbedStage& stage : stages_) {
        auto tried = try_stage(connection, stage.right);
        if (tried) continue;
        if (!connection.usable()) return tried;
        found.push_back({"database",
                         fmt::format("{} cannot write: {}", texts_of(stage.right).name, tried.error().message),
                         stage.required});
    }
    LEDGERLINE_CHECK(try_commit(connection));
    LEDGERLINE_CHECK(try_disk(connection));
    return look_at_lanes(connection, found);
}

Result<void> LedgerProbe::try_stage(db::Connection& connection, StageRight right) {
    const StageTexts texts = texts_of(right);
    std::vector<std::string> relations, verbs;
    for (const Right& needed : texts.rights) {
        relations.emplace_back(needed.relation);
        verbs.emplace_back(needed.verb);
    }
    LEDGERLINE_TRY(const auto [missing],
                   connection.query_row(sql::HealthMissingRights{.relations = relations, .verbs = verbs}));
    if (missing)
        return failure(Disposition::retry, std::string(db::insufficient_privilege),
                       fmt::format("no right to {}", *missing));
    // Rolled back: a commit that waits for a standby would leave behind a server process that holds the lane's lock.
    auto written = connection.pipeline({{db::begin, {}}, {texts.write, {}}});
    connection.rollback();
    LEDGERLINE_CHECK(std::move(written));
    return {};
}

// Commits as answering clients and moving balances do: it reaches the disk, and the synchronous standby if there is
// one. The publisher's commits promise nothing.
Result<void> LedgerProbe::try_commit(db::Connection& connection) {
    if (!promises_commits()) return {};
    const SteadyTime now = clock_.steady_now();
    if (now < commit_due_) return {};
    LEDGERLINE_TRY(const auto standby, connection.query_row(sql::HealthWaitsForStandby{}));
    waits_for_standby_ = standby.waits;
    auto committed = connection.commit_pipeline({{db::begin, {}}, sql::DbSessionProveCommit{}, {db::commit, {}}});
    if (!committed) {
        Error error = std::move(committed).error();
        error.message =
            fmt::format("cannot commit{}: {}", waits_for_standby_ ? " (it waits for a standby)" : "", error.message);
        return std::unexpected(std::move(error));
    }
    commit_due_ = now + commit_interval;
    return {};
}

json::Object LedgerProbe::facts() const {
    if (!promises_commits()) return {};
    return {{"synchronous_standby", waits_for_standby_.load()}};
}

Result<void> LedgerProbe::try_disk(db::Connection& connection) {
    const SteadyTime now = clock_.steady_now();
    if (now < disk_due_) return {};
    LEDGERLINE_CHECK(connection.pipeline({sql::HealthLittleMemory{}, sql::HealthUseDisk{}}));
    disk_due_ = now + disk_interval;  // a failure is checked again at once
    return {};
}

Result<void> LedgerProbe::look_at_lanes(db::Connection& connection, Troubles& found) {
    LEDGERLINE_TRY(const auto positions, connection.query(sql::HealthCursors{}));
    const LaneMovement::Seen seen = movement_.note(positions, clock_.steady_now());
    // A role does not do its work when its own stage moves none of the lanes that have work.
    const auto add = [&](const LaneMovement::Stage& stage, StageRight right) {
        if (stage.stuck.empty()) return;
        found.push_back(
            {"lanes", fmt::format("{}", fmt::join(stage.stuck, "; ")), is_required(right) && !stage.any_moves});
    };
    add(seen.publish, StageRight::publish);
    add(seen.apply, StageRight::apply);
    return {};
}

bool LedgerProbe::promises_commits() const {
    return std::ranges::any_of(stages_, [](const ProbedStage& stage) { return stage.right != StageRight::publish; });
}

bool LedgerProbe::is_required(StageRight right) const {
    return std::ranges::any_of(stages_,
                               [right](const ProbedStage& stage) { return stage.right == right && stage.required; });
}

}  // namespace ledgerline::health
