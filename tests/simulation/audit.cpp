#include "audit.h"

#include <fmt/format.h>

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
            for (const auto& [seq, event] : lane.events) check_event(number, seq, event);
        }
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

    void check_event(int number, std::int64_t seq, const Event& event) {
        const auto& outcomes = tables_.lanes.at(number).outcomes;
        const auto outcome = outcomes.find(seq);
        int letters = 0;
        for (const MemoryTables::Letter& letter : tables_.letters) {
            if (!letter.ref || letter.lane != number || letter.ref->seq != seq) continue;
            ++letters;
            if (letter.parked) ++parked_[event.transaction_id];
        }
        expect((outcome != outcomes.end() ? 1 : 0) + letters == 1,
               fmt::format("lane {} seq {}: {} letters, outcome {}", number, seq, letters, outcome != outcomes.end()));
        if (outcome == outcomes.end()) return;
        ++outcomes_[event.transaction_id];
        recompute(number, seq, event, outcome->second.posting);
    }

    // The posting rules once more, in the simplest words.
    void recompute(int number, std::int64_t seq, const Event& event, const Posting& posting) {
        std::int64_t& balance = balances_.at(event.account_id);
        const std::int64_t floor = tables_.accounts.at(event.account_id).state.min_balance_cents;
        const std::int64_t after =
            event.type == TransactionType::credit ? balance + event.amount_cents : balance - event.amount_cents;
        const bool refused = event.type == TransactionType::debit && after < floor;
        if (!refused) balance = after;
        expect(refused == posting.refusal.has_value() && posting.balance_after_cents == balance,
               fmt::format("lane {} seq {}: balance after {}, recomputed {}", number, seq, posting.balance_after_cents,
                           balance));
    }

    const MemoryTables& tables_;
    std::map<Uuid, std::int64_t> balances_;
    std::map<Uuid, int> outcomes_, parked_;  // by transaction
    std::vector<std::string> findings_;
};

}  // namespace

std::vector<std::string> audit(const MemoryTables& tables, const std::map<Uuid, std::int64_t>& opening_cents,
                               const std::vector<Receipt>& receipts) {
    Auditor auditor(tables, opening_cents);
    auditor.check_receipts(receipts);
    auditor.check_lanes();
    auditor.check_transactions();
    return auditor.take_findings();
}

}  // namespace ledgerline::test
