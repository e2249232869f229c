#include "lab/memory_database.h"

#include <algorithm>

#include "base/jsonb.h"

namespace ledgerline::test {
namespace {

void record(std::optional<LaneHalt>& known, const LaneHalt& halt, WallTime now) {
    const bool repeated = known && known->seq == halt.seq && known->code == halt.code;
    const auto since = repeated ? known->since : now;
    known = LaneHalt{halt.seq, halt.code, halt.reason.substr(0, LaneHalt::reason_chars_max), since};
}

std::unexpected<Error> unique_violation(std::string what) {
    return failure(Disposition::refuse, "23505", "duplicate key: " + std::move(what));
}

bool is_event_of(const MemoryTables::Lane& lane, const apply::EventRef& ref) {
    const auto found = lane.events.find(ref.seq);
    return found != lane.events.end() && found->second.event_id == ref.event_id;
}

}  // namespace

// Outbox
// ---------------------------------------------------------------------------------------------------------------

class MemoryOutboxStore final : public publish::OutboxStore {
public:
    explicit MemoryOutboxStore(MemoryDatabase& database) : database_(database), tables_(database.tables) {}

    Result<std::vector<publish::Lease>> renew(const std::string& owner, milliseconds term) override {
        std::lock_guard lock(database_.mutex_);
        const WallTime now = database_.clock_.wall_now(), expires_at = now + term;
        tables_.publishers[owner] = expires_at;
        const auto live = std::count_if(tables_.publishers.begin(), tables_.publishers.end(),
                                        [now](const auto& publisher) { return publisher.second > now; });
        const auto share = (std::ssize(tables_.lanes) + live - 1) / live;
        std::ptrdiff_t held = 0;
        for (auto& [number, lane] : tables_.lanes) {
            if (lane.owner != owner) continue;
            lane.lease_expires_at = expires_at;
            if (++held > share) lane.owner.clear();
        }
        std::vector<publish::Lease> leases;
        for (auto& [number, lane] : tables_.lanes) {
            const bool free = lane.owner.empty() || (lane.owner != owner && lane.lease_expires_at < now);
            if (free && held < share) {
                lane.owner = owner;
                ++lane.epoch;
                lane.lease_expires_at = expires_at;
                ++held;
            }
            if (lane.owner == owner) leases.push_back({number, lane.epoch, lane.published_seq});
        }
        return leases;
    }

    Result<void> expire_others(const std::string& owner) override {
        std::lock_guard lock(database_.mutex_);
        for (auto& [number, lane] : tables_.lanes)
            if (lane.owner != owner) lane.owner.clear();
        std::erase_if(tables_.publishers, [&](const auto& publisher) { return publisher.first != owner; });
        return {};
    }

    Result<void> release(const std::string& owner) override {
        std::lock_guard lock(database_.mutex_);
        for (auto& [number, lane] : tables_.lanes)
            if (lane.owner == owner) lane.owner.clear();
        tables_.publishers.erase(owner);
        return {};
    }

    Result<std::vector<Event>> read(std::span<const publish::Lease> leases, std::size_t events_max) override {
        std::lock_guard lock(database_.mutex_);
        std::map<int, std::int64_t> cursors;
        for (const publish::Lease& lease : leases) cursors[lease.lane] = lease.published_seq;
        std::vector<Event> events;
        for (const auto& [number, published_seq] : cursors) {
            const auto& of_lane = tables_.lanes.at(number).events;
            std::size_t taken = 0;
            for (auto event = of_lane.upper_bound(published_seq); event != of_lane.end() && taken < events_max;
                 ++event, ++taken)
                events.push_back(event->second);
        }
        return events;
    }

    Result<std::vector<bool>> advance(const std::string& owner, std::span<const publish::Advance> advances) override {
        std::lock_guard lock(database_.mutex_);
        std::vector<bool> moved;
        for (const publish::Advance& advance : advances) {
            MemoryTables::Lane& lane = tables_.lanes.at(advance.lane);
            moved.push_back(lane.owner == owner && lane.epoch == advance.epoch && lane.published_seq == advance.from);
            if (!moved.back()) continue;
            lane.published_seq = advance.to;
            lane.publish_attempts = 0;
            lane.last_error.clear();
        }
        return moved;
    }

