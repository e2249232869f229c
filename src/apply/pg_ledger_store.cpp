#include "apply/pg_ledger_store.h"

#include <unordered_map>
#include <unordered_set>

#include "base/failpoint.h"
#include "domain/stored_message.h"
#include "sql/queries.h"

namespace ledgerline::apply {
namespace {

using db::Call;
using db::Connection;
using db::Params;
using db::Rows;

Params ref_params(int lane, std::span<const EventRef> refs) {
    std::vector<std::int64_t> seqs;
    std::vector<Uuid> event_ids;
    for (const EventRef& ref : refs) {
        seqs.push_back(ref.seq);
        event_ids.push_back(ref.event_id);
    }
    return std::move(Params().add(lane).add_array(seqs).add_array(event_ids));
}

// The columns of prove_and_lock.
Event read_event(const Rows& rows, std::size_t row, int lane) {
    const auto type = parse_transaction_type(rows.text(row, 9));
    db::expect(type.has_value(), "expected a transaction type");
    Event event;
    event.lane = lane;
    event.seq = rows.int64(row, 0);
    event.event_id = rows.uuid(row, 1);
    event.schema_version = static_cast<int>(rows.int64(row, 2));
    event.traceparent = rows.text(row, 3);
    event.occurred_at = rows.time(row, 4);
    event.transaction_id = rows.uuid(row, 5);
    event.account_id = rows.uuid(row, 6);
    event.amount_cents = rows.int64(row, 7);
    event.currency = rows.text(row, 8);
    event.type = *type;
    return event;
}

AccountState read_account(const Rows& rows, std::size_t row) {
    return {rows.uuid(row, 6), std::string(rows.text(row, 10)), rows.int64(row, 11), rows.int64(row, 12),
            rows.text(row, 13) == "SUSPENDED"};
}

// Decides the proven events in lane order. Returns the outcomes; accounts then holds each account as it is after the
// last one.
std::vector<Applied> decide(const Rows& rows, int lane, std::unordered_map<Uuid, AccountState>& accounts) {
    std::vector<Applied> outcomes;
    outcomes.reserve(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
        Event event = read_event(rows, row, lane);
        AccountState& account = accounts.try_emplace(event.account_id, read_account(rows, row)).first->second;
        Posting posting = post(event, account);
        outcomes.push_back({std::move(event), std::move(posting)});
    }
    return outcomes;
}

Call write_accounts(const std::vector<Applied>& outcomes, const std::unordered_map<Uuid, AccountState>& accounts) {
    std::vector<Uuid> ids;
    std::vector<std::int64_t> balances;
    std::unordered_set<Uuid> written;
    for (const Applied& outcome : outcomes) {
        if (outcome.posting.refusal || !written.insert(outcome.event.account_id).second) continue;
        ids.push_back(outcome.event.account_id);
        balances.push_back(accounts.at(outcome.event.account_id).balance_cents);
    }
    return {sql::apply_write_accounts, std::move(Params().add_array(ids).add_array(balances))};
}

Call write_outcomes(int lane, const std::vector<Applied>& outcomes) {
    std::vector<std::int64_t> seqs, balances;
    std::vector<Uuid> event_ids, transaction_ids, account_ids;
    std::vector<std::optional<std::string>> codes, reasons;
    for (const auto& [event, posting] : outcomes) {
        seqs.push_back(event.seq);
        event_ids.push_back(event.event_id);
        transaction_ids.push_back(event.transaction_id);
        account_ids.push_back(event.account_id);
        balances.push_back(posting.balance_after_cents);
        codes.push_back(posting.refusal ? std::optional(std::string(code_of(*posting.refusal))) : std::nullopt);
        reasons.push_back(posting.refusal ? std::optional(posting.failure_reason) : std::nullopt);
    }
    Params params;
    params.add(lane).add_array(seqs).add_array(event_ids).add_array(transaction_ids).add_array(account_ids);
    params.add_array(balances).add_array(codes).add_array(reasons);
    return {sql::apply_write_outcomes, std::move(params)};
}

std::vector<LaneState> read_states(const Rows& rows) {
    std::vector<LaneState> states(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
        LaneState& state = states[row];
        state.lane = static_cast<int>(rows.int64(row, 0));
        state.applied_seq = rows.int64(row, 1);
        state.published_seq = rows.int64(row, 2);
        state.failing_seq = rows.int64(row, 3);
        state.attempts = static_cast<int>(rows.int64(row, 4));
        state.streak_code = rows.text(row, 5);
        state.streak = static_cast<int>(rows.int64(row, 6));
        state.last_seq = rows.int64(row, 8);
        if (!rows.is_null(row, 7)) state.first_failed_at = rows.time(row, 7);
        if (!rows.is_null(row, 9))
            state.halt = LaneHalt{rows.int64(row, 9), std::string(rows.text(row, 10)), std::string(rows.text(row, 11)),
                                  rows.time(row, 12)};
    }
    return states;
}

Params bury_params(int lane, std::int64_t applied_seq, const BuriedEvent& letter) {
    const bus::Incoming& incoming = letter.incoming;
    const StoredMessage stored(incoming.message, letter.error_message, letter.bare);
    Params params;
    params.add(lane).add(applied_seq).add(letter.ref.event_id).add(letter.letter_id);
    params.add(incoming.topic).add(incoming.partition).add(incoming.offset).add_bytes(stored.key);
    params.add(stored.payload).add(stored.encoding);
    params.add(letter.error_class).add(letter.error_code).add(stored.error_message).add(letter.attempts);
    params.add(stored.headers).add(letter.streak).add_bytes(stored.value_sha256).add(letter.first_failed_at);
    return params;
}

Params halt_params(int lane, const LaneHalt& halt) {
    Params params;
    params.add(lane).add(halt.seq).add(halt.code).add(halt.reason);
    params.add(static_cast<std::int64_t>(LaneHalt::reason_chars_max));
    return params;
}

}  // namespace

Result<void> can_apply(Connection& connection) {
    constexpr int kNoLane = -1;
    const std::unordered_map<Uuid, AccountState> no_accounts;
    BuriedEvent no_event;
    no_event.error_class = "unknown";
    const Params lane_and_cursor = std::move(Params().add(kNoLane).add(0));
    LEDGERLINE_CHECK(
        connection.commit_pipeline({{db::begin, {}},
                                    {sql::apply_move_cursor, std::move(Params().add(kNoLane).add(0).add(1))},
                                    {sql::apply_prove_and_lock, ref_params(kNoLane, {})},
                                    write_accounts({}, no_accounts),
                                    write_outcomes(kNoLane, {}),
                                    {sql::apply_count_attempt, lane_and_cursor},
                                    {sql::apply_bury, bury_params(kNoLane, 0, no_event)},
                                    {sql::apply_rewind, lane_and_cursor},
                                    {sql::apply_halt, halt_params(kNoLane, {})},
                                    {sql::apply_clear_halt, std::move(Params().add(kNoLane))},
                                    sql::DbSessionProveCommit{},
                                    {db::commit, {}}}));
    return {};
}

Result<std::vector<LaneState>> PgLedgerStore::load(std::span<const int> lanes) {
    const std::vector<std::int64_t> ids(lanes.begin(), lanes.end());
    return session_.run([&](Connection& connection) -> Result<std::vector<LaneState>> {
        LEDGERLINE_TRY(const Rows rows, connection.query(sql::apply_load, Params().add_array(ids)));
        return read_states(rows);
    });
}

Result<ApplyResult> PgLedgerStore::apply(int lane, std::int64_t applied_seq, std::span<const EventRef> refs) {
    using Status = ApplyResult::Status;
    LEDGERLINE_ASSERT(!refs.empty() && refs.front().seq == applied_seq + 1);
    return session_.run([&](Connection& connection) -> Result<ApplyResult> {
        const Params cursor = Params().add(lane).add(applied_seq).add(refs.back().seq);
        LEDGERLINE_TRY(const auto read, connection.pipeline({{db::begin, {}},
                                                             {sql::apply_move_cursor, cursor},
                                                             {sql::apply_prove_and_lock, ref_params(lane, refs)}}));
        const Rows& events = read[2];
        if (read[1].affected() == 0) return ApplyResult{Status::cursor_moved, {}};
        if (events.size() != refs.size()) return ApplyResult{Status::not_proven, {}};
        for (std::size_t row = 0; row < events.size(); ++row)
            if (events.int64(row, 2) != event_schema_version) return ApplyResult{Status::version_unknown, {}};

        std::unordered_map<Uuid, AccountState> accounts;
        std::vector<Applied> outcomes = decide(events, lane, accounts);
        failpoint("worker.proven");
        LEDGERLINE_CHECK(connection.pipeline(
            {write_accounts(outcomes, accounts), write_outcomes(lane, outcomes), {db::commit, {}}}));
        return ApplyResult{Status::applied, std::move(outcomes)};
    });
}

Result<std::vector<bool>> PgLedgerStore::prove(int lane, std::span<const EventRef> refs) {
    return session_.run([&](Connection& connection) -> Result<std::vector<bool>> {
        LEDGERLINE_TRY(const Rows rows, connection.query(sql::apply_prove, ref_params(lane, refs)));
        std::unordered_map<Uuid, std::int64_t> proven;
        for (std::size_t row = 0; row < rows.size(); ++row) proven.emplace(rows.uuid(row, 1), rows.int64(row, 0));
        std::vector<bool> flags;
        for (const EventRef& ref : refs) {
            const auto found = proven.find(ref.event_id);
            flags.push_back(found != proven.end() && found->second == ref.seq);
        }
        return flags;
    });
}

Result<int> PgLedgerStore::count_attempt(int lane, std::int64_t applied_seq) {
    return session_.run([&](Connection& connection) -> Result<int> {
        LEDGERLINE_TRY(const Rows rows,
                       connection.query(sql::apply_count_attempt, Params().add(lane).add(applied_seq)));
        return rows.empty() ? 0 : static_cast<int>(rows.int64(0, 0));
    });
}

Result<bool> PgLedgerStore::bury(int lane, std::int64_t applied_seq, const BuriedEvent& letter) {
    LEDGERLINE_ASSERT(letter.ref.seq == applied_seq + 1);
    return session_.run([&](Connection& connection) -> Result<bool> {
        LEDGERLINE_TRY(const Rows rows, connection.query(sql::apply_bury, bury_params(lane, applied_seq, letter)));
        return rows.affected() == 1;
    });
}

Result<std::size_t> PgLedgerStore::bury_foreign(std::span<const ForeignMessage> letters) {
    std::vector<Call> calls;
    for (const ForeignMessage& letter : letters) {
        const bus::Incoming& incoming = letter.incoming;
        const StoredMessage stored(incoming.message, letter.error_message, letter.bare);
        Params params;
        params.add(letter.letter_id).add(incoming.topic).add(incoming.partition).add(incoming.offset);
        params.add_bytes(stored.key).add(stored.payload).add(stored.encoding);
        params.add_bytes(stored.value_sha256).add(stored.headers);
        params.add(letter.error_code).add(stored.error_message);
        calls.push_back({sql::apply_bury_foreign, std::move(params)});
    }
    LEDGERLINE_TRY(const auto results,
                   session_.run([&](Connection& connection) { return connection.pipeline(calls); }));
    std::size_t written = 0;
    for (const Rows& rows : results) written += static_cast<std::size_t>(rows.affected());
    return written;
}

Result<bool> PgLedgerStore::rewind(int lane, std::int64_t applied_seq) {
    LEDGERLINE_TRY(const Rows rows, session_.run([&](Connection& connection) {
        return connection.query(sql::apply_rewind, Params().add(lane).add(applied_seq));
    }));
    return rows.affected() == 1;
}

Result<bool> PgLedgerStore::halt(int lane, const LaneHalt& halt) {
    return session_.run([&](Connection& connection) -> Result<bool> {
        LEDGERLINE_TRY(const Rows rows, connection.query(sql::apply_halt, halt_params(lane, halt)));
        return rows.affected() == 1;
    });
}

Result<bool> PgLedgerStore::clear_halt(int lane) {
    return session_.run([&](Connection& connection) -> Result<bool> {
        LEDGERLINE_TRY(const Rows rows, connection.query(sql::apply_clear_halt, Params().add(lane)));
        return rows.affected() == 1;
    });
}

}  // namespace ledgerline::apply
