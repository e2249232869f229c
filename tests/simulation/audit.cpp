#include "audit.h"

#include <fmt/format.h>

#include <algorithm>

#include "outcome_store.h"

namespace ledgerline::test {
namespace {

class Auditor {
public:
    Auditor(const MemoryTables& tables, std::map<Uuid, std::int64_t> opening_cents)
        : tables_(tables), balances_(std::move(opening_cents)) {}

    void check_receipts(const std::vector<Receipt>& receipts) {
        std::map<int, std::int64_t> last;
        for (const Receipt& receipt : receipts) {
            const auto& events = tables_.lanes.at(receipt.lane).events;
            const auto event = events.find(receipt.seq);
            expect(event != events.end() && event->second.transaction_id == receipt.transaction_id,
                   fmt::format("lane {} seq {}: a receipt was given for what is not there", receipt.lane, receipt.seq));
            expect(receipt.seq > last[receipt.lane],
                   fmt::format("lane {}: seq {} was accepted after {}", receipt.lane, receipt.seq, last[receipt.lane]));
            last[receipt.lane] = receipt.seq;
        }
    }

    void check_lanes() {
        for (const auto& [number, lane] : tables_.lanes) {
            expect(lane.events.size() == static_cast<std::size_t>(lane.last_seq),
                   fmt::format("lane {}: {} events, but last_seq {}", number, lane.events.size(), lane.last_seq));
            expect(lane.applied_seq == lane.last_seq && lane.published_seq == lane.last_seq,
                   fmt::format("lane {}: last {}, published {}, applied {}", number, lane.last_seq, lane.published_seq,
                               lane.applied_seq));
            for (const auto& [seq, event] : lane.events) places_[event.event_id].push_back(&event);
        }
        for (const auto& [event_id, places] : places_)
            expect(std::ssize(places) == places.front()->places,
                   fmt::format("event {}: {} places instead of {}", event_id.to_string(), places.size(),
                               places.front()->places));
    }

    // The lanes once more, from their first places on: an event's turn has come when it is next in all its lanes.
    void check_events() {
        std::map<int, std::int64_t> done;
        for (bool moved = true; moved;) {
            moved = false;
            for (const auto& [number, lane] : tables_.lanes)
                while (const Event* event = next_of(number, done)) {
                    const auto& places = places_.at(event->event_id);
                    std::map<int, std::int64_t> after = done;
                    if (!std::ranges::all_of(places, [&](const Event* p) { return p->seq == ++after[p->lane]; })) break;
                    check_event(places);
                    done = std::move(after);
                    moved = true;
                }
        }
        for (const auto& [number, lane] : tables_.lanes)
            expect(done[number] == lane.last_seq,
                   fmt::format("lane {}: the places after {} wait for one another in a circle", number, done[number]));
    }

    void check_transactions() {
        for (const auto& [key, event] : tables_.accepted) {
            const int ends = outcomes_[event.transaction_id] + parked_[event.transaction_id];
            expect(ends == 1,
                   fmt::format("transaction {}: {} outcomes and {} parked letters", event.transaction_id.to_string(),
                               outcomes_[event.transaction_id], parked_[event.transaction_id]));
        }
        for (const auto& [id, account] : tables_.accounts)
            expect(account.state.balance_cents == balances_.at(id),
                   fmt::format("account {}: balance {}, recomputed {}", id.to_string(), account.state.balance_cents,
                               balances_.at(id)));
    }

    std::vector<std::string> take_findings() { return std::move(findings_); }

private:
    void expect(bool holds, const std::string& finding) {
        if (!holds) findings_.push_back(finding);
    }

    const Event* next_of(int number, const std::map<int, std::int64_t>& done) const {
        const auto& events = tables_.lanes.at(number).events;
        const auto known = done.find(number);
        const auto next = events.find(known == done.end() ? 1 : known->second + 1);
        return next != events.end() ? &next->second : nullptr;
    }

