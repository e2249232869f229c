#include "apply/pg_ledger_store.h"

#include <unordered_map>

#include "base/failpoint.h"
#include "domain/stored_message.h"
#include "sql/queries.h"

namespace ledgerline::apply {
namespace {

using db::Call;
using db::Connection;
using Proven = sql::ApplyProveAndRead::Row;  // an event, and its account

// What the messages claim, as columns for unnest().
struct RefColumns {
    std::vector<std::int64_t> seqs;
    std::vector<Uuid> event_ids;

    explicit RefColumns(std::span<const EventRef> refs) {
        for (const EventRef& ref : refs) {
            seqs.push_back(ref.seq);
            event_ids.push_back(ref.event_id);
        }
    }
};

// Takes the texts of the event out of proven.
Event take_event(Proven& proven, int lane) {
    const auto type = parse_transaction_type(proven.type);
    db::expect(type.has_value(), "expected a transaction type");
    Event event;
    event.lane = lane;
    event.seq = proven.seq;
    event.event_id = proven.event_id;
    event.schema_version = proven.schema_version;
    event.traceparent = std::move(proven.traceparent);
    event.occurred_at = proven.created_at;
    event.transaction_id = proven.transaction_id;
    event.account_id = proven.account_id;
    event.amount_cents = proven.amount_cents;
    event.currency = std::move(proven.currency);
    event.type = *type;
    return event;
}

AccountState take_account(Proven& proven) {
    return {proven.account_id, std::move(proven.account_currency), proven.balance_cents, proven.min_balance_cents,
            proven.account_status == "SUSPENDED"};
}

// What is decided at one place, and the floor that it was decided under.
struct Decided {
    Applied applied;
    std::int64_t floor_cents = 0;
};

// Decides the proven events in lane order.
std::vector<Decided> decide(std::vector<Proven> events, int lane) {
    std::unordered_map<Uuid, AccountState> accounts;
    std::vector<Decided> decided;
    decided.reserve(events.size());
    for (Proven& proven : events) {
        Event event = take_event(proven, lane);
        AccountState& account = accounts.try_emplace(event.account_id, take_account(proven)).first->second;
        Posting posting = proven.verdict == "discard" ? discard(account) : post(event, account);
        decided.push_back({{std::move(event), std::move(posting)}, account.min_balance_cents});
    }
    return decided;
}

Call decide_call(int lane, const std::vector<Decided>& decided) {
    const std::vector<int> lanes(decided.size(), lane);
    std::vector<std::int64_t> seqs, balances, floors;
    std::vector<std::optional<std::string>> codes, reasons;
    for (const auto& [applied, floor] : decided) {
        const Posting& posting = applied.posting;
        seqs.push_back(applied.event.seq);
        balances.push_back(posting.balance_after_cents);
        floors.push_back(floor);
        codes.push_back(posting.refusal ? std::optional(std::string(code_of(*posting.refusal))) : std::nullopt);
        reasons.push_back(posting.refusal ? std::optional(posting.failure_reason) : std::nullopt);
    }
    return sql::ApplyDecide{.lanes = lanes,
                            .seqs = seqs,
                            .balances_after_cents = balances,
                            .floors_cents = floors,
                            .failure_codes = codes,
                            .failure_reasons = reasons};
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
    LEDGERLINE_CHECK(connection.commit_pipeline({{db::begin, {}},
                                                 sql::ApplyLockLane{kNoLane},
                                                 sql::ApplyAppliedSeq{kNoLane},
                                                 sql::ApplyProveAndRead{kNoLane, {}, {}},
                                                 decide_call(kNoLane, {}),
                                                 sql::ApplyCountAttempt{kNoLane, 0},
                                                 sql::ApplyForgetAttempts{},
                                                 park_call(kNoLane, 0, no_event),
                                                 sql::ApplyRewind{kNoLane, 0},
                                                 halt_query(kNoLane, {}),
                                                 sql::ApplyClearHalt{kNoLane},
                                                 sql::DbSessionProveCommit{},
                                                 {db::commit, {}}}));
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

Result<ApplyResult> PgLedgerStore::apply(int lane, std::int64_t applied_seq, std::span<const EventRef> refs) {
    using Status = ApplyResult::Status;
    LEDGERLINE_ASSERT(!refs.empty() && refs.front().seq == applied_seq + 1);
    return session_.run([&](Connection& connection) -> Result<ApplyResult> {
        const RefColumns claimed(refs);
        LEDGERLINE_TRY(const auto read,
                       connection.pipeline({{db::begin, {}},
                                            sql::ApplyLockLane{lane},
                                            sql::ApplyAppliedSeq{lane},
                                            sql::ApplyProveAndRead{lane, claimed.seqs, claimed.event_ids}}));
        if (db::row_of<sql::ApplyAppliedSeq>(read[2]).applied_seq != applied_seq)
            return ApplyResult{Status::cursor_moved, {}};
        auto events = db::rows_of<sql::ApplyProveAndRead>(read[3]);
        if (events.size() != refs.size()) return ApplyResult{Status::not_proven, {}};
        for (const Proven& event : events)
            if (event.schema_version != event_schema_version) return ApplyResult{Status::version_unknown, {}};

        std::vector<Decided> decided = decide(std::move(events), lane);
        failpoint("worker.proven");
        std::vector<Call> writes{decide_call(lane, decided)};
        if (failing_.contains(lane)) writes.push_back(sql::ApplyForgetAttempts{claimed.event_ids});
        writes.push_back({db::commit, {}});
        LEDGERLINE_CHECK(connection.pipeline(writes));
        failing_.erase(lane);
        std::vector<Applied> outcomes;
        outcomes.reserve(decided.size());
        for (Decided& each : decided) outcomes.push_back(std::move(each.applied));
        return ApplyResult{Status::applied, std::move(outcomes)};
    });
}

Result<std::vector<bool>> PgLedgerStore::prove(int lane, std::span<const EventRef> refs) {
    return session_.run([&](Connection& connection) -> Result<std::vector<bool>> {
        const RefColumns claimed(refs);
        LEDGERLINE_TRY(const auto rows, connection.query(sql::ApplyProve{lane, claimed.seqs, claimed.event_ids}));
        std::unordered_map<Uuid, std::int64_t> proven;
        for (const auto& [seq, event_id] : rows) proven.emplace(event_id, seq);
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
                                                                sql::ApplyLockLane{lane},
                                                                park_call(lane, applied_seq, letter),
                                                                sql::ApplyForgetAttempts{event_ids},
                                                                {db::commit, {}}}));
        return written[2].affected() == 1;
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
