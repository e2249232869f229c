#include "intake/pg_intake_store.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/failpoint.h"
#include "base/jsonb.h"
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

// The items as columns for unnest().
struct Columns {
    std::vector<Uuid> transaction_ids, account_ids, event_ids;
    std::vector<std::int64_t> amounts_cents, seqs;
    std::vector<int> lanes;
    std::vector<std::string> currencies, types, keys;
    std::vector<std::optional<std::string>> metadata, traceparents;

    void append(const IntakeItem& item) {
        transaction_ids.push_back(item.transaction_id);
        account_ids.push_back(item.account_id);
        event_ids.push_back(item.event_id);
        amounts_cents.push_back(item.amount_cents);
        currencies.push_back(item.currency);
        types.emplace_back(name_of(item.type));
        keys.push_back(item.idempotency_key);
        metadata.push_back(item.metadata);
        traceparents.push_back(item.traceparent.empty() ? std::nullopt : std::optional(item.traceparent));
    }
};

// One batch during its two round trips.
class Batch {
public:
    // waits must outlive it.
    Batch(std::span<const IntakeItem> items, const LaneWaits& waits)
        : items_(items), waits_(waits), results_(items.size()) {
        for (const IntakeItem& item : items) all_.append(item);
    }

    std::vector<db::Call> read_calls() const {
        const std::vector<int> not_for(waits_.not_for.begin(), waits_.not_for.end());
        std::vector<db::Call> calls;
        calls.push_back({db::begin, {}});
        calls.push_back(sql::IntakeNoSeqScan{});
        calls.push_back(sql::IntakeLockLanes{all_.account_ids, waits_.none, not_for});
        if (!waits_.waits_for_all()) calls.push_back(sql::IntakeLockFreeLanes{all_.account_ids, waits_.none, not_for});
        calls.push_back(sql::IntakeReadBatch{.account_ids = all_.account_ids,
                                             .amounts_cents = all_.amounts_cents,
                                             .currencies = all_.currencies,
                                             .types = all_.types,
                                             .idempotency_keys = all_.keys,
                                             .metadata = all_.metadata});
        return calls;
    }

    // Takes the answers of read_calls(). Decides every item in arrival order and gives the new ones their places.
    void decide(std::span<const db::Rows> answers) {
        std::vector<Found> found = db::rows_of<sql::IntakeReadBatch>(answers.back());
        db::expect(found.size() == items_.size(), "intake read a different number of rows than it asked for");
        for (const db::Rows& lanes : answers.subspan(2, answers.size() - 3))
            for (const auto& [lane, last_seq] : db::rows_of<sql::IntakeLockLanes>(lanes)) last_seq_[lane] = last_seq;
        for (std::size_t i = 0; i < items_.size(); ++i) {
            if (!decide_known_key(i, found[i]) && !decide_account(i, found[i]) && !decide_repeated_key(i))
                number(i, found[i].read_at);
        }
    }

    bool has_new_rows() const { return !new_.transaction_ids.empty(); }
    // Whether answers rely on rows of earlier transactions. Such rows may be visible but not yet durable, if the wait
    // for a synchronous standby was cut short.
    bool has_found_rows() const { return found_rows_; }

    std::vector<db::Call> write_calls() const {
        std::vector<int> lanes;
        std::vector<std::int64_t> counts;
        for (const auto& [lane, count] : new_rows_) {
            lanes.push_back(lane);
            counts.push_back(count);
        }
        std::vector<db::Call> calls;
        calls.push_back(sql::IntakeInsert{.ids = new_.transaction_ids,
                                          .account_ids = new_.account_ids,
                                          .amounts_cents = new_.amounts_cents,
                                          .currencies = new_.currencies,
                                          .types = new_.types,
                                          .idempotency_keys = new_.keys,
                                          .metadata = new_.metadata,
                                          .lanes = new_.lanes,
                                          .seqs = new_.seqs,
                                          .event_ids = new_.event_ids,
                                          .traceparents = new_.traceparents,
                                          .created_at = accepted_at_});
        calls.push_back(sql::IntakeMoveCursors{.lanes = lanes, .rows = counts});
        calls.push_back({db::commit, {}});
        return calls;
    }

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

    Key key_of(std::size_t i) const { return {items_[i].account_id, items_[i].idempotency_key}; }

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

    // An account created after the lanes were locked may belong to a lane that this batch has not locked: it counts as
    // unknown. So does an account of a lane that was not waited for and whose lock was not available.
    bool decide_account(std::size_t i, Found& found) {
        IntakeResult& result = results_[i];
        if (found.account_lane) result.lane = *found.account_lane;
        if (!found.account_lane) {
            result.status = Status::account_not_found;
        } else if (!last_seq_.contains(result.lane)) {
            result.status = waits_.waits_for(result.lane) ? Status::account_not_found : Status::lane_held;
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
        const auto [leader, is_first] = leaders_.try_emplace(key_of(i), i);
        if (is_first) return false;
        const IntakeItem& first = items_[leader->second];
        results_[i].status = same_request(first, items_[i]) ? Status::replayed : Status::key_reused;
        results_[i].transaction_id = first.transaction_id;
        return true;
    }

    void number(std::size_t i, WallTime read_at) {
        IntakeResult& result = results_[i];
        result.status = Status::created;
        result.transaction_id = items_[i].transaction_id;
        result.seq = ++last_seq_[result.lane];
        result.created_at = accepted_at_ = read_at;
        ++new_rows_[result.lane];
        new_.append(items_[i]);
        new_.lanes.push_back(result.lane);
        new_.seqs.push_back(result.seq);
    }

    std::span<const IntakeItem> items_;
    const LaneWaits& waits_;
    std::vector<IntakeResult> results_;
    Columns all_;
    Columns new_;
    bool found_rows_ = false;
    WallTime accepted_at_;                  // by the database's clock; one time for the whole batch
    std::map<int, std::int64_t> last_seq_;  // of the locked lanes
    std::map<int, std::int64_t> new_rows_;  // by lane
    std::unordered_map<Key, std::size_t, KeyHash> leaders_;
};

Result<std::vector<IntakeResult>> run_batch(db::Connection& connection, std::span<const IntakeItem> items,
                                            const LaneWaits& waits) {
    Batch batch(items, waits);
    LEDGERLINE_TRY(const auto answers, connection.pipeline(batch.read_calls()));
    batch.decide(answers);
    if (batch.has_new_rows()) {
        failpoint("intake.locked");
        LEDGERLINE_CHECK(connection.commit_pipeline(batch.write_calls()));
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
    std::ranges::move(nothing.write_calls(), std::back_inserter(calls));
    LEDGERLINE_CHECK(connection.commit_pipeline(calls));
    return {};
}

}  // namespace ledgerline::intake
