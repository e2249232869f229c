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

// Columns of intake_read_batch.
enum : int { account_lane, suspended, account_currency, key_id, same_body, key_lane, key_seq, key_created_at, read_at };

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
    std::vector<std::int64_t> amounts_cents, lanes, seqs;
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
        db::Params items;
        items.add_array(all_.account_ids).add_array(all_.amounts_cents).add_array(all_.currencies);
        items.add_array(all_.types).add_array(all_.keys).add_array(all_.metadata);
        std::vector<db::Call> calls;
        calls.push_back({db::begin, {}});
        calls.push_back({sql::intake_no_seq_scan, {}});
        calls.push_back({sql::intake_lock_lanes, lanes_to_lock()});
        if (!waits_.waits_for_all()) calls.push_back({sql::intake_lock_free_lanes, lanes_to_lock()});
        calls.push_back({sql::intake_read_batch, std::move(items)});
        return calls;
    }

    // Takes the answers of read_calls(). Decides every item in arrival order and gives the new ones their places.
    void decide(std::span<const db::Rows> answers) {
        const db::Rows& read = answers.back();
        db::expect(read.size() == items_.size(), "intake read a different number of rows than it asked for");
        for (const db::Rows& lanes : answers.subspan(2, answers.size() - 3))
            for (std::size_t row = 0; row < lanes.size(); ++row)
                last_seq_[static_cast<int>(lanes.int64(row, 0))] = lanes.int64(row, 1);
        for (std::size_t i = 0; i < items_.size(); ++i) {
            if (!decide_known_key(i, read) && !decide_account(i, read) && !decide_repeated_key(i)) number(i, read);
        }
    }

    bool has_new_rows() const { return !new_.transaction_ids.empty(); }
    // Whether answers rely on rows of earlier transactions. Such rows may be visible but not yet durable, if the wait
    // for a synchronous standby was cut short.
    bool has_found_rows() const { return found_rows_; }

    std::vector<db::Call> write_calls() const {
        db::Params rows, cursors;
        rows.add_array(new_.transaction_ids).add_array(new_.account_ids).add_array(new_.amounts_cents);
        rows.add_array(new_.currencies).add_array(new_.types).add_array(new_.keys).add_array(new_.metadata);
        rows.add_array(new_.lanes).add_array(new_.seqs).add_array(new_.event_ids).add_array(new_.traceparents);
        rows.add(accepted_at_);
        std::vector<std::int64_t> lanes, counts;
        for (const auto& [lane, count] : new_rows_) {
            lanes.push_back(lane);
            counts.push_back(count);
        }
        cursors.add_array(lanes).add_array(counts);
        std::vector<db::Call> calls;
        calls.push_back({sql::intake_insert, std::move(rows)});
        calls.push_back({sql::intake_move_cursors, std::move(cursors)});
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

    db::Params lanes_to_lock() const {
        db::Params params;
        params.add_array(all_.account_ids).add(waits_.none);
        params.add_array(std::vector<std::int64_t>(waits_.not_for.begin(), waits_.not_for.end()));
        return params;
    }

    Key key_of(std::size_t i) const { return {items_[i].account_id, items_[i].idempotency_key}; }

    // A key that was committed before. A row under this item's own id was stored by an earlier try of the same batch.
    bool decide_known_key(std::size_t i, const db::Rows& read) {
        if (read.is_null(i, key_id)) return false;
        IntakeResult& result = results_[i];
        found_rows_ = true;
        result.transaction_id = read.uuid(i, key_id);
        if (result.transaction_id == items_[i].transaction_id) {
            result.status = Status::created;
            result.lane = static_cast<int>(read.int64(i, key_lane));
            result.seq = read.int64(i, key_seq);
            result.created_at = read.time(i, key_created_at);
        } else {
            result.status = read.boolean(i, same_body) ? Status::replayed : Status::key_reused;
        }
        return true;
    }

    // An account created after the lanes were locked may belong to a lane that this batch has not locked: it counts as
    // unknown. So does an account of a lane that was not waited for and whose lock was not available.
    bool decide_account(std::size_t i, const db::Rows& read) {
        IntakeResult& result = results_[i];
        if (!read.is_null(i, account_lane)) result.lane = static_cast<int>(read.int64(i, account_lane));
        if (read.is_null(i, account_lane)) {
            result.status = Status::account_not_found;
        } else if (!last_seq_.contains(result.lane)) {
            result.status = waits_.waits_for(result.lane) ? Status::account_not_found : Status::lane_held;
        } else if (read.boolean(i, suspended)) {
            result.status = Status::account_suspended;
        } else if (read.text(i, account_currency) != items_[i].currency) {
            result.status = Status::currency_mismatch;
            result.account_currency = read.text(i, account_currency);
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

    void number(std::size_t i, const db::Rows& read) {
        IntakeResult& result = results_[i];
        result.status = Status::created;
        result.transaction_id = items_[i].transaction_id;
        result.seq = ++last_seq_[result.lane];
        result.created_at = accepted_at_ = read.time(i, read_at);
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