    Result<void> record_failure(const publish::Lease& lease, const std::string& owner,
                                const std::string& error) override {
        std::lock_guard lock(database_.mutex_);
        MemoryTables::Lane& lane = tables_.lanes.at(lease.lane);
        if (lane.owner != owner || lane.epoch != lease.epoch) return {};
        ++lane.publish_attempts;
        lane.last_error = error;
        return {};
    }

    Result<bool> halt(const publish::Lease& lease, const std::string& owner, const LaneHalt& halt) override {
        std::lock_guard lock(database_.mutex_);
        MemoryTables::Lane& lane = tables_.lanes.at(lease.lane);
        if (lane.owner != owner || lane.epoch != lease.epoch || halt.seq != lane.published_seq + 1) return false;
        record(lane.publish_halt, halt, database_.clock_.wall_now());
        return true;
    }

    Result<void> clear_halts(std::span<const int> lanes) override {
        std::lock_guard lock(database_.mutex_);
        for (const int number : lanes) {
            MemoryTables::Lane& lane = tables_.lanes.at(number);
            if (lane.publish_halt && lane.publish_halt->seq <= lane.published_seq) lane.publish_halt.reset();
        }
        return {};
    }

    Result<publish::Backlog> backlog() override {
        std::lock_guard lock(database_.mutex_);
        publish::Backlog backlog;
        for (const auto& [number, lane] : tables_.lanes) {
            const std::int64_t announced = std::max(lane.published_seq, lane.applied_seq);
            backlog.unpublished_events += std::max(std::int64_t{0}, lane.last_seq - announced);
            const auto oldest = lane.events.find(lane.applied_seq + 1);
            if (oldest == lane.events.end()) continue;
            const auto age =
                std::chrono::floor<std::chrono::seconds>(database_.clock_.wall_now() - oldest->second.occurred_at);
            backlog.oldest_unapplied_age = std::max(backlog.oldest_unapplied_age, age);
        }
        backlog.dead_letters_parked = std::ranges::count_if(tables_.letters, &MemoryTables::Letter::parked);
        return backlog;
    }

private:
    MemoryDatabase& database_;
    MemoryTables& tables_;
};

// Ledger
// ---------------------------------------------------------------------------------------------------------------

class MemoryLedgerStore final : public apply::LedgerStore {
public:
    explicit MemoryLedgerStore(MemoryDatabase& database) : database_(database), tables_(database.tables) {}

    Result<std::vector<apply::LaneState>> load(std::span<const int> lanes) override {
        std::lock_guard lock(database_.mutex_);
        std::vector<apply::LaneState> states;
        for (const int number : std::set<int>(lanes.begin(), lanes.end())) {
            const auto found = tables_.lanes.find(number);
            if (found == tables_.lanes.end()) continue;
            const MemoryTables::Lane& lane = found->second;
            states.push_back({number, lane.applied_seq, lane.published_seq, lane.last_seq, lane.failing_seq,
                              lane.attempts, lane.streak_code, lane.streak, lane.first_failed_at, lane.apply_halt});
        }
        return states;
    }

    Result<std::vector<apply::ApplyResult>> apply(std::span<const apply::LaneRun> runs) override {
        std::lock_guard lock(database_.mutex_);
        std::vector<apply::ApplyResult> results;
        std::map<Uuid, AccountState> accounts;
        for (const apply::LaneRun& run : runs) {
            LEDGERLINE_TRY(auto result, decide(run, accounts));
            results.push_back(std::move(result));
        }
        for (std::size_t i = 0; i < runs.size(); ++i)
            if (results[i].status == apply::ApplyResult::Status::applied)
                commit(tables_.lanes.at(runs[i].lane), runs[i].refs.back().seq, results[i].outcomes);
        for (const auto& [id, state] : accounts) tables_.accounts.at(id).state.balance_cents = state.balance_cents;
        return results;
    }

