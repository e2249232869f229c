#include "apply/pg_ledger_store.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "apply/pg_round.h"
#include "domain/stored_message.h"
#include "sql/queries.h"

namespace ledgerline::apply {
namespace {

using db::Call;
using db::Connection;

// Sorts what was decided by the runs.
ApplyReport report_of(std::span<const LaneRun> runs, Round rounds) {
    ApplyReport report;
    std::map<int, std::size_t> positions;  // of the runs that came to something, by lane
    for (std::size_t i = 0; i < runs.size(); ++i) {
        report.runs.push_back({rounds.statuses[i], {}});
        if (rounds.statuses[i] == ApplyResult::Status::applied) positions[runs[i].lane] = i;
    }
    for (Applied& outcome : rounds.outcomes) {
        const auto run = positions.find(outcome.event.lane);
        (run != positions.end() ? report.runs[run->second].outcomes : report.others).push_back(std::move(outcome));
    }
    for (const auto& [lane, i] : positions)
        if (report.runs[i].outcomes.size() < runs[i].refs.size()) report.runs[i].status = ApplyResult::Status::waiting;
    return report;
}

LaneState state_of(sql::ApplyLoad::Row row) {
    LaneState state{.lane = row.lane,
                    .applied_seq = row.applied_seq,
                    .published_seq = row.published_seq,
                    .last_seq = row.last_seq,
                    .failing_seq = row.attempts > 0 ? row.applied_seq + 1 : 0,
                    .attempts = row.attempts,
                    .streak_code = std::move(row.streak_code),
                    .streak = row.streak,
                    .first_failed_at = row.first_failed_at};
    if (row.halt_seq)
        state.halt = LaneHalt{*row.halt_seq, db::required(std::move(row.halt_code)),
                              db::required(std::move(row.halt_reason)), db::required(row.halted_at)};
    return state;
}

// The windows of proven runs in whose lanes nothing was decided: their heads wait for other lanes.
Windows windows_of_stuck(std::span<const LaneRun> runs, const Round& round) {
    std::set<int> moved;
    for (const Applied& outcome : round.outcomes) moved.insert(outcome.event.lane);
    Windows windows;
    for (std::size_t i = 0; i < runs.size(); ++i)
        if (round.statuses[i] == ApplyResult::Status::applied && !moved.contains(runs[i].lane))
            windows[runs[i].lane] = runs[i].refs.back().seq;
    return windows;
}

Call park_call(int lane, std::int64_t applied_seq, const ParkedEvent& letter) {
    const bus::Incoming& incoming = letter.incoming;
    StoredMessage stored(incoming.message, letter.error_message, letter.bare);
    return sql::ApplyPark{.lane = lane,
                          .applied_seq = applied_seq,
                          .event_id = letter.ref.event_id,
                          .letter_id = letter.letter_id,
                          .topic = incoming.topic,
                          .partition = incoming.partition,
                          .offset = incoming.offset,
                          .message_key = {std::move(stored.key)},
                          .payload = stored.payload,
                          .payload_encoding = stored.encoding,
                          .error_class = letter.error_class,
                          .error_code = letter.error_code,
                          .error_message = stored.error_message,
                          .attempts = letter.attempts,
                          .headers = stored.headers,
                          .value_sha256 = {std::move(stored.value_sha256)},
                          .first_failed_at = letter.first_failed_at};
}

Call park_foreign_call(const ForeignMessage& letter) {
    const bus::Incoming& incoming = letter.incoming;
    StoredMessage stored(incoming.message, letter.error_message, letter.bare);
    return sql::ApplyParkForeign{.letter_id = letter.letter_id,
                                 .topic = incoming.topic,
                                 .partition = incoming.partition,
                                 .offset = incoming.offset,
                                 .message_key = {std::move(stored.key)},
                                 .payload = stored.payload,
                                 .payload_encoding = stored.encoding,
                                 .value_sha256 = {std::move(stored.value_sha256)},
                                 .headers = stored.headers,
                                 .error_code = letter.error_code,
                                 .error_message = stored.error_message};
}

// Its texts are those of halt.
sql::ApplyHalt halt_query(int lane, const LaneHalt& halt) {
    return {.lane = lane,
            .seq = halt.seq,
            .code = halt.code,
            .reason = halt.reason,
            .reason_chars_max = LaneHalt::reason_chars_max};
}

}  // namespace

Result<void> can_apply(Connection& connection) {
    constexpr int kNoLane = -1;
    ParkedEvent no_event;
    no_event.error_class = "unknown";
    std::vector<Call> calls{{db::begin, {}}};
    std::ranges::move(empty_round(), std::back_inserter(calls));
    const Call others[] = {sql::ApplyLockEventLanes{kNoLane, 0},
                           sql::ApplyCountAttempt{kNoLane, 0},
                           park_call(kNoLane, 0, no_event),
                           sql::ApplyRewind{kNoLane, 0},
                           halt_query(kNoLane, {}),
                           sql::ApplyClearHalt{kNoLane},
                           sql::DbSessionProveCommit{},
                           {db::commit, {}}};
    calls.insert(calls.end(), std::begin(others), std::end(others));
    LEDGERLINE_CHECK(connection.commit_pipeline(calls));
    return {};
}

Result<std::vector<LaneState>> PgLedgerStore::load(std::span<const int> lanes) {
    return session_.run([&](Connection& connection) -> Result<std::vector<LaneState>> {
        LEDGERLINE_TRY(auto rows, connection.query(sql::ApplyLoad{lanes, streak_seen_max}));
        std::vector<LaneState> states;
        states.reserve(rows.size());
        for (auto& row : rows) {
            if (row.attempts > 0) failing_.insert(row.lane);
            states.push_back(state_of(std::move(row)));
        }
        return states;
    });
}

Result<ApplyReport> PgLedgerStore::apply(std::span<const LaneRun> runs) {
    LEDGERLINE_TRY(Round rounds, decide(runs, false));
    return report_of(runs, std::move(rounds));
}

Result<HeadReport> PgLedgerStore::apply_head(const LaneRun& run) {
    LEDGERLINE_ASSERT(run.refs.size() == 1);
    const std::span runs(&run, 1);
    LEDGERLINE_TRY(Round rounds, decide(runs, true));
    HeadReport head{.report = {}, .refusal = rounds.refusal, .event_id = rounds.event_id};
    head.report = report_of(runs, std::move(rounds));
    return head;
}

// Most rounds find everything that they need in the runs. Runs of which nothing could be decided get a second round,
// over all that their heads wait for. That is read without locks, so a third one may be due: with every lane locked, it
// misses nothing. Returns what they came to together, with the statuses of the first.
Result<Round> PgLedgerStore::decide(std::span<const LaneRun> runs, bool one) {
    for (const LaneRun& run : runs) LEDGERLINE_ASSERT(!run.refs.empty() && run.refs.front().seq == run.applied_seq + 1);
    Round all;
    Windows windows = windows_of(runs);
    for (int nth = 1; nth <= 3 && !windows.empty(); ++nth) {
        RoundPlan plan{.windows = windows, .widened = nth > 1, .all_lanes = nth == 3, .one = one, .failing = failing_};
        if (nth == 1) {
            plan.runs = runs;
            plan.handed = handed_;
        }
        auto round = decide_round(plan);
        // What was decided before is told first: the failure comes back with the next call.
        if (!round && !all.outcomes.empty()) return all;
        if (!round) return std::unexpected(round.error());
        for (const Applied& outcome : round->outcomes) failing_.erase(outcome.event.lane);
        if (nth == 1) all.statuses = std::move(round->statuses);
        std::ranges::move(round->outcomes, std::back_inserter(all.outcomes));
        all.event_id = round->event_id;
        all.refusal = std::move(round->refusal);
        if (all.refusal || (one && !all.outcomes.empty())) break;
        windows = windows_of_stuck(runs, all);
        if (nth == 1 && !must_widen(windows, all)) break;
    }
    return all;
}

// Not yet where others went on: what a head waits for comes with the next messages, mostly.
bool PgLedgerStore::must_widen(const Windows& stuck, const Round& round) {
    const auto was_stuck = [this](const auto& window) { return stuck_.contains(window.first); };
    const bool again = std::ranges::any_of(stuck, was_stuck);
    stuck_.clear();
    for (const auto& [lane, last_seq] : stuck) stuck_.insert(lane);
    return again || round.outcomes.empty();
}

Result<Round> PgLedgerStore::decide_round(const RoundPlan& plan) {
    auto round = session_.run([&](Connection& connection) -> Result<Round> {
        if (std::exchange(accounts_session_, session_.number()) != session_.number()) accounts_.clear();
        return apply::decide_round(connection, plan, accounts_);
    });
    if (!round || round->refusal) accounts_.clear();
    return round;
}

Result<std::vector<bool>> PgLedgerStore::prove(int lane, std::span<const EventRef> refs) {
    return session_.run([&](Connection& connection) -> Result<std::vector<bool>> {
        std::vector<std::int64_t> seqs;
        std::vector<Uuid> event_ids;
        for (const EventRef& ref : refs) {
            seqs.push_back(ref.seq);
            event_ids.push_back(ref.event_id);
        }
        LEDGERLINE_TRY(const auto rows, connection.query(sql::ApplyProve{lane, seqs, event_ids}));
        std::map<std::int64_t, Uuid> proven;
        for (const auto& [seq, event_id] : rows) proven.emplace(seq, event_id);
        std::vector<bool> flags;
        for (const EventRef& ref : refs) {
            const auto found = proven.find(ref.seq);
            flags.push_back(found != proven.end() && found->second == ref.event_id);
        }
        return flags;
    });
}

Result<int> PgLedgerStore::count_attempt(int lane, std::int64_t applied_seq) {
    return session_.run([&](Connection& connection) -> Result<int> {
        LEDGERLINE_TRY(const auto rows, connection.query(sql::ApplyCountAttempt{lane, applied_seq}));
        failing_.insert(lane);
        return rows.empty() ? 0 : rows.front().attempts;
    });
}

Result<bool> PgLedgerStore::park(int lane, std::int64_t applied_seq, const ParkedEvent& letter) {
    LEDGERLINE_ASSERT(letter.ref.seq == applied_seq + 1);
    return session_.run([&](Connection& connection) -> Result<bool> {
        const std::vector<Uuid> event_ids{letter.ref.event_id};
        LEDGERLINE_TRY(const auto written, connection.pipeline({{db::begin, {}},
                                                                sql::ApplyLockEventLanes{lane, letter.ref.seq},
                                                                park_call(lane, applied_seq, letter),
                                                                sql::ApplyForgetAttempts{event_ids},
                                                                {db::commit, {}}}));
        return written[2].affected() > 0;
    });
}

Result<std::size_t> PgLedgerStore::park_foreign(std::span<const ForeignMessage> letters) {
    std::vector<Call> calls;
    for (const ForeignMessage& letter : letters) calls.push_back(park_foreign_call(letter));
    LEDGERLINE_TRY(const auto results,
                   session_.run([&](Connection& connection) { return connection.pipeline(calls); }));
    std::size_t written = 0;
    for (const db::Rows& rows : results) written += static_cast<std::size_t>(rows.affected());
    return written;
}

Result<bool> PgLedgerStore::rewind(int lane, std::int64_t applied_seq) {
    return session_.run([&](Connection& connection) -> Result<bool> {
        LEDGERLINE_TRY(const auto moved, connection.execute(sql::ApplyRewind{lane, applied_seq}));
        return moved == 1;
    });
}

Result<bool> PgLedgerStore::halt(int lane, const LaneHalt& halt) {
    return session_.run([&](Connection& connection) -> Result<bool> {
        LEDGERLINE_TRY(const auto written, connection.execute(halt_query(lane, halt)));
        return written == 1;
    });
}

Result<bool> PgLedgerStore::clear_halt(int lane) {
    return session_.run([&](Connection& connection) -> Result<bool> {
        LEDGERLINE_TRY(const auto removed, connection.execute(sql::ApplyClearHalt{lane}));
        return removed == 1;
    });
}

}  // namespace ledgerline::apply
