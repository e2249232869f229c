#include "audit/verify.h"

#include <fmt/format.h>

#include <algorithm>

#include "audit/lane_audit.h"
#include "base/wakeup.h"
#include "sql/queries.h"

namespace ledgerline::audit {
namespace {

AuditedEvent event_of(sql::AuditEvents::Row row) {
    AuditedEvent event;
    event.seq = row.seq;
    event.event_id = row.event_id;
    event.transaction_id = row.transaction_id;
    event.is_replay = row.replayed_letter_id.has_value();
    if (row.account_id)
        event.transaction = {*row.account_id, db::required(row.amount_cents), db::required(std::move(row.currency)),
                             db::required(std::move(row.type))};
    if (row.outcome)
        event.outcome = {db::required(row.outcome_event_id),
                         db::required(row.outcome_transaction_id),
                         db::required(row.outcome_account_id),
                         *std::move(row.outcome),
                         row.balance_after_cents,
                         std::move(row.failure_code).value_or("")};
    if (row.letter_id)
        event.letter = {*row.letter_id, db::required(std::move(row.letter_state)), row.letter_event_id.value_or(Uuid{}),
                        db::required(row.letter_transaction_id)};
    if (row.replay_seq)
        event.replay = {db::required(row.replay_lane), *row.replay_seq, db::required(row.replay_transaction_id)};
    if (row.origin_state)
        event.origin = {{}, *std::move(row.origin_state), {}, row.origin_transaction_id.value_or(Uuid{})};
    return event;
}

class Verifier {
public:
    Verifier(db::Connection& connection, const VerifySettings& settings)
        : connection_(connection), settings_(settings), report_(settings.listed_max) {}

    Result<VerifyReport> run() {
        LEDGERLINE_TRY(const auto lanes, connection_.query(sql::AuditLanes{}));
        for (const auto& lane : lanes) total_ += lane.last_seq.value_or(0);
        for (const auto& lane : lanes) {
            report_.examine(Check::cursors);
            report_.examine(Check::halts);
            if (!lane.last_seq || !lane.published_seq || !lane.applied_seq)
                report_.violate(Check::cursors, {lane.lane, 0, "", "a stage has no cursor in this lane"});
            else
                LEDGERLINE_CHECK(verify_lane(lane.lane));
        }
        LEDGERLINE_CHECK(find_halts());
        LEDGERLINE_CHECK(find_still_lanes());
        LEDGERLINE_CHECK(find_strays_of_no_lane());
        return std::move(report_);
    }

private:
    Result<void> verify_lane(int lane) {
        LEDGERLINE_TRY(const auto accounts, connection_.query(sql::AuditAccounts{.lane = lane}));
        if (accounts.empty()) return {};  // the lane existed a moment ago: only manual changes can remove one
        const auto& cursors = accounts.front();
        check_cursors(lane, cursors.last_seq, cursors.published_seq, cursors.applied_seq);
        LaneAudit audit(lane, cursors.last_seq, cursors.applied_seq, report_);
        for (const auto& account : accounts)
            if (account.account_id)
                audit.add_account({*account.account_id, db::required(account.balance_cents),
                                   db::required(account.min_balance_cents), db::required(account.currency)});
        LEDGERLINE_CHECK(read_events(lane, cursors.last_seq, audit));
        audit.finish();
        return find_strays(lane);
    }

    void check_cursors(int lane, std::int64_t last, std::int64_t published, std::int64_t applied) {
        const auto ahead = [&](std::int64_t cursor, const char* name) {
            if (cursor > last)
                report_.violate(
                    Check::cursors,
                    {lane, cursor, "", fmt::format("{} is {}, but the last event is {}", name, cursor, last)});
        };
        ahead(published, "published_seq");
        ahead(applied, "applied_seq");
    }