    Result<std::vector<bool>> prove(int number, std::span<const apply::EventRef> refs) override {
        std::lock_guard lock(database_.mutex_);
        std::vector<bool> flags;
        for (const apply::EventRef& ref : refs) flags.push_back(is_event_of(tables_.lanes.at(number), ref));
        return flags;
    }

    Result<int> count_attempt(int number, std::int64_t applied_seq) override {
        std::lock_guard lock(database_.mutex_);
        MemoryTables::Lane& lane = tables_.lanes.at(number);
        if (lane.applied_seq != applied_seq) return 0;
        if (lane.failing_seq != applied_seq + 1) {
            lane.failing_seq = applied_seq + 1;
            lane.attempts = 0;
            lane.first_failed_at = database_.clock_.wall_now();
        }
        return ++lane.attempts;
    }

    Result<bool> park(int number, std::int64_t applied_seq, const apply::ParkedEvent& letter) override {
        LEDGERLINE_ASSERT(letter.ref.seq == applied_seq + 1);
        std::lock_guard lock(database_.mutex_);
        MemoryTables::Lane& lane = tables_.lanes.at(number);
        if (lane.applied_seq != applied_seq || !is_event_of(lane, letter.ref)) return false;
        tables_.letters.push_back({letter.letter_id, letter.ref, number, lane.events.at(letter.ref.seq).transaction_id,
                                   letter.incoming, letter.error_class, letter.error_code, letter.attempts, true,
                                   letter.error_message, letter.first_failed_at.value_or(database_.clock_.wall_now()),
                                   database_.clock_.wall_now()});
        const bool continues = lane.streak_code == letter.error_code;
        const int streak = continues ? lane.streak + 1 : 1;
        move_cursor(lane, letter.ref.seq);
        if (letter.error_class == "unknown") {
            lane.streak = streak;
            lane.streak_code = letter.error_code;
        }
        return true;
    }

    Result<std::size_t> park_foreign(std::span<const apply::ForeignMessage> letters) override {
        std::lock_guard lock(database_.mutex_);
        std::size_t written = 0;
        for (const apply::ForeignMessage& letter : letters) {
            const auto is_same = [&](const MemoryTables::Letter& known) {
                return !known.ref && known.incoming.topic == letter.incoming.topic &&
                       known.incoming.partition == letter.incoming.partition &&
                       known.incoming.offset == letter.incoming.offset &&
                       known.incoming.message.value == letter.incoming.message.value;
            };
            if (std::any_of(tables_.letters.begin(), tables_.letters.end(), is_same)) continue;
            tables_.letters.push_back({letter.letter_id, std::nullopt, letter.incoming.partition, Uuid(),
                                       letter.incoming, "foreign", letter.error_code, 1, true, letter.error_message,
                                       database_.clock_.wall_now(), database_.clock_.wall_now()});
            ++written;
        }
        return written;
    }

    Result<bool> rewind(int number, std::int64_t applied_seq) override {
        std::lock_guard lock(database_.mutex_);
        MemoryTables::Lane& lane = tables_.lanes.at(number);
        if (lane.applied_seq != applied_seq || lane.last_seq <= applied_seq) return false;
        lane.published_seq = applied_seq;
        ++lane.epoch;
        return true;
    }

    Result<bool> halt(int number, const LaneHalt& halt) override {
        std::lock_guard lock(database_.mutex_);
        MemoryTables::Lane& lane = tables_.lanes.at(number);
        if (halt.seq != lane.applied_seq + 1) return false;
        record(lane.apply_halt, halt, database_.clock_.wall_now());
        return true;
    }

