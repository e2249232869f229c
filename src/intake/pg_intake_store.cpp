#include "intake/pg_intake_store.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <ranges>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/failpoint.h"
#include "base/jsonb.h"
#include "domain/legs.h"
#include "sql/queries.h"

namespace ledgerline::intake {
namespace {

using Status = IntakeResult::Status;
using Found = sql::IntakeReadBatch::Row;  // what the database holds for one item

bool same_metadata(const std::optional<std::string>& a, const std::optional<std::string>& b) {
    return a.has_value() == b.has_value() && (!a || json::is_same_jsonb(*a, *b));
}

bool same_request(const IntakeItem& a, const IntakeItem& b) {
    return a.amount_cents == b.amount_cents && a.currency == b.currency && a.type == b.type &&
           same_metadata(a.metadata, b.metadata);
}

// Items as columns for unnest(), each with its place relative to the last seq of its lane.
class Columns {
public:
    void append(const IntakeItem& item) {
        const int lane = lane_of(item.account_id);
        transaction_ids_.push_back(item.transaction_id);
        account_ids_.push_back(item.account_id);
        event_ids_.push_back(item.event_id);
        lanes_of_.push_back(lane);
        nths_.push_back(++counts_[lane]);
        amounts_cents_.push_back(item.amount_cents);
        nets_cents_.push_back(item.type == TransactionType::debit ? -item.amount_cents : item.amount_cents);
        currencies_.push_back(item.currency);
        types_.emplace_back(name_of(item.type));
        keys_.push_back(item.idempotency_key);
        metadata_.push_back(item.metadata);
        traceparents_.push_back(item.traceparent.empty() ? std::nullopt : std::optional(item.traceparent));
    }

    std::size_t size() const { return transaction_ids_.size(); }
    int nth(std::size_t i) const { return nths_[i]; }
    // Ascending.
    std::vector<int> lanes() const {
        const auto lanes = std::views::keys(counts_);
        return {lanes.begin(), lanes.end()};
    }

    db::Call read() const {
        return sql::IntakeReadBatch{.account_ids = account_ids_,
                                    .amounts_cents = amounts_cents_,
                                    .currencies = currencies_,
                                    .types = types_,
                                    .idempotency_keys = keys_,
                                    .metadata = metadata_};
    }
    db::Call accept() const {
        const std::vector<int> lanes = this->lanes();
        return sql::IntakeAcceptNew{.lanes = lanes,
                                    .ids = transaction_ids_,
                                    .account_ids = account_ids_,
                                    .event_ids = event_ids_,
                                    .lanes_of = lanes_of_,
                                    .nths = nths_,
                                    .amounts_cents = amounts_cents_,
                                    .nets_cents = nets_cents_,
                                    .currencies = currencies_,
                                    .types = types_,
                                    .idempotency_keys = keys_,
                                    .metadata = metadata_,
                                    .traceparents = traceparents_};
    }

private:
    std::vector<Uuid> transaction_ids_, account_ids_, event_ids_;
    std::vector<int> lanes_of_, nths_;
    std::vector<std::int64_t> amounts_cents_, nets_cents_;
    std::vector<std::string> currencies_, types_, keys_;
    std::vector<std::optional<std::string>> metadata_, traceparents_;
    std::map<int, int> counts_;  // by lane
};

// One batch. Most need one round trip: all items are new and their accounts take them. If the database finds otherwise,
// or the batch may not wait for all lanes, the items are looked up and decided one by one.
class Batch {
public:
    // waits must outlive it.
    Batch(std::span<const IntakeItem> items, const LaneWaits& waits)
        : items_(items), waits_(waits), results_(items.size()) {
        for (const IntakeItem& item : items) all_.append(item);
    }

