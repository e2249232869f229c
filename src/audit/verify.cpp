#include "audit/verify.h"

#include <fmt/format.h>

#include <algorithm>

#include "audit/lane_audit.h"
#include "base/wakeup.h"
#include "sql/queries.h"

namespace ledgerline::audit {
namespace {

using db::Params;
using db::Rows;

// The columns of audit.sql's event query, in order.
enum EventColumn {
    seq,
    event_id,
    transaction_id,
    letter_id,
    account_id,
    amount_cents,
    currency,
    type,
    outcome_event_id,
    outcome_transaction_id,
    outcome_account_id,
    outcome,
    balance_after_cents,
    failure_code,
    buried_id,
    buried_state,
    buried_event_id,
    buried_transaction_id,
    replay_lane,
    replay_seq,
    replay_transaction_id,
    origin_state,
    origin_transaction_id,
};

AuditedEvent event_of(const Rows& rows, std::size_t row) {
    AuditedEvent event;
    event.seq = rows.int64(row, seq);
    event.event_id = rows.uuid(row, event_id);
    event.transaction_id = rows.uuid(row, transaction_id);
    event.is_replay = !rows.is_null(row, letter_id);
    if (!rows.is_null(row, account_id))
        event.transaction = {rows.uuid(row, account_id), rows.int64(row, amount_cents),
                             std::string(rows.text(row, currency)), std::string(rows.text(row, type))};
    if (!rows.is_null(row, outcome))
        event.outcome = {rows.uuid(row, outcome_event_id),
                         rows.uuid(row, outcome_transaction_id),
                         rows.uuid(row, outcome_account_id),
                         std::string(rows.text(row, outcome)),
                         rows.optional_int64(row, balance_after_cents),
                         std::string(rows.text(row, failure_code))};
    if (!rows.is_null(row, buried_id))
        event.letter = {rows.uuid(row, buried_id), std::string(rows.text(row, buried_state)),
                        rows.optional_uuid(row, buried_event_id).value_or(Uuid{}),
                        rows.uuid(row, buried_transaction_id)};
    if (!rows.is_null(row, replay_seq))
        event.replay = {static_cast<int>(rows.int64(row, replay_lane)), rows.int64(row, replay_seq),
                        rows.uuid(row, replay_transaction_id)};
    if (!rows.is_null(row, origin_state))
        event.origin = {{},
                        std::string(rows.text(row, origin_state)),
                        {},
                        rows.optional_uuid(row, origin_transaction_id).value_or(Uuid{})};
    return event;
}

class Verifier {
public:
    Verifier(db::Connection& connection, const VerifySettings& settings)
        : connection_(connection), settings_(settings), report_(settings.listed_max) {}

    Result<VerifyReport> run() {
        LEDGERLINE_TRY(const Rows lanes, connection_.query(sql::audit_lanes));
        for (std::size_t row = 0; row < lanes.size(); ++row) total_ += lanes.optional_int64(row, 1).value_or(0);
        for (std::size_t row = 0; row < lanes.size(); ++row) {
            const int lane = static_cast<int>(lanes.int64(row, 0));
            report_.examine(Check::cursors);
            report_.examine(Check::halts);
            if (lanes.is_null(row, 1) || lanes.is_null(row, 2) || lanes.is_null(row, 3))
                report_.violate(Check::cursors, {lane, 0, "", "a stage has no cursor in this lane"});
            else
                LEDGERLINE_CHECK(verify_lane(lane));
        }
        LEDGERLINE_CHECK(find_halts());
        LEDGERLINE_CHECK(find_still_lanes());
        LEDGERLINE_CHECK(find_strays_of_no_lane());
        return std::move(report_);
    }

private:
    Result<void> verify_lane(int lane) {
        LEDGERLINE_TRY(const Rows accounts, connection_.query(sql::audit_accounts, Params().add(lane)));
        if (accounts.empty()) return {};  // the lane existed a moment ago: only manual changes can remove one
        const std::int64_t last = accounts.int64(0, 0);
        const std::int64_t applied = accounts.int64(0, 2);
        check_cursors(lane, last, accounts.int64(0, 1), applied);
        LaneAudit audit(lane, last, applied, report_);
        for (std::size_t row = 0; row < accounts.size(); ++row)
            if (!accounts.is_null(row, 3))
                audit.add_account({accounts.uuid(row, 3), accounts.int64(row, 4), accounts.int64(row, 5),
                                   std::string(accounts.text(row, 6))});
        LEDGERLINE_CHECK(read_events(lane, last, audit));
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
            const Params stretch = Params().add(lane).add(after).add(up_to);
            LEDGERLINE_TRY(const Rows events, connection_.query(sql::audit_events, stretch));
            for (std::size_t row = 0; row < events.size(); ++row) audit.take(event_of(events, row));
            LEDGERLINE_TRY(const Rows strays, connection_.query(sql::audit_outcomes_without_event, stretch));
            for (std::size_t row = 0; row < strays.size(); ++row)
                report_.violate(Check::outcomes, {lane, strays.int64(row, 0), std::string(strays.text(row, 1)),
                                                  "the outcome has no event"});
            done_ += up_to - after;
            if (settings_.on_progress) settings_.on_progress(done_, std::max(done_, total_));
        }
        return {};
    }

