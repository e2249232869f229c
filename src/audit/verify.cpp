#include "audit/verify.h"

#include <fmt/format.h>

#include <algorithm>

#include "audit/lane_audit.h"
#include "base/wakeup.h"
#include "sql/queries.h"

namespace ledgerline::audit {
namespace {

AuditedDecision decision_of(sql::AuditEvents::Row& row) {
    AuditedDecision decision{.kind = *std::move(row.kind),
                             .transaction_id = db::required(row.decided_transaction_id),
                             .account_id = db::required(row.decided_account_id),
                             .amount_cents = db::required(row.decided_cents),
                             .balance_after_cents = db::required(row.balance_after_cents),
                             .floor_cents = db::required(row.floor_cents),
                             .failure_code = std::move(row.failure_code).value_or("")};
    if (row.letter_id)
        decision.letter = {*row.letter_id, db::required(std::move(row.letter_state)),
                           row.letter_event_id.value_or(Uuid{}), row.letter_transaction_id.value_or(Uuid{})};
    if (row.next_seq)
        decision.next = {db::required(row.next_lane), *row.next_seq, std::move(row.next_verdict).value_or(""),
                         db::required(row.next_transaction_id)};
    return decision;
}

AuditedPlace place_of(sql::AuditEvents::Row row) {
    AuditedPlace place{.seq = row.seq,
                       .event_id = row.event_id,
                       .transaction_id = row.transaction_id,
                       .account_id = row.account_id,
                       .net_cents = row.net_cents,
                       .transaction = {},
                       .decision = {},
                       .verdict = std::move(row.verdict).value_or(""),
                       .origin = {}};
    if (row.amount_cents)
        place.transaction = {*row.amount_cents, db::required(std::move(row.currency)),
                             db::required(std::move(row.type))};
    if (row.kind) place.decision = decision_of(row);
    if (row.origin_state)
        place.origin = {{}, *std::move(row.origin_state), {}, row.origin_transaction_id.value_or(Uuid{})};
    return place;
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
            for (auto& event : events) audit.take(place_of(std::move(event)));
            LEDGERLINE_TRY(const auto strays, connection_.query(sql::AuditDecisionsWithoutPlace{lane, after, up_to}));
            for (const auto& stray : strays)
                report_.violate(Check::outcomes,
                                {lane, stray.seq, stray.transaction_id.to_string(), "the decision has no event"});
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
        LEDGERLINE_TRY(const auto letters, connection_.query(sql::AuditLettersWithoutPlace{lane, strays_max}));
        for (const auto& letter : letters)
            report_.violate(Check::dense, {lane, letter.seq, letter.letter_id.to_string(),
                                           "no event was dead-lettered with this dead letter"});
        LEDGERLINE_TRY(const auto events, connection_.query(sql::AuditPlacesBelowOne{lane, strays_max}));
        for (const auto& event : events)
            report_.violate(Check::dense, {lane, event.seq, event.event_id.to_string(),
                                           "the event is outside of the lane's sequence"});
        return {};
    }

    Result<void> find_strays_of_no_lane() {
        LEDGERLINE_TRY(const auto events, connection_.query(sql::AuditPlacesOfNoLane{strays_max}));
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
