#include "apply/pg_round.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "apply/agenda.h"
#include "apply/pg_holds.h"
#include "apply/pg_named.h"
#include "base/failpoint.h"
#include "sql/queries.h"

namespace ledgerline::apply {
namespace {

using db::Call;
using Row = sql::ApplyReadWindows::Row;
using Status = ApplyResult::Status;

// The most places of a lane that a round reads.
constexpr std::int64_t kWindowMax = 1000;
// The most of a lane that nobody was told of, but that others wait for. All lanes together make one round.
constexpr std::int64_t kWidenedMax = 250;

struct WindowColumns {
    std::vector<int> lanes;
    std::vector<std::int64_t> last_seqs, expected_seqs;

    WindowColumns(const Windows& windows, const KnownAccounts& accounts) {
        for (const auto& [lane, last_seq] : windows) {
            lanes.push_back(lane);
            last_seqs.push_back(last_seq);
            expected_seqs.push_back(accounts.applied_seq(lane));
        }
    }
};

struct Place {
    Event event;
    bool discarded = false;  // the operator gave it up
};

bool is_known(const Place& place) { return is_known_schema_version(place.event.schema_version); }

Place place_of(Row row) {
    Event event;
    event.lane = row.lane;
    event.seq = row.seq;
    event.event_id = row.event_id;
    event.schema_version = row.schema_version;
    event.traceparent = std::move(row.traceparent);
    event.occurred_at = row.created_at;
    event.transaction_id = row.transaction_id;
    event.account_id = row.account_id;
    event.net_cents = row.net_cents;
    event.places = row.places;
    event.is_first = row.is_first;
    event.amount_cents = row.amount_cents;
    event.currency = std::move(row.currency);
    event.parent_id = row.parent_id;
    event.previous_id = row.previous_id;
    const auto type = parse_transaction_type(row.type);
    db::expect(type || !is_known_schema_version(row.schema_version), "expected a transaction type");
    event.type = type.value_or(event.type);
    return {std::move(event), row.discarded};
}

AccountState account_of(sql::ApplyReadAccounts::Row row) {
    const auto status = parse_account_status(row.status);
    db::expect(status.has_value(), "expected the status of an account");
    return {row.id,  std::move(row.currency), row.balance_cents,    row.min_balance_cents,
            *status, row.held_cents,          row.max_balance_cents};
}

// What a place came to.
struct Decision {
    int lane = 0;
    std::int64_t seq = 0;
    Uuid event_id;
    std::int64_t net_cents = 0, floor_cents = 0;
    std::optional<std::int64_t> ceiling_cents;
    Posting posting;
};

Decision decision_of(const Applied& outcome, const AccountState& account) {
    const Event& event = outcome.event;
    return {event.lane,
            event.seq,
            event.event_id,
            event.net_cents,
            account.min_balance_cents,
            account.max_balance_cents,
            outcome.posting};
}

Call decide_call(std::vector<Decision> decisions, bool settings_known) {
    std::ranges::sort(decisions, {}, [](const Decision& decision) { return std::pair(decision.lane, decision.seq); });
    std::vector<int> lanes, counts, befores, refused;
    std::vector<Uuid> event_ids;
    std::vector<std::int64_t> first_seqs, nets, balances, floors, held_deltas, helds;
    std::vector<std::optional<std::int64_t>> ceilings;
    std::vector<std::string> codes, reasons;
    for (Decision& decision : decisions) {
        if (lanes.empty() || lanes.back() != decision.lane) {
            lanes.push_back(decision.lane);
            first_seqs.push_back(decision.seq);
            befores.push_back(static_cast<int>(event_ids.size()));
            counts.push_back(0);
        }
        ++counts.back();
        Posting& posting = decision.posting;
        event_ids.push_back(decision.event_id);
        const std::size_t n = event_ids.size();
        nets.push_back(decision.net_cents);
        balances.push_back(posting.balance_after_cents);
        floors.push_back(decision.floor_cents);
        db::put_last(held_deltas, n, posting.held_delta_cents);
        db::put_last(helds, n, posting.held_after_cents);
        db::put_last(ceilings, n, decision.ceiling_cents);
        if (!posting.refusal) continue;
        refused.push_back(static_cast<int>(n));
        codes.emplace_back(code_of(*posting.refusal));
        reasons.push_back(std::move(posting.failure_reason));
    }
    return sql::ApplyDecide{.lanes = lanes,
                            .first_seqs = first_seqs,
                            .counts = counts,
                            .befores = befores,
                            .event_ids = event_ids,
                            .nets_cents = nets,
                            .balances_after_cents = balances,
                            .floors_cents = floors,
                            .held_deltas_cents = held_deltas,
                            .held_after_cents = helds,
                            .ceilings_cents = ceilings,
                            .refused = refused,
                            .failure_codes = codes,
                            .failure_reasons = reasons,
                            .settings_known = settings_known};
}

// Adds what the undecided places in the windows wait for: the other places of their events, and everything before those
// in their lanes. A lane that would have to be read far is read as far as a round may, from its next place on, so that
// there is always something to decide.
Result<void> widen(db::Connection& connection, Windows& windows) {
    Windows asked;
    while (asked != windows) {
        std::vector<int> lanes;
        std::vector<std::int64_t> after_seqs, last_seqs;
        for (const auto& [lane, last_seq] : windows) {
            const auto before = asked.find(lane);
            if (before != asked.end() && before->second == last_seq) continue;
            lanes.push_back(lane);
            after_seqs.push_back(before == asked.end() ? 0 : before->second);
            last_seqs.push_back(last_seq);
        }
        asked = windows;
        LEDGERLINE_TRY(const auto needed,
                       connection.query(sql::ApplyNeeded{lanes, after_seqs, last_seqs, kWidenedMax}));
        for (const auto& row : needed) {
            std::int64_t& last_seq = windows[row.lane];
            last_seq = std::max(last_seq, row.last_seq);
        }
    }
    return {};
}

class Decider {
public:
    Decider(db::Connection& connection, const RoundPlan& plan, KnownAccounts& accounts)
        : connection_(connection), plan_(plan), windows_(plan.windows), accounts_(accounts) {}