    Result<bool> clear_halt(int number) override {
        std::lock_guard lock(database_.mutex_);
        MemoryTables::Lane& lane = tables_.lanes.at(number);
        if (!lane.apply_halt || lane.apply_halt->seq > lane.applied_seq) return false;
        lane.apply_halt.reset();
        return true;
    }

private:
    // Changes nothing but accounts.
    Result<apply::ApplyResult> decide(const apply::LaneRun& run, std::map<Uuid, AccountState>& accounts) const {
        using Status = apply::ApplyResult::Status;
        LEDGERLINE_ASSERT(!run.refs.empty() && run.refs.front().seq == run.applied_seq + 1);
        const MemoryTables::Lane& lane = tables_.lanes.at(run.lane);
        if (lane.applied_seq != run.applied_seq) return apply::ApplyResult{Status::cursor_moved, {}};
        for (const apply::EventRef& ref : run.refs)
            if (!is_event_of(lane, ref)) return apply::ApplyResult{Status::not_proven, {}};
        for (const apply::EventRef& ref : run.refs)
            if (lane.events.at(ref.seq).schema_version != event_schema_version)
                return apply::ApplyResult{Status::version_unknown, {}};

        apply::ApplyResult result;
        std::set<Uuid> decided;
        for (const apply::EventRef& ref : run.refs) {
            const Event& event = lane.events.at(ref.seq);
            if (const auto poison = tables_.poisoned.find(event.transaction_id); poison != tables_.poisoned.end())
                return failure(Disposition::refuse, poison->second, "the row is refused");
            if (tables_.decided.contains(event.transaction_id) || !decided.insert(event.transaction_id).second)
                return unique_violation("decided twice");
            AccountState& account =
                accounts.try_emplace(event.account_id, tables_.accounts.at(event.account_id).state).first->second;
            result.outcomes.push_back({event, post(event, account)});
        }
        return result;
    }

    static void move_cursor(MemoryTables::Lane& lane, std::int64_t applied_seq) {
        lane.applied_seq = applied_seq;
        lane.failing_seq = 0;
        lane.attempts = lane.streak = 0;
        lane.first_failed_at.reset();
        lane.streak_code.clear();
    }

    void commit(MemoryTables::Lane& lane, std::int64_t applied_seq, const std::vector<apply::Applied>& outcomes) {
        for (const apply::Applied& outcome : outcomes) {
            lane.outcomes.emplace(outcome.event.seq, outcome);
            tables_.decided.insert(outcome.event.transaction_id);
        }
        move_cursor(lane, applied_seq);
    }

    MemoryDatabase& database_;
    MemoryTables& tables_;
};

// Intake
// ---------------------------------------------------------------------------------------------------------------

class MemoryIntakeStore final : public intake::IntakeStore {
public:
    explicit MemoryIntakeStore(MemoryDatabase& database) : database_(database), tables_(database.tables) {}

    using intake::IntakeStore::accept;
    // Nobody holds a lane in memory for longer than this call.
    Result<std::vector<intake::IntakeResult>> accept(std::span<const intake::IntakeItem> items,
                                                     const intake::LaneWaits&) override {
        std::lock_guard lock(database_.mutex_);
        for (const intake::IntakeItem& item : items)
            if (tables_.event_ids.contains(item.event_id) && !tables_.transaction_ids.contains(item.transaction_id))
                return unique_violation("event_id");
        std::set<Uuid> fresh;
        std::vector<intake::IntakeResult> results;
        for (const intake::IntakeItem& item : items) results.push_back(accept_one(item, fresh));
        return results;
    }

    Result<void> ping() override { return {}; }

private:
    // fresh: the transactions that this call has stored. Those under the same id that an earlier one has stored are
    // created, not replayed: the earlier call was the first try of the same batch.
    intake::IntakeResult accept_one(const intake::IntakeItem& item, std::set<Uuid>& fresh) {
        using Status = intake::IntakeResult::Status;
        intake::IntakeResult result;
        const auto taken = tables_.accepted.find({item.account_id, item.idempotency_key});
        if (taken != tables_.accepted.end()) {
            const Event& event = taken->second;
            result.transaction_id = event.transaction_id;
            result.status = is_same_request(event, item) ? Status::replayed : Status::key_reused;
            if (event.transaction_id == item.transaction_id && !fresh.contains(item.transaction_id))
                result = created(event);
            return result;
        }
        const auto account = tables_.accounts.find(item.account_id);
        if (account == tables_.accounts.end()) {
            result.status = Status::account_not_found;
        } else if (account->second.state.suspended) {
            result.status = Status::account_suspended;
        } else if (account->second.state.currency != item.currency) {
            result.status = Status::currency_mismatch;
            result.account_currency = account->second.state.currency;
        } else {
            fresh.insert(item.transaction_id);
            result = created(store(item, account->second.lane));
        }
        return result;
    }