    void check_event(const std::vector<const Event*>& places) {
        const Event& event = *places.front();
        std::vector<const Posting*> postings;
        for (const Event* place : places) {
            const auto& outcomes = tables_.lanes.at(place->lane).outcomes;
            if (const auto outcome = outcomes.find(place->seq); outcome != outcomes.end())
                postings.push_back(&outcome->second.posting);
        }
        int letters = 0;
        for (const MemoryTables::Letter& letter : tables_.letters) {
            if (!letter.ref || letter.ref->event_id != event.event_id) continue;
            ++letters;
            if (letter.parked) ++parked_[event.transaction_id];
        }
        expect(letters == 0 ? postings.size() == places.size() : letters == 1 && postings.empty(),
               fmt::format("lane {} seq {}: {} places, {} letters, {} outcomes", event.lane, event.seq, places.size(),
                           letters, postings.size()));
        if (postings.size() != places.size()) return;
        ++outcomes_[event.transaction_id];
        recompute(places, postings);
    }

    // The posting rules once more, in the simplest words.
    void recompute(const std::vector<const Event*>& places, const std::vector<const Posting*>& postings) {
        std::map<Uuid, std::int64_t> nets;
        const Event& first = **std::ranges::find(places, true, &Event::is_first);
        const auto legs = tables_.legs.find(first.transaction_id);
        if (first.type == TransactionType::hold || first.type == TransactionType::release)
            nets[first.account_id] = 0;
        else if (legs == tables_.legs.end())
            nets[first.account_id] = first.type == TransactionType::credit ? first.amount_cents : -first.amount_cents;
        else
            for (const Leg& leg : legs->second) {
                if (leg.from) nets[*leg.from] -= leg.amount_cents;
                if (leg.to) nets[*leg.to] += leg.amount_cents;
            }
        // A follower may have one place more, for the order alone.
        if (first.previous_id && nets.size() + 1 == places.size())
            for (const Event* place : places) nets.try_emplace(place->account_id, 0);
        expect(nets.size() == places.size(), fmt::format("lane {} seq {}: {} accounts, {} places", places.front()->lane,
                                                         places.front()->seq, nets.size(), places.size()));
        const bool refused =
            breaks_a_link(first) || breaks_a_hold(first) || std::ranges::any_of(places, [&](const Event* place) {
                const AccountState& then = tables_.accounts.at(place->account_id).at(place->seq);
                const std::int64_t net = nets[place->account_id], after = balances_.at(place->account_id) + net;
                const std::int64_t lowered = net + held_by(first, place->account_id);
                const bool given_back = first.type == TransactionType::release && place->is_first;
                return (then.status != AccountStatus::active && !given_back) ||
                       (lowered < 0 && balances_.at(place->account_id) - held_[place->account_id] + lowered <
                                           then.min_balance_cents) ||
                       (net > 0 && then.max_balance_cents && after > *then.max_balance_cents);
            });
        for (const auto& [account, net] : nets)
            if (!refused) balances_.at(account) += net;
        if (!refused) follow_links(first);
        for (std::size_t i = 0; i < places.size(); ++i) {
            const std::int64_t balance = balances_.at(places[i]->account_id);
            const std::int64_t held = held_[places[i]->account_id];
            expect(refused == postings[i]->refusal.has_value() && postings[i]->balance_after_cents == balance &&
                       postings[i]->held_after_cents == held,
                   fmt::format("lane {} seq {}: balance after {} and {} held, recomputed {} and {}", places[i]->lane,
                               places[i]->seq, postings[i]->balance_after_cents, postings[i]->held_after_cents, balance,
                               held));
        }
    }

    // What it follows was not processed, or what it reverses not, or not as much.
    bool breaks_a_link(const Event& event) const {
        if (event.previous_id && !left_to_reverse_.contains(*event.previous_id)) return true;
        if (event.type != TransactionType::reversal) return false;
        const auto reversed = left_to_reverse_.find(*event.parent_id);
        return reversed == left_to_reverse_.end() || event.amount_cents > reversed->second;
    }

    bool terms_are_final(const Event& event) const { return !tables_.terms.at(event.transaction_id).contains("false"); }

