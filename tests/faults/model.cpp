#include "faults/model.h"

#include <algorithm>

namespace ledgerline::test {

std::map<std::string, std::int64_t> Model::nets_cents(const StoredTransaction& transaction) const {
    const std::string& type = transaction.type;
    const std::int64_t cents = transaction.amount_cents;
    std::map<std::string, std::int64_t> nets{{transaction.account_id, 0}};
    if (type == "REVERSAL") {
        const Known* parent = find(transaction.parent_id);
        if (!parent) return nets;
        for (const auto& [account, net_cents] : nets_cents(parent->transaction))
            nets[account] = net_cents < 0 ? cents : -cents;
    } else if (type != "HOLD" && type != "RELEASE") {
        nets[transaction.account_id] = type == "CREDIT" ? cents : -cents;
        if (!transaction.to_account_id.empty()) nets[transaction.to_account_id] += cents;
    }
    return nets;
}

std::string Model::decide(const StoredTransaction& transaction) {
    const auto parent = known_.find(transaction.parent_id);
    std::string refusal = judge(transaction, parent == known_.end() ? nullptr : &parent->second);
    known_[transaction.id] = {.transaction = transaction, .decided = true, .processed = refusal.empty()};
    if (!refusal.empty()) return refusal;
    for (const auto& [account, net_cents] : nets_cents(transaction)) balances_cents[account] += net_cents;
    if (transaction.type == "HOLD") {
        known_[transaction.id].rest_cents = transaction.amount_cents;
        held_cents[transaction.account_id] += transaction.amount_cents;
    }
    if (parent != known_.end()) settle(transaction, parent->second);
    return "";
}

void Model::settle(const StoredTransaction& transaction, Known& parent) {
    if (transaction.type == "REVERSAL") {
        parent.reversed_cents += transaction.amount_cents;
        return;
    }
    const bool partial = transaction.type == "CAPTURE" && !transaction.final;
    const std::int64_t freed_cents = partial ? transaction.amount_cents : parent.rest_cents;
    parent.rest_cents -= freed_cents;
    held_cents[parent.transaction.account_id] -= freed_cents;
}

std::string Model::judge(const StoredTransaction& transaction, const Known* parent) const {
    if (!transaction.previous_id.empty()) {
        const Known* previous = find(transaction.previous_id);
        if (!previous || !previous->processed) return "previous_failed";
    }
    if (transaction.type == "CAPTURE" || transaction.type == "RELEASE" || transaction.type == "REVERSAL") {
        if (!parent || !parent->decided) return "parent_undecided";
        if (transaction.type != "REVERSAL") return judge_settlement(transaction, *parent);
        if (!parent->processed) return "transaction_failed";
        if (parent->reversed_cents + transaction.amount_cents > parent->transaction.amount_cents)
            return "reversal_exceeds_transaction";
    }
    auto lowered = nets_cents(transaction);
    if (transaction.type == "HOLD") {
        if (transaction.accepted_at_us >= transaction.expires_at_us) return "hold_expired";
        lowered[transaction.account_id] -= transaction.amount_cents;
    }
    const auto of = [](const auto& by_account, const std::string& account) {
        const auto found = by_account.find(account);
        return found == by_account.end() ? std::int64_t{0} : found->second;
    };
    const bool covered = std::ranges::all_of(lowered, [&](const auto& each) {
        const auto& [account, cents] = each;
        return cents >= 0 || of(balances_cents, account) - of(held_cents, account) + cents >= of(floors_cents, account);
    });
    return covered ? "" : "insufficient_balance";
}

std::string Model::judge_settlement(const StoredTransaction& transaction, const Known& hold) const {
    if (!hold.processed) return "hold_failed";
    if (hold.rest_cents == 0) return "hold_closed";
    if (transaction.type == "RELEASE") return "";
    if (transaction.accepted_at_us >= hold.transaction.expires_at_us) return "hold_expired";
    return transaction.amount_cents > hold.rest_cents ? "capture_exceeds_hold" : "";
}

const Model::Known* Model::find(const std::string& id) const {
    const auto found = known_.find(id);
    return found == known_.end() ? nullptr : &found->second;
}

}  // namespace ledgerline::test
