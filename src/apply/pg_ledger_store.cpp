#include "apply/pg_ledger_store.h"

#include <algorithm>
#include <map>
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
    std::vector<int> lanes;
    std::vector<std::int64_t> seqs;
    std::vector<Uuid> event_ids;

    void append(int lane, std::span<const EventRef> refs) {
        for (const EventRef& ref : refs) {
            lanes.push_back(lane);
            seqs.push_back(ref.seq);
            event_ids.push_back(ref.event_id);
        }
    }
};

// Takes the texts of the event out of proven.
Event take_event(Proven& proven) {
    const auto type = parse_transaction_type(proven.type);
    db::expect(type.has_value(), "expected a transaction type");
    Event event;
    event.lane = proven.lane;
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

// The decisions of one transaction, as columns for unnest().
class Decisions {
public:
    // Decides the proven events of one run, in lane order.
    ApplyResult decide(std::span<Proven> events) {
        ApplyResult result;
        result.outcomes.reserve(events.size());
        for (Proven& proven : events) {
            Event event = take_event(proven);
            AccountState& account = accounts_.try_emplace(event.account_id, take_account(proven)).first->second;
            Posting posting = proven.verdict == "discard" ? discard(account) : post(event, account);
            append(event, posting, account.min_balance_cents);
            result.outcomes.push_back({std::move(event), std::move(posting)});
        }
        return result;
    }

    bool empty() const { return lanes_.empty(); }
    Call call() const {
        return sql::ApplyDecide{.lanes = lanes_,
                                .seqs = seqs_,
                                .balances_after_cents = balances_,
                                .floors_cents = floors_,
                                .failure_codes = codes_,
                                .failure_reasons = reasons_};
    }

private:
    void append(const Event& event, const Posting& posting, std::int64_t floor_cents) {
        lanes_.push_back(event.lane);
        seqs_.push_back(event.seq);
        balances_.push_back(posting.balance_after_cents);
        floors_.push_back(floor_cents);
        codes_.push_back(posting.refusal ? std::optional(std::string(code_of(*posting.refusal))) : std::nullopt);
        reasons_.push_back(posting.refusal ? std::optional(posting.failure_reason) : std::nullopt);
    }

    std::unordered_map<Uuid, AccountState> accounts_;
    std::vector<int> lanes_;
    std::vector<std::int64_t> seqs_, balances_, floors_;
    std::vector<std::optional<std::string>> codes_, reasons_;
};

// Why a run comes to nothing; Status::applied when its events can be decided. proven: those of its refs that are
// proven.
ApplyResult::Status status_of(const LaneRun& run, std::int64_t applied_seq, std::span<const Proven> proven) {
    using Status = ApplyResult::Status;
    if (applied_seq != run.applied_seq) return Status::cursor_moved;
    if (proven.size() != run.refs.size()) return Status::not_proven;
    const auto is_known = [](const Proven& event) { return event.schema_version == event_schema_version; };
    return std::ranges::all_of(proven, is_known) ? Status::applied : Status::version_unknown;
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
                                                 sql::ApplyLockLanes{},
                                                 sql::ApplyAppliedSeqs{},
                                                 sql::ApplyProveAndRead{},
                                                 Decisions().call(),
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

Result<std::vector<ApplyResult>> PgLedgerStore::apply(std::span<const LaneRun> runs) {
    RefColumns claimed;
    std::vector<int> lanes;
    for (const LaneRun& run : runs) {
        LEDGERLINE_ASSERT(!run.refs.empty() && run.refs.front().seq == run.applied_seq + 1);
        claimed.append(run.lane, run.refs);
        lanes.push_back(run.lane);
    }
    return session_.run([&](Connection& connection) -> Result<std::vector<ApplyResult>> {
        LEDGERLINE_TRY(const auto read,
                       connection.pipeline({{db::begin, {}},
                                            sql::ApplyLockLanes{lanes},
                                            sql::ApplyAppliedSeqs{lanes},
                                            sql::ApplyProveAndRead{claimed.lanes, claimed.seqs, claimed.event_ids}}));
        std::map<int, std::int64_t> applied_seqs;
        for (const auto& row : db::rows_of<sql::ApplyAppliedSeqs>(read[2])) applied_seqs[row.lane] = row.applied_seq;
        auto proven = db::rows_of<sql::ApplyProveAndRead>(read[3]);

        std::vector<ApplyResult> results;
        Decisions decisions;
        bool any_failing = false;
        for (const LaneRun& run : runs) {
            const auto events = std::ranges::equal_range(proven, run.lane, {}, &Proven::lane);
            const auto status = status_of(run, applied_seqs.at(run.lane), events);
            if (status == ApplyResult::Status::applied) {
                results.push_back(decisions.decide(events));
                any_failing = any_failing || failing_.contains(run.lane);
            } else {
                results.push_back({status, {}});
            }
        }
        if (decisions.empty()) return results;
        failpoint("worker.proven");
        std::vector<Call> writes{decisions.call()};
        if (any_failing) writes.push_back(sql::ApplyForgetAttempts{claimed.event_ids});
        writes.push_back({db::commit, {}});
        LEDGERLINE_CHECK(connection.pipeline(writes));
        for (std::size_t i = 0; i < runs.size(); ++i)
            if (results[i].status == ApplyResult::Status::applied) failing_.erase(runs[i].lane);
        return results;
    });
}

Result<std::vector<bool>> PgLedgerStore::prove(int lane, std::span<const EventRef> refs) {
    return session_.run([&](Connection& connection) -> Result<std::vector<bool>> {
        RefColumns claimed;
        claimed.append(lane, refs);
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
        const std::vector<int> lanes{lane};
        const std::vector<Uuid> event_ids{letter.ref.event_id};
        LEDGERLINE_TRY(const auto written, connection.pipeline({{db::begin, {}},
                                                                sql::ApplyLockLanes{lanes},
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
