// How the worker applies what its lanes have waiting, and what it makes of the answers.
#include <algorithm>
#include <functional>
#include <iterator>
#include <queue>
#include <tuple>
#include <utility>

#include "apply/worker.h"
#include "base/failpoint.h"
#include "db/sqlstate.h"

namespace ledgerline::apply {
namespace {

// Of a run that came to nothing, for its trace.
std::string_view name_of(ApplyResult::Status status) {
    switch (status) {
        case ApplyResult::Status::applied:
            return "applied";
        case ApplyResult::Status::waiting:
            return "waiting";
        case ApplyResult::Status::cursor_moved:
            return "cursor_moved";
        case ApplyResult::Status::not_proven:
            return "not_proven";
        case ApplyResult::Status::version_unknown:
            return "version_unknown";
    }
    LEDGERLINE_ASSERT(false);
}

WallTime accepted_at(const Applied& outcome) { return outcome.event.occurred_at; }

// Whether no lane can go on after it.
bool ends_round(const Error& error) {
    return error.disposition == Disposition::stop ||
           (error.disposition == Disposition::retry && db::is_session_lost(error.code));
}

}  // namespace

// One batch of each lane in turn, until nothing that waits can be applied or the time is up. The next round continues
// with the next lane.
Result<void> Worker::apply_lanes() {
    const SteadyTime end = clock_.steady_now() + config_.apply_max;
    do {
        const std::vector<LaneRun> runs = next_runs();
        if (!runs.empty()) LEDGERLINE_CHECK(apply_runs(runs));
        for (auto& [id, lane] : lanes_)
            if (lane.rewind_due()) LEDGERLINE_CHECK(ask_rewind(lane, "gap"));
        if (runs.empty()) return {};
    } while (clock_.steady_now() < end);
    return {};
}

// What the next transaction applies: the oldest events of all lanes that can go on. So the lanes advance together, and
// most transfers are found in the runs of all their lanes. A lane that goes on alone takes its turn.
std::vector<LaneRun> Worker::next_runs() {
    std::vector<const Lane*> lanes;
    const SteadyTime now = clock_.steady_now();
    for (std::size_t turns = lanes_.size(); turns > 0; --turns) {
        auto next = lanes_.upper_bound(last_lane_);
        if (next == lanes_.end()) next = lanes_.begin();
        const Lane& lane = next->second;
        const bool can_go_on = !lane.pending().empty() && !lane.paused(now);
        if (can_go_on && lane.alone() && !lanes.empty()) break;
        last_lane_ = next->first;
        if (can_go_on) lanes.push_back(&lane);
        if (can_go_on && lane.alone()) break;
    }
    return oldest(lanes);
}

// By the time at which the database accepted them, which those of one intake batch share, and by event, so that most
// transactions have all their places on one side of the end. No promise rests on it.
std::vector<LaneRun> Worker::oldest(std::span<const Lane* const> lanes) const {
    std::vector<LaneRun> runs(lanes.size());
    using Head = std::tuple<WallTime, Uuid, std::size_t>;  // of a lane's next event, and which lane
    std::priority_queue<Head, std::vector<Head>, std::greater<>> heads;
    const auto push_next = [&](std::size_t i) {
        const std::size_t taken = runs[i].refs.size();
        if (taken == lanes[i]->batch_size()) return;
        const Lane::Pending& next = lanes[i]->pending()[taken];
        heads.emplace(next.occurred_at, next.ref.event_id, i);
    };
    for (std::size_t i = 0; i < lanes.size(); ++i) {
        runs[i].lane = lanes[i]->id();
        runs[i].applied_seq = lanes[i]->state().applied_seq;
        push_next(i);
    }
    Uuid last;
    for (std::size_t taken = 0; !heads.empty(); ++taken) {
        const auto [time, event_id, i] = heads.top();
        if (taken >= config_.applied_at_once_max && event_id != last) break;
        last = event_id;
        heads.pop();
        runs[i].refs.push_back(lanes[i]->pending()[runs[i].refs.size()].ref);
        push_next(i);
    }
    std::erase_if(runs, [](const LaneRun& run) { return run.refs.empty(); });
    return runs;
}

Result<void> Worker::apply_runs(std::span<const LaneRun> runs) {
    if (runs.size() == 1 && runs.front().refs.size() == 1) return apply_head(runs.front());
    const SteadyTime started = clock_.steady_now();
    std::vector<ApplyTrace> traces;
    for (const LaneRun& run : runs) traces.push_back(probe_.begin_apply(lanes_.at(run.lane), run.refs.size()));
    const auto traced = std::ranges::find_if(traces, [](const ApplyTrace& t) { return t.context().sampled; });
    const TraceScope scope(traced != traces.end() ? traced->context() : TraceContext());
    auto report = store_.apply(runs);
    if (report) return take_report(runs, *std::move(report), traces, started);
    if (runs.size() == 1) return fail(lanes_.at(runs.front().lane), traces.front(), report.error());
    for (ApplyTrace& trace : traces) trace.came_to_nothing("others_failed");
    if (ends_round(report.error())) return std::unexpected(report.error());
    for (const LaneRun& run : runs) lanes_.at(run.lane).set_alone();
    return {};
}

// One event, as of a lane that is bisected down to it: it, or one that it waits for, is what the database may refuse.
Result<void> Worker::apply_head(const LaneRun& run) {
    Lane& lane = lanes_.at(run.lane);
    const SteadyTime started = clock_.steady_now();
    ApplyTrace trace = probe_.begin_apply(lane, 1);
    const TraceScope scope(trace.context());
    auto head = store_.apply_head(run);
    if (!head) return fail(lane, trace, head.error());
    if (!head->refusal) return take_report(std::span(&run, 1), std::move(head->report), std::span(&trace, 1), started);
    if (head->event_id == run.refs.front().event_id) return fail(lane, trace, *head->refusal);
    trace.came_to_nothing(name_of(ApplyResult::Status::waiting));
    lane.pause_for(clock_.steady_now(), config_.waiting_retry_interval);
    return {};
}

Result<void> Worker::fail(Lane& lane, ApplyTrace& trace, const Error& error) {
    trace.failed(error);
    return handle_failure(lane, error);
}

Result<void> Worker::take_report(std::span<const LaneRun> runs, ApplyReport report, std::span<ApplyTrace> traces,
                                 SteadyTime started) {
    failpoint("worker.committed");
    const auto took = clock_.steady_now() - started;
    std::vector<Applied> outcomes = std::move(report.others);
    for (const Applied& outcome : outcomes) {
        const auto lane = lanes_.find(outcome.event.lane);
        if (lane != lanes_.end() && outcome.event.seq == lane->second.state().applied_seq + 1) lane->second.advance(1);
    }
    for (std::size_t i = 0; i < runs.size(); ++i) {
        ApplyResult& result = report.runs[i];
        if (result.outcomes.empty()) {
            traces[i].came_to_nothing(name_of(result.status));
            continue;
        }
        Lane& lane = lanes_.at(runs[i].lane);
        traces[i].applied(result.outcomes);
        lane.advance(result.outcomes.size());
        lane.widen();
        lane.succeeded();
        std::ranges::copy(result.outcomes, std::back_inserter(outcomes));
    }
    if (!outcomes.empty()) {
        on_outcome_(std::ranges::max(outcomes, {}, accepted_at).event.occurred_at);
        probe_.applied(outcomes, took);
    }
    for (std::size_t i = 0; i < runs.size(); ++i)
        LEDGERLINE_CHECK(follow_up(lanes_.at(runs[i].lane), runs[i], report.runs[i]));
    return {};
}

Result<void> Worker::follow_up(Lane& lane, const LaneRun& run, const ApplyResult& result) {
    // What other lanes waited for was decided here, although the run came to nothing: its events have moved up.
    if (lane.state().applied_seq != run.applied_seq + std::ssize(result.outcomes)) return reload(lane);
    switch (result.status) {
        case ApplyResult::Status::applied:
            return {};
        case ApplyResult::Status::waiting:
            if (result.outcomes.empty()) lane.pause_for(clock_.steady_now(), config_.waiting_retry_interval);
            return {};
        case ApplyResult::Status::cursor_moved:
            return reload(lane);
        case ApplyResult::Status::not_proven:
            return drop_unproven(lane, run.refs);
        case ApplyResult::Status::version_unknown:
            if (lane.narrow()) return {};
            lane.pause_for(clock_.steady_now(), config_.version_retry_interval);
            lane.halt_at_head("version_unknown", "the event is of a schema_version that needs a newer worker");
            return {};
    }
    LEDGERLINE_ASSERT(false);
}

}  // namespace ledgerline::apply