    bool may_be_all_new() const {
        std::unordered_set<Key, KeyHash> keys;
        return waits_.waits_for_all() &&
               std::ranges::all_of(items_, [&](const IntakeItem& item) { return keys.insert(key_of(item)).second; });
    }
    std::vector<db::Call> accept_all_calls() const {
        return {{db::begin, {}},
                sql::IntakeNoSeqScan{},
                sql::IntakeLockLanes{all_.lanes()},
                all_.accept(),
                {db::commit, {}}};
    }
    void take_accepted_all(const db::Rows& answer) {
        for (std::size_t i = 0; i < items_.size(); ++i) new_.push_back(i);
        take_accepted(answer, all_);
    }

    std::vector<db::Call> read_calls() const {
        std::vector<int> waited_for, others;
        for (const int lane : all_.lanes()) (waits_.waits_for(lane) ? waited_for : others).push_back(lane);
        std::vector<db::Call> calls;
        calls.push_back({db::begin, {}});
        calls.push_back(sql::IntakeNoSeqScan{});
        calls.push_back(sql::IntakeLockLanes{waited_for});
        calls.push_back(sql::IntakeLockFreeLanes{others});
        calls.push_back(all_.read());
        return calls;
    }

    // Takes the answers of read_calls(). Decides every item in arrival order.
    void decide(std::span<const db::Rows> answers) {
        std::vector<Found> found = db::rows_of<sql::IntakeReadBatch>(answers.back());
        db::expect(found.size() == items_.size(), "intake read a different number of rows than it asked for");
        for (const db::Rows& lanes : answers.subspan(2, 2))
            for (const auto& locked : db::rows_of<sql::IntakeLockLanes>(lanes)) locked_.insert(locked.lane);
        for (std::size_t i = 0; i < items_.size(); ++i) {
            if (decide_known_key(i, found[i]) || decide_account(i, found[i]) || decide_repeated_key(i)) continue;
            new_.push_back(i);
            rest_.append(items_[i]);
        }
    }

    bool has_new_rows() const { return !new_.empty(); }
    // Whether answers rely on rows of earlier transactions. Such rows may be visible but not yet durable, if the wait
    // for a synchronous standby was cut short.
    bool has_found_rows() const { return found_rows_; }

    std::vector<db::Call> accept_rest_calls() const { return {rest_.accept(), {db::commit, {}}}; }
    void take_accepted_rest(const db::Rows& answer) { take_accepted(answer, rest_); }

    std::vector<IntakeResult> take_results() { return std::move(results_); }

private:
    struct Key {
        Uuid account_id;
        std::string_view text;
        bool operator==(const Key&) const = default;
    };
    struct KeyHash {
        std::size_t operator()(const Key& key) const {
            return std::hash<Uuid>()(key.account_id) ^ std::hash<std::string_view>()(key.text);
        }
    };

    static Key key_of(const IntakeItem& item) { return {item.account_id, item.idempotency_key}; }

    // A key that was committed before. A row under this item's own id was stored by an earlier try of the same batch.
    bool decide_known_key(std::size_t i, const Found& found) {
        if (!found.known_id) return false;
        IntakeResult& result = results_[i];
        found_rows_ = true;
        result.transaction_id = *found.known_id;
        if (result.transaction_id == items_[i].transaction_id) {
            result.status = Status::created;
            result.lane = db::required(found.known_lane);
            result.seq = db::required(found.known_seq);
            result.created_at = db::required(found.known_created_at);
        } else {
            result.status = db::required(found.same_body) ? Status::replayed : Status::key_reused;
        }
        return true;
    }

    bool decide_account(std::size_t i, Found& found) {
        IntakeResult& result = results_[i];
        if (!found.lane) {
            result.status = Status::account_not_found;
            return true;
        }
        result.lane = *found.lane;
        if (!locked_.contains(result.lane)) {
            result.status = Status::lane_held;
        } else if (db::required(found.suspended)) {
            result.status = Status::account_suspended;
        } else if (found.account_currency != items_[i].currency) {
            result.status = Status::currency_mismatch;
            result.account_currency = db::required(std::move(found.account_currency));
        } else {
            return false;
        }
        return true;
    }

