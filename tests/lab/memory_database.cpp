#include "lab/memory_database.h"

#include <algorithm>

#include "base/json.h"
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

    Result<apply::ApplyReport> apply(std::span<const apply::LaneRun> runs) override {
        std::lock_guard lock(database_.mutex_);
        Draft draft(tables_);
        LEDGERLINE_CHECK(draft.decide(runs, false));
        return draft.commit(runs);
    }

    Result<apply::HeadReport> apply_head(const apply::LaneRun& run) override {
        std::lock_guard lock(database_.mutex_);
        Draft draft(tables_);
        const auto decided = draft.decide(std::span(&run, 1), true);
        apply::HeadReport head{.report = {}, .refusal = {}, .event_id = draft.tried()};
        if (!decided) {
            head.refusal = decided.error();
            draft = Draft(tables_);
        }
        head.report = draft.commit(std::span(&run, 1));
        return head;
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
        const MemoryTables::Lane& lane = tables_.lanes.at(number);
        if (lane.applied_seq != applied_seq || !is_event_of(lane, letter.ref)) return false;
        const std::vector<Event> places = tables_.places_of(letter.ref.event_id);
        std::map<int, std::int64_t> next;
        for (const Event& place : places)
            if (place.seq != ++next.try_emplace(place.lane, tables_.lanes.at(place.lane).applied_seq).first->second)
                return false;
        const Event& first = *std::ranges::find(places, true, &Event::is_first);
        tables_.letters.push_back(
            {letter.letter_id, apply::EventRef{first.seq, first.event_id}, first.lane, first.transaction_id,
             letter.incoming, letter.error_class, letter.error_code, letter.attempts, true, letter.error_message,
             letter.first_failed_at.value_or(database_.clock_.wall_now()), database_.clock_.wall_now()});
        for (const auto& [at, seq] : next) {
            MemoryTables::Lane& passed = tables_.lanes.at(at);
            const int places_here = static_cast<int>(seq - passed.applied_seq);
            const int streak = (passed.streak_code == letter.error_code ? passed.streak : 0) + places_here;
            move_cursor(passed, seq);
            if (letter.error_class != "unknown") continue;
            passed.streak = streak;
            passed.streak_code = letter.error_code;
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
    // What a call would change: decided on copies of the cursors and accounts that it touches.
    class Draft {
    public:
        explicit Draft(MemoryTables& tables) : tables_(&tables) {}

        // one: a single event. Fails when the database refuses one.
        Result<void> decide(std::span<const apply::LaneRun> runs, bool one) {
            for (const apply::LaneRun& run : runs) {
                LEDGERLINE_ASSERT(!run.refs.empty() && run.refs.front().seq == run.applied_seq + 1);
                statuses_[run.lane] = status_of(run);
            }
            for (const apply::LaneRun& run : runs) {
                if (statuses_[run.lane] != Status::applied) continue;
                while (applied_seq(run.lane) < run.refs.back().seq) {
                    LEDGERLINE_TRY(const bool decided, decide_next(run.lane));
                    if (!decided) break;
                    if (one) return {};
                }
            }
            return {};
        }

        const Uuid& tried() const { return tried_; }

        apply::ApplyReport commit(std::span<const apply::LaneRun> runs) {
            apply::ApplyReport report;
            for (const apply::LaneRun& run : runs) {
                auto status = statuses_.contains(run.lane) ? statuses_[run.lane] : status_of(run);
                if (status == Status::applied && applied_seq(run.lane) < run.refs.back().seq) status = Status::waiting;
                report.runs.push_back({status, {}});
            }
            for (const apply::Applied& outcome : outcomes_) {
                MemoryTables::Lane& lane = tables_->lanes.at(outcome.event.lane);
                lane.outcomes.emplace(outcome.event.seq, outcome);
                move_cursor(lane, outcome.event.seq);
                const auto run = std::ranges::find_if(runs, [&](const apply::LaneRun& candidate) {
                    return candidate.lane == outcome.event.lane && is_read(candidate, report, runs);
                });
                (run != runs.end() ? report.runs[static_cast<std::size_t>(run - runs.begin())].outcomes : report.others)
                    .push_back(outcome);
            }
            for (const auto& [id, state] : accounts_) tables_->accounts.at(id).state = state;
            for (const auto& [id, hold] : holds_) tables_->holds[id] = hold;
            for (const auto& [id, named] : named_) tables_->named[id] = named;
            return report;
        }

    private:
        using Status = apply::ApplyResult::Status;

        static bool is_read(const apply::LaneRun& run, const apply::ApplyReport& report,
                            std::span<const apply::LaneRun> runs) {
            const Status status = report.runs[static_cast<std::size_t>(&run - runs.data())].status;
            return status == Status::applied || status == Status::waiting;
        }

        Status status_of(const apply::LaneRun& run) const {
            const MemoryTables::Lane& lane = tables_->lanes.at(run.lane);
            if (lane.applied_seq != run.applied_seq) return Status::cursor_moved;
            for (const apply::EventRef& ref : run.refs)
                if (!is_event_of(lane, ref)) return Status::not_proven;
            for (const apply::EventRef& ref : run.refs)
                if (!is_known_schema_version(lane.events.at(ref.seq).schema_version)) return Status::version_unknown;
            return Status::applied;
        }

        std::int64_t& applied_seq(int lane) {
            return applied_seqs_.try_emplace(lane, tables_->lanes.at(lane).applied_seq).first->second;
        }

        // The next event of a lane, or the first one that it waits for. False: it cannot be decided.
        Result<bool> decide_next(int number) {
            const MemoryTables::Lane& lane = tables_->lanes.at(number);
            const auto head = lane.events.find(applied_seq(number) + 1);
            if (head == lane.events.end() || !is_known_schema_version(head->second.schema_version)) return false;
            const std::vector<Event> places = tables_->places_of(head->second.event_id);
            std::map<int, std::int64_t> next;
            for (const Event& place : places) {
                std::int64_t& seq = next.try_emplace(place.lane, applied_seq(place.lane)).first->second;
                if (place.seq != ++seq) return decide_next(place.lane);
            }
            LEDGERLINE_CHECK(decide_event(places));
            for (const auto& [at, seq] : next) applied_seq(at) = seq;
            return true;
        }

        Result<void> decide_event(const std::vector<Event>& places) {
            const Event& event = places.front();
            tried_ = event.event_id;
            if (const auto poison = tables_->poisoned.find(event.transaction_id); poison != tables_->poisoned.end())
                return failure(Disposition::refuse, poison->second, "the row is refused");
            if (named(event.transaction_id).status != NamedTransaction::Status::undecided)
                return unique_violation("decided twice");
            std::vector<Touch> touches;
            for (const Event& place : places) {
                AccountState& account =
                    accounts_.try_emplace(place.account_id, tables_->accounts.at(place.account_id).state).first->second;
                const bool has_one_currency = place.is_first && !place.legs;
                touches.push_back({&account, place.net_cents, has_one_currency ? place.currency : account.currency});
            }
            auto postings = post_event(event, touches);
            named(event.transaction_id).status =
                postings.front().refusal ? NamedTransaction::Status::failed : NamedTransaction::Status::processed;
            for (std::size_t i = 0; i < places.size(); ++i) outcomes_.push_back({places[i], std::move(postings[i])});
            return {};
        }

        std::vector<Posting> post_event(const Event& event, std::span<Touch> touches) {
            if (event.previous_id && named(*event.previous_id).status != NamedTransaction::Status::processed)
                return refuse_follower(touches);
            if (event.type == TransactionType::reversal)
                return post_reversal(named(*event.parent_id), event.amount_cents, touches);
            const bool opens = event.type == TransactionType::hold;
            if (!opens && !event.parent_id) return post(touches);
            const Uuid id = opens ? event.transaction_id : *event.parent_id;
            Hold& hold = holds_.try_emplace(id, tables_->holds.at(id)).first->second;
            // Every place of a transaction says when it was accepted: a replay keeps the event's time.
            const auto terms = tables_->terms.find(event.transaction_id);
            const auto parsed = terms == tables_->terms.end() ? json::Value() : *json::parse(terms->second);
            const json::Value* final = parsed.find("final");
            return post(hold,
                        {event.type, event.amount_cents, !final || *final->if_bool(),
                         event.idempotency_key == expiry_key(id), event.occurred_at},
                        touches);
        }

        NamedTransaction& named(const Uuid& id) { return named_.try_emplace(id, tables_->named.at(id)).first->second; }

        MemoryTables* tables_;
        std::map<Uuid, NamedTransaction> named_;
        std::map<Uuid, Hold> holds_;
        std::map<int, Status> statuses_;  // of the runs
        std::map<int, std::int64_t> applied_seqs_;
        std::map<Uuid, AccountState> accounts_;
        std::vector<apply::Applied> outcomes_;
        Uuid tried_;
    };

    static void move_cursor(MemoryTables::Lane& lane, std::int64_t applied_seq) {
        lane.applied_seq = applied_seq;
        lane.failing_seq = 0;
        lane.attempts = lane.streak = 0;
        lane.first_failed_at.reset();
        lane.streak_code.clear();
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
        for (const intake::IntakeItem& item : items)
            results.push_back(accept_one(item, item.follows ? &results.back() : nullptr, fresh));
        return results;
    }

    Result<void> ping() override { return {}; }

private:
    // fresh: the transactions that this call has stored. Those under the same id that an earlier one has stored are
    // created, not replayed: the earlier call was the first try of the same batch.
    // previous: of the item that it follows; null when it follows none.
    intake::IntakeResult accept_one(const intake::IntakeItem& item, const intake::IntakeResult* previous,
                                    std::set<Uuid>& fresh) {
        using Status = intake::IntakeResult::Status;
        const auto effects = effects_of(item);
        intake::IntakeResult result;
        const bool has_previous =
            previous && (previous->status == Status::created || previous->status == Status::replayed);
        const auto previous_id = has_previous ? std::optional(previous->transaction_id) : std::nullopt;
        const auto is_same = [&](const Event& event) {
            return is_same_request(event, item) && event.previous_id == previous_id;
        };
        if (const Event* known = find_known(item, effects, is_same)) {
            result.transaction_id = known->transaction_id;
            result.status = is_same(*known) ? Status::replayed : Status::key_reused;
            if (known->transaction_id == item.transaction_id && !fresh.contains(item.transaction_id))
                result = created(*known);
            return result;
        }
        if (previous && !has_previous) {
            result.status = Status::previous_refused;
            return result;
        }
        for (const Effect& effect : effects) {
            result.account_id = effect.account_id;
            const auto account = tables_.accounts.find(effect.account_id);
            if (account == tables_.accounts.end()) {
                result.status = Status::account_not_found;
                return result;
            }
            if (const auto refusal = intake::refusal_of_status(name_of(account->second.state.status), item.type)) {
                result.status = *refusal;
                return result;
            }
            if (account->second.state.currency != effect.currency) {
                result.status = Status::currency_mismatch;
                result.account_currency = account->second.state.currency;
                return result;
            }
        }
        fresh.insert(item.transaction_id);
        const std::vector<Event> places = store(item, effects, previous_id);
        result = created(places.front());
        for (const Event& place : std::span(places).subspan(1)) result.further.push_back({place.lane, place.seq});
        return result;
    }

    // Under the item's key: the same request under any account that it touches, otherwise another one under the first.
    template <class IsSame>
    const Event* find_known(const intake::IntakeItem& item, const std::vector<Effect>& effects, IsSame is_same) const {
        for (const Effect& effect : effects) {
            const auto known = tables_.accepted.find({effect.account_id, item.idempotency_key});
            if (known != tables_.accepted.end() && is_same(known->second)) return &known->second;
        }
        const auto known = tables_.accepted.find({item.account_id, item.idempotency_key});
        return known != tables_.accepted.end() ? &known->second : nullptr;
    }

    static intake::IntakeResult created(const Event& event) {
        intake::IntakeResult result;
        result.status = intake::IntakeResult::Status::created;
        result.transaction_id = event.transaction_id;
        result.lane = event.lane;
        result.seq = event.seq;
        result.created_at = event.occurred_at;
        result.previous_id = event.previous_id;
        return result;
    }

    bool is_same_request(const Event& event, const intake::IntakeItem& item) const {
        const auto legs = tables_.legs.find(event.transaction_id);
        return event.amount_cents == item.amount_cents && event.type == item.type &&
               (legs == tables_.legs.end()
                    ? item.legs.empty() && event.currency == item.currency && event.account_id == item.account_id
                    : same_legs(legs->second, item.legs)) &&
               event.dated == item.dated && event.reference == item.reference &&
               event.metadata.has_value() == item.metadata.has_value() &&
               (!event.metadata || json::is_same_jsonb(*event.metadata, *item.metadata)) &&
               event.parent_id == item.parent_id && is_same_terms(event.transaction_id, item);
    }

    bool is_same_terms(const Uuid& transaction_id, const intake::IntakeItem& item) const {
        const auto terms = tables_.terms.find(transaction_id);
        return terms == tables_.terms.end() ? !item.terms
                                            : item.terms && json::is_same_jsonb(terms->second, *item.terms);
    }

    void store_hold(const Event& event) {
        Hold hold{.amount_cents = event.amount_cents};
        const auto terms = json::parse(tables_.terms.at(event.transaction_id));
        const json::Value* in_s = terms->find("expires_in_s");
        const json::Value* at = terms->find("expires_at");
        hold.expires_at = in_s ? event.occurred_at + std::chrono::seconds(*in_s->if_int64())
                               : WallTime(std::chrono::microseconds(*at->if_int64()));
        tables_.holds[event.transaction_id] = hold;
    }

    // Returns the places in the order of effects.
    std::vector<Event> store(const intake::IntakeItem& item, const std::vector<Effect>& effects,
                             const std::optional<Uuid>& previous_id) {
        Event event;
        event.event_id = item.event_id;
        event.occurred_at = database_.clock_.wall_now();
        event.traceparent = item.traceparent;
        event.transaction_id = item.transaction_id;
        event.amount_cents = item.amount_cents;
        event.currency = item.currency;
        event.type = item.type;
        event.idempotency_key = item.idempotency_key;
        event.reference = item.reference;
        event.metadata = item.metadata;
        event.parent_id = item.parent_id;
        event.previous_id = previous_id;
        event.dated = item.dated;
        event.schema_version = intake::schema_version_of(item);
        if (item.terms) tables_.terms[item.transaction_id] = *item.terms;
        if (item.type == TransactionType::hold) store_hold(event);
        event.places = static_cast<int>(effects.size());
        if (!item.legs.empty()) {
            event.legs = legs_json(item.legs);
            tables_.legs[item.transaction_id] = item.legs;
        }
        tables_.transaction_ids.insert(event.transaction_id);
        tables_.named[event.transaction_id].amount_cents = event.amount_cents;
        std::vector<Event> places;
        for (const Effect& effect : effects) {
            event.account_id = effect.account_id;
            event.net_cents = effect.net_cents;
            event.lane = tables_.accounts.at(effect.account_id).lane;
            event.seq = tables_.lanes.at(event.lane).last_seq + 1;
            event.is_first = places.empty();
            tables_.add_place(event);
            if (places.empty()) tables_.accepted.emplace(std::pair(event.account_id, event.idempotency_key), event);
            places.push_back(event);
            event.reference.reset();
            event.metadata.reset();
        }
        return places;
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
    tables.add_place(event);
    tables.transaction_ids.insert(event.transaction_id);
    tables.named.try_emplace(event.transaction_id, NamedTransaction{.amount_cents = event.amount_cents});
    if (event.is_first) tables.accepted.emplace(std::pair(event.account_id, event.idempotency_key), event);
}

bool MemoryDatabase::change(const AccountState& wanted) {
    std::lock_guard lock(mutex_);
    MemoryTables::Account& account = tables.accounts.at(wanted.id);
    AccountState& state = account.state;
    if (state.status == AccountStatus::closed) return false;
    if (wanted.status == AccountStatus::closed && (state.balance_cents != 0 || state.held_cents != 0)) return false;
    account.changes.push_back({tables.lanes.at(account.lane).applied_seq, state});
    state.status = wanted.status;
    state.min_balance_cents = wanted.min_balance_cents;
    state.max_balance_cents = wanted.max_balance_cents;
    return true;
}

const AccountState& MemoryTables::Account::at(std::int64_t seq) const {
    const auto later = std::ranges::find_if(changes, [seq](const Change& each) { return each.applied_seq >= seq; });
    return later == changes.end() ? state : later->before;
}

void MemoryDatabase::replay(const Uuid& letter_id, const Uuid& new_event_id) {
    std::lock_guard lock(mutex_);
    const auto letter = std::find_if(tables.letters.begin(), tables.letters.end(),
                                     [&](const MemoryTables::Letter& candidate) { return candidate.id == letter_id; });
    LEDGERLINE_ASSERT(letter != tables.letters.end() && letter->parked && letter->ref);
    letter->parked = false;
    for (Event event : tables.places_of(letter->ref->event_id)) {
        event.event_id = new_event_id;
        event.seq = tables.lanes.at(event.lane).last_seq + 1;
        tables.add_place(event);
    }
}

void MemoryTables::add_place(const Event& event) {
    Lane& lane = lanes.at(event.lane);
    lane.events.emplace(event.seq, event);
    lane.last_seq = std::max(lane.last_seq, event.seq);
    event_ids.insert(event.event_id);
    places_[event.event_id].emplace(event.lane, event.seq);
}

std::vector<Event> MemoryTables::places_of(const Uuid& event_id) const {
    std::vector<Event> places;
    for (const auto& [lane, seq] : places_.at(event_id)) places.push_back(lanes.at(lane).events.at(seq));
    const auto first = std::ranges::find(places, true, &Event::is_first);
    if (first != places.end()) std::rotate(places.begin(), first, first + 1);
    return places;
}

}  // namespace ledgerline::test