    // What the event means for what is available, beside its net: a hold lowers it, and a capture takes what is held.
    std::int64_t held_by(const Event& event, const Uuid& account) const {
        if (event.account_id != account) return 0;
        if (event.type == TransactionType::hold) return -event.amount_cents;
        return event.type == TransactionType::capture ? event.amount_cents : 0;
    }

    // It opens a hold too late, or settles one that is not open, or not in time, or not that large.
    bool breaks_a_hold(const Event& event) const {
        const bool opens = event.type == TransactionType::hold, captures = event.type == TransactionType::capture;
        if (!opens && !captures && event.type != TransactionType::release) return false;
        const Uuid& id = opens ? event.transaction_id : *event.parent_id;
        const bool late = event.occurred_at >= tables_.holds.at(id).expires_at;
        if (opens) return late;
        const auto open = open_holds_.find(id);
        return open == open_holds_.end() || (captures && (late || event.amount_cents > open->second));
    }

    // What a processed event leaves to be settled or reversed.
    void follow_links(const Event& event) {
        left_to_reverse_[event.transaction_id] = event.amount_cents;
        if (event.type == TransactionType::reversal) left_to_reverse_.at(*event.parent_id) -= event.amount_cents;
        if (event.type == TransactionType::hold) {
            open_holds_[event.transaction_id] = event.amount_cents;
            held_[event.account_id] += event.amount_cents;
        }
        if (event.type != TransactionType::capture && event.type != TransactionType::release) return;
        std::int64_t& open_cents = open_holds_.at(*event.parent_id);
        const bool partial = event.type == TransactionType::capture && !terms_are_final(event);
        const std::int64_t freed_cents = partial ? event.amount_cents : open_cents;
        held_[event.account_id] -= freed_cents;
        open_cents -= freed_cents;
        if (open_cents == 0) open_holds_.erase(*event.parent_id);
    }

    const MemoryTables& tables_;
    std::map<Uuid, std::int64_t> balances_;
    std::map<Uuid, std::int64_t> held_;                 // by account
    std::map<Uuid, std::int64_t> open_holds_;           // what is left of each
    std::map<Uuid, std::int64_t> left_to_reverse_;      // of what was processed
    std::map<Uuid, int> outcomes_, parked_;             // by transaction
    std::map<Uuid, std::vector<const Event*>> places_;  // by event, in the order of lanes
    std::vector<std::string> findings_;
};

}  // namespace

std::vector<std::string> audit(const MemoryTables& tables, const std::map<Uuid, std::int64_t>& opening_cents,
                               const std::vector<Receipt>& receipts) {
    Auditor auditor(tables, opening_cents);
    auditor.check_receipts(receipts);
    auditor.check_lanes();
    auditor.check_events();
    auditor.check_transactions();
    return auditor.take_findings();
}

std::vector<std::string> audit_told(const MemoryTables& tables, const SharedTopic& topic, bool lost_tails) {
    std::vector<std::string> findings;
    for (const auto& [number, lane] : tables.lanes) {
        std::map<std::string, std::string> truth, seen;
        std::vector<std::string> first, decided;
        for (const auto& [seq, event] : lane.events) {
            decided.push_back(outcome_id(event));
            truth[decided.back()] = encode(*MemoryOutcomeStore::outcome_at(lane, event)).value;
        }
        if (const auto told = topic.find(number); told != topic.end())
            for (const Message& message : told->second) {
                const std::string& id = *message.header("ce_id");
                if (lost_tails && !truth.contains(id)) continue;
                const auto [known, is_new] = seen.emplace(id, message.value);
                if (is_new) first.push_back(id);
                if (known->second != message.value && !lost_tails) findings.push_back(id + " is told again otherwise");
                known->second = message.value;
            }
        if (first != decided)
            findings.push_back(
                fmt::format("lane {}: {} outcomes are told, of {} that were decided, or in another order", number,
                            first.size(), decided.size()));
        if (seen != truth) findings.push_back(fmt::format("lane {}: what is told is not what was decided", number));
    }
    return findings;
}

}  // namespace ledgerline::test