    Result<Round> run() {
        const Windows unread = take_handed();
        if (knows_all(unread))
            lock_later();
        else
            LEDGERLINE_CHECK(read(unread));
        std::ranges::sort(places_, {}, [](const Place& place) { return std::pair(place.event.lane, place.event.seq); });
        judge_runs();
        const std::vector<Agenda::Place> places = known_places();
        Agenda agenda(places);
        decide(agenda);
        if (round_.outcomes.empty()) return std::move(round_);
        failpoint("worker.proven");
        const auto written = write();
        if (written) return std::move(round_);
        if (!locking_.empty() && written.error().code == db::demand_not_met) return run_again();
        if (!plan_.one || written.error().disposition != Disposition::refuse) return std::unexpected(written.error());
        round_.outcomes.clear();
        round_.refusal = written.error();
        return std::move(round_);
    }

private:
    // Whether nothing need be read: the lanes are then locked in the same round trip that writes the decisions.
    bool knows_all(const Windows& unread) {
        if (plan_.widened || !unread.empty()) return false;
        const auto is_known_lane = [&](const LaneRun& run) {
            return accounts_.applied_seq(run.lane) == run.applied_seq;
        };
        const auto is_known_place = [&](const Place& place) {
            const Event& event = place.event;
            return accounts_.find(event.lane, event.account_id) != nullptr && !is_of_hold(event) &&
                   !event.previous_id && event.type != TransactionType::reversal;
        };
        return std::ranges::all_of(plan_.runs, is_known_lane) && std::ranges::all_of(places_, is_known_place);
    }

    // The statement that writes the decisions fails unless all is as it is known.
    void lock_later() {
        const WindowColumns windows(windows_, accounts_);
        locking_ = {{db::begin, {}}, sql::ApplyLockLanes{windows.lanes}};
        for (const int lane : windows.lanes) applied_seqs_[lane] = accounts_.applied_seq(lane);
    }

    Result<Round> run_again() {
        connection_.rollback();
        accounts_.clear();
        return Decider(connection_, plan_, accounts_).run();
    }

