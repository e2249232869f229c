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
using Account = sql::IntakeReadAccounts::Row;
using Known = sql::IntakeReadKeys::Row;        // a transaction under the key of an item
using LastSeqs = std::map<int, std::int64_t>;  // by lane

bool same_metadata(const std::optional<std::string>& a, const std::optional<std::string>& b) {
    return a.has_value() == b.has_value() && (!a || json::is_same_jsonb(*a, *b));
}

// But for what they follow.
bool same_request(const IntakeItem& a, const IntakeItem& b) {
    return a.type == b.type && a.amount_cents == b.amount_cents && same_legs(a.legs, b.legs) &&
           (!a.legs.empty() || (a.currency == b.currency && a.account_id == b.account_id)) &&
           a.reference == b.reference && same_metadata(a.metadata, b.metadata) && a.parent_id == b.parent_id &&
           same_metadata(a.terms, b.terms) && a.dated == b.dated;
}

// Items as columns for unnest(), each place relative to the last seq of its lane.
class Columns {
public:
    // previous_id: of a follower.
    void append(const IntakeItem& item, std::span<const Effect> effects, const std::optional<Uuid>& previous_id) {
        const Effect& first = effects.front();
        transaction_ids_.push_back(item.transaction_id);
        tenants_.push_back(item.tenant);
        account_ids_.push_back(item.account_id);
        event_ids_.push_back(item.event_id);
        nths_.push_back(++counts_[lane_of(item.account_id)]);
        amounts_cents_.push_back(item.amount_cents);
        nets_cents_.push_back(first.net_cents);
        places_.push_back(static_cast<int>(effects.size()));
        versions_.push_back(schema_version_of(item));
        currencies_.push_back(first.currency);
        types_.emplace_back(name_of(item.type));
        keys_.push_back(item.idempotency_key);
        if (!item.legs.empty()) db::put_last(legs_, size(), legs_json(item.legs));
        db::put_last(references_, size(), item.reference);
        db::put_last(metadata_, size(), item.metadata);
        db::put_last(parents_, size(), item.parent_id);
        db::put_last(terms_, size(), item.terms);
        db::put_last(previous_, size(), previous_id);
        db::put_last(occurred_, size(), item.dated);
        if (!item.traceparent.empty()) db::put_last(traceparents_, size(), item.traceparent);
        for (const Effect& effect : effects.subspan(1)) {
            further_items_.push_back(static_cast<int>(size()));
            further_accounts_.push_back(effect.account_id);
            further_lanes_.push_back(lane_of(effect.account_id));
            further_nths_.push_back(++counts_[further_lanes_.back()]);
            further_nets_cents_.push_back(effect.net_cents);
            further_currencies_.push_back(effect.currency);
            further_keys_.push_back(item.idempotency_key);
            further_tenants_.push_back(tenant_needed(item, effect));
        }
    }

    std::size_t size() const { return transaction_ids_.size(); }
    int nth(std::size_t i) const { return nths_[i]; }
    // Of the places after the first one of item i: their lanes, and what number they are among the batch's places of
    // it.
    std::vector<std::pair<int, int>> further(std::size_t i) const {
        std::vector<std::pair<int, int>> found;
        const auto [begin, end] = std::ranges::equal_range(further_items_, static_cast<int>(i) + 1);
        for (auto item = begin; item != end; ++item) {
            const auto at = static_cast<std::size_t>(item - further_items_.begin());
            found.emplace_back(further_lanes_[at], further_nths_[at]);
        }
        return found;
    }
    // How many places of each lane there are.
    const std::map<int, int>& counts() const { return counts_; }
    // Ascending.
    std::vector<int> lanes() const {
        const auto lanes = std::views::keys(counts_);
        return {lanes.begin(), lanes.end()};
    }