    // A key that an earlier item of this batch has taken. A refused item takes no key.
    bool decide_repeated_key(std::size_t i) {
        const auto [leader, is_first] = leaders_.try_emplace(key_of(items_[i]), i);
        if (is_first) return false;
        const IntakeItem& first = items_[leader->second];
        results_[i].status = same_request(first, items_[i]) ? Status::replayed : Status::key_reused;
        results_[i].transaction_id = first.transaction_id;
        return true;
    }

    // accepted: the columns of the new items. The answer tells the last seqs that their places follow.
    void take_accepted(const db::Rows& answer, const Columns& accepted) {
        std::map<int, std::int64_t> last_seqs;
        WallTime accepted_at{};
        for (const auto& row : db::rows_of<sql::IntakeAcceptNew>(answer)) {
            last_seqs[row.lane] = row.last_seq;
            accepted_at = row.accepted_at;
        }
        for (std::size_t n = 0; n < new_.size(); ++n) {
            const IntakeItem& item = items_[new_[n]];
            IntakeResult& result = results_[new_[n]];
            result.status = Status::created;
            result.transaction_id = item.transaction_id;
            result.lane = lane_of(item.account_id);
            const auto last_seq = last_seqs.find(result.lane);
            db::expect(last_seq != last_seqs.end(), "intake was not told the last seq of a lane");
            result.seq = last_seq->second + accepted.nth(n);
            result.created_at = accepted_at;
        }
    }

    std::span<const IntakeItem> items_;
    const LaneWaits& waits_;
    std::vector<IntakeResult> results_;
    Columns all_;
    Columns rest_;                  // the items that turned out to be new
    std::vector<std::size_t> new_;  // their positions
    bool found_rows_ = false;
    std::set<int> locked_;  // lanes
    std::unordered_map<Key, std::size_t, KeyHash> leaders_;
};

// Whether the database found that not every item of the batch is new and taken by its account.
bool needs_look(const Error& error) { return error.code == db::demand_not_met || error.code == db::unique_violation; }

Result<std::vector<IntakeResult>> run_batch(db::Connection& connection, std::span<const IntakeItem> items,
                                            const LaneWaits& waits) {
    Batch batch(items, waits);
    if (batch.may_be_all_new()) {
        const auto answers = connection.commit_pipeline(batch.accept_all_calls());
        if (answers) {
            batch.take_accepted_all((*answers)[3]);
            failpoint("intake.committed");
            return batch.take_results();
        }
        if (!needs_look(answers.error())) return std::unexpected(answers.error());
        connection.rollback();
    }
    LEDGERLINE_TRY(const auto found, connection.pipeline(batch.read_calls()));
    batch.decide(found);
    if (batch.has_new_rows()) {
        failpoint("intake.locked");
        LEDGERLINE_TRY(const auto answers, connection.commit_pipeline(batch.accept_rest_calls()));
        batch.take_accepted_rest(answers[0]);
    } else if (batch.has_found_rows()) {
        LEDGERLINE_CHECK(connection.commit_pipeline({sql::DbSessionDurableMark{}, {db::commit, {}}}));
    }
    failpoint("intake.committed");
    return batch.take_results();
}

}  // namespace

PgIntakeStore::PgIntakeStore(db::ConnectionConfig config, Metrics& metrics, Tracer& tracer)
    : session_(std::move(config), metrics, "intake", tracer) {}

Result<std::vector<IntakeResult>> PgIntakeStore::accept(std::span<const IntakeItem> items, const LaneWaits& waits) {
    return session_.run([&](db::Connection& connection) { return run_batch(connection, items, waits); });
}

Result<void> PgIntakeStore::ping() { return session_.run(can_accept); }

// A batch without items: all its statements, and a commit.
Result<void> can_accept(db::Connection& connection) {
    const LaneWaits waits;
    const Batch nothing({}, waits);
    std::vector<db::Call> calls = nothing.read_calls();
    calls.push_back(sql::DbSessionProveCommit{});
    std::ranges::move(nothing.accept_rest_calls(), std::back_inserter(calls));
    LEDGERLINE_CHECK(connection.commit_pipeline(calls));
    return {};
}

}  // namespace ledgerline::intake