    Result<void> read(const Windows& unread_windows) {
        std::vector<Call> calls{{db::begin, {}}};
        if (plan_.widened) {
            calls.push_back(sql::ApplyBeginWidened{});
            if (plan_.all_lanes) calls.push_back(sql::ApplyLockAllLanes{});
            LEDGERLINE_CHECK(connection_.pipeline(calls));
            LEDGERLINE_CHECK(widen(connection_, windows_));
            calls.clear();
        }
        const WindowColumns windows(windows_, accounts_);
        const WindowColumns unread(plan_.widened ? windows_ : unread_windows, accounts_);
        if (!plan_.all_lanes) calls.push_back(sql::ApplyLockLanes{windows.lanes});
        const std::size_t locked = calls.size();
        calls.push_back(sql::ApplyAppliedSeqs{windows.lanes, windows.expected_seqs});
        if (!unread.lanes.empty())
            calls.push_back(sql::ApplyReadWindows{unread.lanes, unread.last_seqs, unread.expected_seqs, kWindowMax});
        LEDGERLINE_TRY(const auto read, connection_.pipeline(calls));
        for (const auto& row : db::rows_of<sql::ApplyAppliedSeqs>(read[locked])) {
            applied_seqs_[row.lane] = row.applied_seq;
            accounts_.confirm(row.lane, row.applied_seq, row.changed_seq);
        }
        if (!unread.lanes.empty())
            for (Row& row : db::rows_of<sql::ApplyReadWindows>(read.back()))
                places_.push_back(place_of(std::move(row)));
        LEDGERLINE_CHECK(read_accounts());
        LEDGERLINE_CHECK(read_holds());
        return read_named();
    }

    // Takes the places that runs name and intake has handed over. Returns the windows of the other lanes.
    Windows take_handed() {
        Windows unread = windows_;
        if (plan_.handed == nullptr) return unread;
        for (const LaneRun& run : plan_.runs) {
            auto events = plan_.handed->take(run.lane, run.refs);
            if (events.empty()) continue;
            unread.erase(run.lane);
            for (Event& event : events) places_.push_back({.event = std::move(event)});
        }
        return unread;
    }

    Result<void> read_accounts() {
        std::set<Uuid> ids;
        for (const auto& [event, discarded] : places_)
            if (accounts_.find(event.lane, event.account_id) == nullptr) ids.insert(event.account_id);
        if (ids.empty()) return {};
        LEDGERLINE_TRY(auto rows, connection_.query(sql::ApplyReadAccounts{std::vector(ids.begin(), ids.end())}));
        for (auto& row : rows) {
            const int lane = row.lane;
            accounts_.add(lane, account_of(std::move(row)));
        }
        return {};
    }

    // Payments and transfers need none of it.
    Result<void> read_holds() {
        std::vector<Uuid> ids;
        for (const auto& [event, discarded] : places_)
            if (event.is_first && is_of_hold(event)) ids.push_back(event.transaction_id);
        if (ids.empty()) return {};
        LEDGERLINE_TRY(const auto read, connection_.pipeline({sql::ApplyReadHolds{ids}}));
        holds_.take(db::rows_of<sql::ApplyReadHolds>(read.front()));
        return {};
    }

    Result<void> read_named() {
        std::vector<Uuid> ids;
        for (const auto& [event, discarded] : places_)
            if (event.is_first) PgNamed::add_names(event, ids);
        if (ids.empty()) return {};
        LEDGERLINE_TRY(const auto read, connection_.query(sql::ApplyReadNamed{ids}));
        named_.take(read);
        return {};
    }

    // What a run claims is proven by what its lane holds. Its places are left alone unless they are what it says.
    void judge_runs() {
        for (const LaneRun& run : plan_.runs) {
            round_.statuses.push_back(status_of(run));
            if (round_.statuses.back() != Status::applied) barred_.insert(run.lane);
        }
    }

    Status status_of(const LaneRun& run) const {
        if (applied_seqs_.at(run.lane) != run.applied_seq) return Status::cursor_moved;
        const auto held =
            std::ranges::equal_range(places_, run.lane, {}, [](const Place& place) { return place.event.lane; });
        const auto is_proven = [](const EventRef& ref, const Place& place) {
            return ref.seq == place.event.seq && ref.event_id == place.event.event_id;
        };
        const auto claimed = held | std::views::take(std::ssize(run.refs));
        if (!std::ranges::equal(run.refs, claimed, is_proven)) return Status::not_proven;
        return std::ranges::all_of(claimed, is_known) ? Status::applied : Status::version_unknown;
    }

    // Those that may be decided: of each lane up to a gap, and up to the first one that is too new for this binary.
    std::vector<Agenda::Place> known_places() {
        std::vector<Agenda::Place> places;
        std::map<int, std::int64_t> next_seqs;
        for (std::size_t i = 0; i < places_.size(); ++i) {
            const Event& event = places_[i].event;
            if (barred_.contains(event.lane)) continue;
            std::int64_t& next = next_seqs.try_emplace(event.lane, applied_seqs_.at(event.lane) + 1).first->second;
            if (event.seq != next || !is_known(places_[i])) {
                barred_.insert(event.lane);
                continue;
            }
            ++next;
            places.push_back({event.lane, event.seq, event.event_id, event.places});
            kept_.push_back(i);
        }
        return places;
    }