    Result<void> read_events(int lane, std::int64_t last, LaneAudit& audit) {
        for (std::int64_t after = 0; after < last; after += settings_.stretch_seqs) {
            const std::int64_t up_to = std::min(last, after + settings_.stretch_seqs);
            LEDGERLINE_TRY(auto events, connection_.query(sql::AuditEvents{lane, after, up_to}));
            for (auto& event : events) audit.take(event_of(std::move(event)));
            LEDGERLINE_TRY(const auto strays, connection_.query(sql::AuditOutcomesWithoutEvent{lane, after, up_to}));
            for (const auto& stray : strays)
                report_.violate(Check::outcomes,
                                {lane, stray.seq, stray.transaction_id.to_string(), "the outcome has no event"});
            done_ += up_to - after;
            if (settings_.on_progress) settings_.on_progress(done_, std::max(done_, total_));
        }
        return {};
    }

    Result<void> find_halts() {
        LEDGERLINE_TRY(const auto halts, connection_.query(sql::AuditHalts{}));
        for (const auto& halt : halts)
            report_.violate(Check::halts, {halt.lane, halt.seq, "",
                                           fmt::format("{} halted at {}: {}: {}", halt.stage, halt.halted_at, halt.code,
                                                       halt.reason)});
        return {};
    }

    // What was published after a long outage is applied in moments: only a lane that has not moved at the second look
    // is reported.
    Result<void> find_still_lanes() {
        LEDGERLINE_TRY(const auto first, connection_.query(sql::AuditStill{}));
        if (first.empty()) return {};
        Wakeup().wait(settings_.second_look);
        LEDGERLINE_TRY(const auto second, connection_.query(sql::AuditStill{}));
        for (const auto& lane : second)
            for (const auto& before : first)
                if (before.lane == lane.lane && before.next_seq == lane.next_seq)
                    report_.violate(
                        Check::halts,
                        {lane.lane, lane.next_seq, "",
                         fmt::format("published but not applied; the lane has not moved for {} s", lane.still_s)});
        return {};
    }

    // Rows that belong to no event of the lane.
    Result<void> find_strays(int lane) {
        LEDGERLINE_TRY(const auto letters, connection_.query(sql::AuditLettersWithoutEvent{lane, strays_max}));
        for (const auto& letter : letters)
            report_.violate(Check::dense,
                            {lane, letter.seq, letter.letter_id.to_string(), "the dead letter has no event"});
        LEDGERLINE_TRY(const auto decided, connection_.query(sql::AuditDecidedAboveCursor{lane, strays_max}));
        for (const auto& row : decided)
            report_.violate(Check::outcomes, {lane, row.seq, row.transaction_id.to_string(),
                                              fmt::format("has a decision above the lane's cursor: {}", row.decision)});
        LEDGERLINE_TRY(const auto events, connection_.query(sql::AuditEventsAboveLast{lane, strays_max}));
        for (const auto& event : events)
            report_.violate(Check::dense, {lane, event.seq, event.event_id.to_string(),
                                           "the event is outside of the lane's sequence"});
        return {};
    }

    Result<void> find_strays_of_no_lane() {
        LEDGERLINE_TRY(const auto events, connection_.query(sql::AuditEventsOfNoLane{strays_max}));
        for (const auto& event : events)
            report_.violate(Check::dense, {event.lane, event.seq, event.event_id.to_string(), "there is no such lane"});
        LEDGERLINE_TRY(const auto accounts, connection_.query(sql::AuditAccountsOfNoLane{strays_max}));
        for (const auto& account : accounts)
            report_.violate(Check::balances,
                            {account.lane, 0, account.account_id.to_string(), "the account's lane does not exist"});
        return {};
    }

    db::Connection& connection_;
    const VerifySettings& settings_;
    VerifyReport report_;
    std::int64_t total_ = 0;
    std::int64_t done_ = 0;
};

}  // namespace

Result<VerifyReport> verify(db::Connection& connection, const VerifySettings& settings) {
    return Verifier(connection, settings).run();
}

}  // namespace ledgerline::audit