    // What is known of the accounts, and of the keys under all of them.
    std::vector<db::Call> read() const {
        std::vector<int> touching;
        for (std::size_t i = 1; i <= size(); ++i) touching.push_back(static_cast<int>(i));
        touching.insert(touching.end(), further_items_.begin(), further_items_.end());
        std::vector<Uuid> touched = account_ids_;
        touched.insert(touched.end(), further_accounts_.begin(), further_accounts_.end());
        return {sql::IntakeReadAccounts{.account_ids = touched}, sql::IntakeReadKeys{.amounts_cents = amounts_cents_,
                                                                                     .currencies = currencies_,
                                                                                     .types = types_,
                                                                                     .idempotency_keys = keys_,
                                                                                     .legs = legs_,
                                                                                     .references = references_,
                                                                                     .metadata = metadata_,
                                                                                     .parents = parents_,
                                                                                     .terms = terms_,
                                                                                     .touching = touching,
                                                                                     .account_ids = touched,
                                                                                     .occurred = occurred_}};
    }
    // keys_looked_up: no item is another one that was accepted before with its legs in another order.
    db::Call accept(bool keys_looked_up, const LastSeqs& expected) const {
        const std::vector<int> lanes = this->lanes();
        std::vector<std::int64_t> expected_seqs;
        for (const int lane : lanes) {
            const auto known = expected.find(lane);
            expected_seqs.push_back(known == expected.end() ? 0 : known->second);
        }
        return sql::IntakeAcceptNew{.lanes = lanes,
                                    .expected_seqs = expected_seqs,
                                    .ids = transaction_ids_,
                                    .account_ids = account_ids_,
                                    .event_ids = event_ids_,
                                    .nths = nths_,
                                    .amounts_cents = amounts_cents_,
                                    .nets_cents = nets_cents_,
                                    .places = places_,
                                    .schema_versions = versions_,
                                    .tenants = tenants_,
                                    .parents = parents_,
                                    .previous = previous_,
                                    .occurred = occurred_,
                                    .currencies = currencies_,
                                    .types = types_,
                                    .idempotency_keys = keys_,
                                    .traceparents = traceparents_,
                                    .legs = legs_,
                                    .references = references_,
                                    .metadata = metadata_,
                                    .terms = terms_,
                                    .further_items = further_items_,
                                    .further_accounts = further_accounts_,
                                    .further_lanes = further_lanes_,
                                    .further_nths = further_nths_,
                                    .further_nets_cents = further_nets_cents_,
                                    .further_currencies = further_currencies_,
                                    .further_keys = further_keys_,
                                    .further_tenants = further_tenants_,
                                    .keys_looked_up = keys_looked_up};
    }

private:
    std::vector<Uuid> transaction_ids_, account_ids_, event_ids_;
    std::vector<int> nths_, places_, versions_, tenants_;
    std::vector<std::int64_t> amounts_cents_, nets_cents_;
    std::vector<std::string> currencies_, types_, keys_;
    std::vector<std::optional<std::string>> legs_, references_, metadata_, traceparents_, terms_;
    std::vector<std::optional<Uuid>> parents_, previous_;
    std::vector<std::optional<WallTime>> occurred_;
    // The places after the first one of each item.
    std::vector<int> further_items_, further_lanes_, further_nths_;
    std::vector<Uuid> further_accounts_;
    std::vector<std::int64_t> further_nets_cents_;
    std::vector<std::optional<std::int64_t>> further_tenants_;
    std::vector<std::string> further_currencies_, further_keys_;
    std::map<int, int> counts_;  // of places, by lane
};

// One batch. Most need one round trip: all items are new and their accounts take them. If the database finds otherwise,
// or the batch may not wait for all lanes, the items are looked up and decided one by one.
class Batch {
public:
    // last_seqs: of lanes, as far as they are known; kept up to date. It and waits must outlive the batch.
    Batch(std::span<const IntakeItem> items, const LaneWaits& waits, LastSeqs& last_seqs)
        : items_(items), waits_(waits), last_seqs_(last_seqs), results_(items.size()), accepted_as_(items.size()) {
        effects_.reserve(items.size());
        for (std::size_t i = 0; i < items.size(); ++i) {
            LEDGERLINE_ASSERT(i > 0 || !items[i].follows);
            accepted_as_[i] = items[i].transaction_id;  // until it is known better
            all_.append(items[i], effects_.emplace_back(effects_of(items[i])), previous_of(i));
        }
    }

    bool may_be_all_new() const {
        std::unordered_set<Key, KeyHash> keys;
        const auto is_repeated = [&](std::size_t i) {
            const auto further = std::span(effects_[i]).subspan(1);
            return std::ranges::any_of(further,
                                       [&](const Effect& effect) {
                                           return keys.contains({effect.account_id, items_[i].idempotency_key});
                                       }) ||
                   !keys.insert(key_of(items_[i])).second;
        };
        for (std::size_t i = 0; i < items_.size(); ++i)
            if (is_repeated(i)) return false;
        return waits_.waits_for_all();
    }
    std::vector<db::Call> accept_all_calls() const {
        return {{db::begin, {}}, sql::IntakeLockLanes{all_.lanes()}, all_.accept(false, last_seqs_), {db::commit, {}}};
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
        calls.push_back(sql::IntakeLockLanes{waited_for});
        calls.push_back(sql::IntakeLockFreeLanes{others});
        std::ranges::move(all_.read(), std::back_inserter(calls));
        return calls;
    }