    Result<void> find_halts() {
        LEDGERLINE_TRY(const Rows halts, connection_.query(sql::audit_halts));
        for (std::size_t row = 0; row < halts.size(); ++row)
            report_.violate(Check::halts, {static_cast<int>(halts.int64(row, 0)), halts.int64(row, 2), "",
                                           fmt::format("{} halted at {}: {}: {}", halts.text(row, 1),
                                                       halts.text(row, 5), halts.text(row, 3), halts.text(row, 4))});
        return {};
    }

    // After a long outage, published events are applied within moments: only a lane that is stuck at both looks is
    // stuck.
    Result<void> find_still_lanes() {
        LEDGERLINE_TRY(const Rows first, connection_.query(sql::audit_still));
        if (first.empty()) return {};
        Wakeup().wait(settings_.second_look);
        LEDGERLINE_TRY(const Rows second, connection_.query(sql::audit_still));
        for (std::size_t row = 0; row < second.size(); ++row) {
            const std::int64_t lane = second.int64(row, 0), next_seq = second.int64(row, 1);
            for (std::size_t before = 0; before < first.size(); ++before)
                if (first.int64(before, 0) == lane && first.int64(before, 1) == next_seq)
                    report_.violate(Check::halts,
                                    {static_cast<int>(lane), next_seq, "",
                                     fmt::format("published but not applied; the lane has not moved for {} s",
                                                 second.int64(row, 2))});
        }
        return {};
    }

    // Rows that belong to no event of the lane.
    Result<void> find_strays(int lane) {
        const Params params = Params().add(lane).add(strays_max);
        LEDGERLINE_TRY(const Rows letters, connection_.query(sql::audit_letters_without_event, params));
        for (std::size_t row = 0; row < letters.size(); ++row)
            report_.violate(Check::dense, {lane, letters.int64(row, 0), std::string(letters.text(row, 1)),
                                           "the dead letter has no event"});
        LEDGERLINE_TRY(const Rows decided, connection_.query(sql::audit_decided_above_cursor, params));
        for (std::size_t row = 0; row < decided.size(); ++row)
            report_.violate(Check::outcomes,
                            {lane, decided.int64(row, 0), std::string(decided.text(row, 1)),
                             fmt::format("has a decision above the lane's cursor: {}", decided.text(row, 2))});
        LEDGERLINE_TRY(const Rows events, connection_.query(sql::audit_events_above_last, params));
        for (std::size_t row = 0; row < events.size(); ++row)
            report_.violate(Check::dense, {lane, events.int64(row, 0), std::string(events.text(row, 1)),
                                           "the event is outside of the lane's sequence"});
        return {};
    }

    Result<void> find_strays_of_no_lane() {
        const Params params = Params().add(strays_max);
        LEDGERLINE_TRY(const Rows events, connection_.query(sql::audit_events_of_no_lane, params));
        for (std::size_t row = 0; row < events.size(); ++row)
            report_.violate(Check::dense, {static_cast<int>(events.int64(row, 0)), events.int64(row, 1),
                                           std::string(events.text(row, 2)), "there is no such lane"});
        LEDGERLINE_TRY(const Rows accounts, connection_.query(sql::audit_accounts_of_no_lane, params));
        for (std::size_t row = 0; row < accounts.size(); ++row)
            report_.violate(Check::balances, {static_cast<int>(accounts.int64(row, 1)), 0,
                                              std::string(accounts.text(row, 0)), "the account's lane does not exist"});
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