    static intake::IntakeResult created(const Event& event) {
        intake::IntakeResult result;
        result.status = intake::IntakeResult::Status::created;
        result.transaction_id = event.transaction_id;
        result.lane = event.lane;
        result.seq = event.seq;
        result.created_at = event.occurred_at;
        return result;
    }

    static bool is_same_request(const Event& event, const intake::IntakeItem& item) {
        return event.amount_cents == item.amount_cents && event.currency == item.currency && event.type == item.type &&
               event.metadata.has_value() == item.metadata.has_value() &&
               (!event.metadata || json::is_same_jsonb(*event.metadata, *item.metadata));
    }

    const Event& store(const intake::IntakeItem& item, int lane_number) {
        MemoryTables::Lane& lane = tables_.lanes.at(lane_number);
        Event event;
        event.event_id = item.event_id;
        event.lane = lane_number;
        event.seq = ++lane.last_seq;
        event.occurred_at = database_.clock_.wall_now();
        event.traceparent = item.traceparent;
        event.transaction_id = item.transaction_id;
        event.account_id = item.account_id;
        event.amount_cents = item.amount_cents;
        event.currency = item.currency;
        event.type = item.type;
        event.idempotency_key = item.idempotency_key;
        event.metadata = item.metadata;
        lane.events.emplace(event.seq, event);
        tables_.transaction_ids.insert(event.transaction_id);
        tables_.event_ids.insert(event.event_id);
        return tables_.accepted.emplace(std::pair(event.account_id, event.idempotency_key), event).first->second;
    }

    MemoryDatabase& database_;
    MemoryTables& tables_;
};

// The database
// ---------------------------------------------------------------------------------------------------------------

MemoryDatabase::MemoryDatabase(const Clock& clock, int lanes) : clock_(clock) {
    for (int lane = 0; lane < lanes; ++lane) tables.lanes[lane];
}

std::unique_ptr<publish::OutboxStore> MemoryDatabase::make_outbox_store() {
    return std::make_unique<MemoryOutboxStore>(*this);
}
std::unique_ptr<apply::LedgerStore> MemoryDatabase::make_ledger_store() {
    return std::make_unique<MemoryLedgerStore>(*this);
}
std::unique_ptr<intake::IntakeStore> MemoryDatabase::make_intake_store() {
    return std::make_unique<MemoryIntakeStore>(*this);
}

void MemoryDatabase::insert(const Event& event) {
    std::lock_guard lock(mutex_);
    MemoryTables::Lane& lane = tables.lanes.at(event.lane);
    lane.events.emplace(event.seq, event);
    lane.last_seq = std::max(lane.last_seq, event.seq);
    tables.transaction_ids.insert(event.transaction_id);
    tables.event_ids.insert(event.event_id);
    tables.accepted.emplace(std::pair(event.account_id, event.idempotency_key), event);
}

void MemoryDatabase::replay(const Uuid& letter_id, const Uuid& new_event_id) {
    std::lock_guard lock(mutex_);
    const auto letter = std::find_if(tables.letters.begin(), tables.letters.end(),
                                     [&](const MemoryTables::Letter& candidate) { return candidate.id == letter_id; });
    LEDGERLINE_ASSERT(letter != tables.letters.end() && letter->parked && letter->ref);
    letter->parked = false;
    MemoryTables::Lane& lane = tables.lanes.at(letter->lane);
    Event event = lane.events.at(letter->ref->seq);
    event.event_id = new_event_id;
    event.seq = ++lane.last_seq;
    lane.events.emplace(event.seq, event);
    tables.event_ids.insert(new_event_id);
}

}  // namespace ledgerline::test