    // Takes the answers of read_calls(). Decides every item in arrival order.
    void decide(std::span<const db::Rows> answers) {
        for (auto& account : db::rows_of<sql::IntakeReadAccounts>(answers[3])) accounts_.emplace(account.id, account);
        std::vector<std::vector<Known>> known(items_.size());
        for (auto& row : db::rows_of<sql::IntakeReadKeys>(answers[4]))
            known.at(static_cast<std::size_t>(row.item) - 1).push_back(row);
        for (const db::Rows& lanes : answers.subspan(1, 2))
            for (const auto& locked : db::rows_of<sql::IntakeLockLanes>(lanes)) locked_.insert(locked.lane);
        for (std::size_t i = 0; i < items_.size(); ++i) {
            if (decide_tenants(i) || decide_known_key(i, known[i]) || decide_previous(i) || decide_accounts(i) ||
                decide_repeated_key(i)) {
                accepted_as_[i].reset();
                if (results_[i].status == Status::created || results_[i].status == Status::replayed)
                    accepted_as_[i] = results_[i].transaction_id;
                continue;
            }
            new_.push_back(i);
            rest_.append(items_[i], effects_[i], previous_of(i));
        }
    }

    bool has_new_rows() const { return !new_.empty(); }
    // Whether answers rely on rows of earlier transactions. Such rows may be visible but not yet durable, if the wait
    // for a synchronous standby was cut short.
    bool has_found_rows() const { return found_rows_; }

    std::vector<db::Call> accept_rest_calls() const { return {rest_.accept(true, last_seqs_), {db::commit, {}}}; }
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

    // The transaction that item i follows. Nothing when it follows none, or one that was not accepted.
    std::optional<Uuid> previous_of(std::size_t i) const {
        return items_[i].follows ? accepted_as_[i - 1] : std::nullopt;
    }

    // An account of another tenant is as if it were not there, whatever is known of the item's key.
    bool decide_tenants(std::size_t i) {
        const auto is_foreign = [&](const Effect& effect) {
            const auto account = accounts_.find(effect.account_id);
            const auto needed = tenant_needed(items_[i], effect);
            return account != accounts_.end() && needed && *needed != account->second.tenant;
        };
        const auto foreign = std::ranges::find_if(effects_[i], is_foreign);
        if (foreign == effects_[i].end()) return false;
        results_[i].status = Status::account_not_found;
        results_[i].account_id = foreign->account_id;
        return true;
    }

    // A key that was committed before. A row under this item's own id was stored by an earlier try of the same batch.
    // One under a further account counts only when it is the same transfer: the key's scope is the first account.
    bool decide_known_key(std::size_t i, std::span<const Known> known) {
        const auto is_same = [&](const Known& row) {
            return row.same_request && row.previous_id == previous_of(i) &&
                   (!items_[i].legs.empty() || row.account_id == items_[i].account_id);
        };
        const auto own = std::ranges::find(known, items_[i].transaction_id, &Known::id);
        const auto same = own != known.end() ? own : std::ranges::find_if(known, is_same);
        const auto found =
            same != known.end() ? same : std::ranges::find(known, items_[i].account_id, &Known::account_id);
        if (found == known.end()) return false;
        IntakeResult& result = results_[i];
        found_rows_ = true;
        result.transaction_id = found->id;
        if (found == own) {
            result.status = Status::created;
            result.lane = found->lane;
            result.seq = found->seq;
            result.created_at = found->created_at;
            result.previous_id = found->previous_id;
        } else {
            result.status = same != known.end() ? Status::replayed : Status::key_reused;
        }
        return true;
    }

    // What follows an item that waits for a held lane is left like it: it has a place in that lane.
    bool decide_previous(std::size_t i) {
        if (!items_[i].follows || previous_of(i) || results_[i - 1].status == Status::lane_held) return false;
        results_[i].status = Status::previous_refused;
        return true;
    }

    // The first account that does not take the transaction.
    bool decide_accounts(std::size_t i) {
        return std::ranges::any_of(effects_[i], [&](const Effect& effect) { return decide_account(i, effect); });
    }

    bool decide_account(std::size_t i, const Effect& effect) {
        IntakeResult& result = results_[i];
        result.account_id = effect.account_id;
        const auto account = accounts_.find(effect.account_id);
        if (account == accounts_.end()) {
            result.status = Status::account_not_found;
            return true;
        }
        result.lane = lane_of(effect.account_id);
        const auto left = left_.find(effect.account_id);
        if (left != left_.end()) result.lane = left->second;
        if (!locked_.contains(result.lane)) {
            result.status = Status::lane_held;
            for (const Effect& other : effects_[i]) left_.try_emplace(other.account_id, result.lane);
        } else if (const auto refusal = refusal_of_status(account->second.status, items_[i].type)) {
            result.status = *refusal;
        } else if (account->second.currency != effect.currency) {
            result.status = Status::currency_mismatch;
            result.account_currency = account->second.currency;
        } else {
            return false;
        }
        return true;
    }