    void decide(Agenda& agenda) {
        for (auto places = agenda.next(); !places.empty(); places = agenda.next()) {
            decide(places);
            if (plan_.one) return;
        }
    }

    // All places of one event, its first one first.
    void decide(std::span<const std::size_t> by_lane) {
        std::vector<std::size_t> places(by_lane.begin(), by_lane.end());
        const auto first =
            std::ranges::find_if(places, [this](std::size_t place) { return kept(place).event.is_first; });
        if (first != places.end()) std::rotate(places.begin(), first, first + 1);
        std::vector<Touch> touches;
        for (const std::size_t place : places) {
            const Event& event = kept(place).event;
            AccountState* const account = accounts_.find(event.lane, event.account_id);
            db::expect(account != nullptr, "expected the account of a place");
            // Of legs, and at the places of further accounts, the currencies are those of the accounts: intake has
            // looked, and an account keeps its own.
            const bool has_one_currency =
                event.is_first && event.type != TransactionType::transfer && event.type != TransactionType::reversal;
            touches.push_back({account, event.net_cents, has_one_currency ? event.currency : account->currency});
        }
        auto postings = post_event(kept(places.front()), touches);
        named_.decided(kept(places.front()).event.transaction_id, !postings.front().refusal);
        round_.event_id = kept(places.front()).event.event_id;
        for (std::size_t i = 0; i < places.size(); ++i) {
            round_.outcomes.push_back({std::move(kept(places[i]).event), std::move(postings[i])});
            decisions_.push_back(decision_of(round_.outcomes.back(), *touches[i].account));
            accounts_.advance(round_.outcomes.back().event.lane);
        }
    }

    std::vector<Posting> post_event(const Place& first, std::span<Touch> touches) {
        const Event& event = first.event;
        if (first.discarded) {
            holds_.discard(event);
            return discard(touches);
        }
        if (!named_.lets_pass(event)) return refuse_follower(touches);
        if (event.type == TransactionType::reversal) return named_.reverse(event, touches);
        return is_of_hold(event) ? holds_.post(event, touches) : post(touches);
    }

    Place& kept(std::size_t place) { return places_[kept_[place]]; }

    Result<void> write() {
        std::vector<Uuid> counted;
        for (const auto& [event, posting] : round_.outcomes)
            if (event.is_first && (event.places > 1 || plan_.failing.contains(event.lane)))
                counted.push_back(event.event_id);
        std::vector<Call> writes = locking_;
        writes.push_back(decide_call(std::move(decisions_), !locking_.empty()));
        holds_.append_writes(writes);
        named_.append_writes(writes);
        if (!counted.empty()) writes.push_back(sql::ApplyForgetAttempts{counted});
        writes.push_back({db::commit, {}});
        LEDGERLINE_CHECK(connection_.pipeline(writes));
        return {};
    }

    db::Connection& connection_;
    const RoundPlan& plan_;
    Windows windows_;
    std::map<int, std::int64_t> applied_seqs_;
    KnownAccounts& accounts_;
    std::vector<Call> locking_;      // what locks the lanes, where that goes along with the writing
    std::vector<Place> places_;      // undecided; once all are there, by lane and seq
    std::set<int> barred_;           // lanes in which nothing more is decided
    std::vector<std::size_t> kept_;  // positions in places_, by place of the agenda
    std::vector<Decision> decisions_;
    PgHolds holds_;
    PgNamed named_;
    Round round_;
};

}  // namespace

Windows windows_of(std::span<const LaneRun> runs) {
    Windows windows;
    for (const LaneRun& run : runs) windows[run.lane] = run.refs.back().seq;
    return windows;
}

Result<Round> decide_round(db::Connection& connection, const RoundPlan& plan, KnownAccounts& accounts) {
    return Decider(connection, plan, accounts).run();
}

std::vector<Call> empty_round() {
    return {sql::ApplyLockLanes{},     sql::ApplyAppliedSeqs{},     sql::ApplyNeeded{},     sql::ApplyReadWindows{},
            sql::ApplyReadAccounts{},  sql::ApplyReadHolds{},       decide_call({}, false), PgHolds().steps(),
            sql::ApplyWriteDueHolds{}, sql::IntakeForgetDueHolds{}, sql::ApplyReadNamed{},  PgNamed().steps(),
            sql::ApplyForgetAttempts{}};
}

}  // namespace ledgerline::apply