    // A key that an earlier item of this batch has taken. A refused item takes no key.
    bool decide_repeated_key(std::size_t i) {
        for (const Effect& effect : effects_[i]) {
            const auto leader = leaders_.find({effect.account_id, items_[i].idempotency_key});
            if (leader == leaders_.end()) continue;
            const IntakeItem& first = items_[leader->second];
            const bool same = same_request(first, items_[i]) && previous_of(leader->second) == previous_of(i);
            if (!same && first.account_id != items_[i].account_id) continue;
            results_[i].status = same ? Status::replayed : Status::key_reused;
            results_[i].transaction_id = first.transaction_id;
            return true;
        }
        leaders_.emplace(key_of(items_[i]), i);
        return false;
    }

    // accepted: the columns of the new items. The answer tells the last seqs that their places follow.
    void take_accepted(const db::Rows& answer, const Columns& accepted) {
        LastSeqs last_seqs;
        WallTime accepted_at{};
        std::optional<int> lowest, highest;
        for (const auto& row : db::rows_of<sql::IntakeAcceptNew>(answer)) {
            last_seqs[row.lane] = row.last_seq;
            accepted_at = row.accepted_at;
            lowest = row.lowest_tenant;
            highest = row.highest_tenant;
        }
        const auto seq_of = [&](int lane, int nth) {
            const auto last_seq = last_seqs.find(lane);
            db::expect(last_seq != last_seqs.end(), "intake was not told the last seq of a lane");
            return last_seq->second + nth;
        };
        for (const auto& [lane, count] : accepted.counts()) last_seqs_[lane] = seq_of(lane, count);
        for (std::size_t n = 0; n < new_.size(); ++n) {
            const IntakeItem& item = items_[new_[n]];
            IntakeResult& result = results_[new_[n]];
            result.status = Status::created;
            result.transaction_id = item.transaction_id;
            result.lane = lane_of(item.account_id);
            result.seq = seq_of(result.lane, accepted.nth(n));
            for (const auto& [lane, nth] : accepted.further(n)) result.further.push_back({lane, seq_of(lane, nth)});
            result.created_at = accepted_at;
            result.previous_id = previous_of(new_[n]);
            result.is_of_one_tenant =
                !item.pays_other_tenants || result.further.empty() || (lowest == item.tenant && highest == item.tenant);
        }
    }

    std::span<const IntakeItem> items_;
    const LaneWaits& waits_;
    LastSeqs& last_seqs_;
    std::vector<std::vector<Effect>> effects_;  // of each item
    std::vector<IntakeResult> results_;
    std::vector<std::optional<Uuid>> accepted_as_;  // of each item: the transaction that it is; nothing when refused
    Columns all_;
    Columns rest_;                  // the items that turned out to be new
    std::vector<std::size_t> new_;  // their positions
    bool found_rows_ = false;
    std::set<int> locked_;  // lanes
    // Accounts touched by an earlier item that is left because of a held lane, and that lane: what follows must not
    // overtake it.
    std::unordered_map<Uuid, int> left_;
    std::unordered_map<Uuid, Account> accounts_;
    std::unordered_map<Key, std::size_t, KeyHash> leaders_;
};

// Whether the database found that not every item of the batch is new and taken by its account.
bool needs_look(const Error& error) { return error.code == db::demand_not_met || error.code == db::unique_violation; }

Result<std::vector<IntakeResult>> run_batch(db::Connection& connection, std::span<const IntakeItem> items,
                                            const LaneWaits& waits, LastSeqs& last_seqs) {
    Batch batch(items, waits, last_seqs);
    if (batch.may_be_all_new()) {
        const auto answers = connection.commit_pipeline(batch.accept_all_calls());
        if (answers) {
            batch.take_accepted_all((*answers)[2]);
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
    : session_(db::by_index(std::move(config)), metrics, "intake", tracer) {}

Result<std::vector<IntakeResult>> PgIntakeStore::accept(std::span<const IntakeItem> items, const LaneWaits& waits) {
    return session_.run([&](db::Connection& connection) { return run_batch(connection, items, waits, last_seqs_); });
}

Result<void> PgIntakeStore::ping() { return session_.run(can_accept); }

// A batch without items: all its statements, and a commit.
Result<void> can_accept(db::Connection& connection) {
    const LaneWaits waits;
    LastSeqs last_seqs;
    const Batch nothing({}, waits, last_seqs);
    std::vector<db::Call> calls = nothing.read_calls();
    calls.push_back(sql::DbSessionProveCommit{});
    std::ranges::move(nothing.accept_rest_calls(), std::back_inserter(calls));
    LEDGERLINE_CHECK(connection.commit_pipeline(calls));
    return {};
}

}  // namespace ledgerline::intake
