// Model: the posting rules once more, in the fewest words. It shares no code with the product.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace ledgerline::test {

// A transaction as it is stored.
struct StoredTransaction {
    std::string id;
    std::string type;  // as in SentTransaction
    std::string account_id;
    std::string to_account_id;  // who is paid; empty: nobody, or the outside world
    std::string key;
    std::string parent_id;
    std::string previous_id;
    std::int64_t amount_cents = 0;
    bool final = true;  // of a CAPTURE
    std::int64_t accepted_at_us = 0;
    std::int64_t expires_at_us = 0;  // of a HOLD
};

class Model {
public:
    // Decides a transaction. Returns why it is refused; "" when it is processed. Each is decided once, after everything
    // that came before it on any of its accounts.
    std::string decide(const StoredTransaction& transaction);
    // For a transaction that is not decided.
    void leave_open(const StoredTransaction& transaction) { known_[transaction.id] = {transaction, false, false}; }
    // What it means for the balance of each account.
    std::map<std::string, std::int64_t> nets_cents(const StoredTransaction& transaction) const;

    std::map<std::string, std::int64_t> balances_cents, held_cents, floors_cents;  // by account

private:
    struct Known {
        StoredTransaction transaction;
        bool decided = false, processed = false;
        std::int64_t rest_cents = 0;      // of a hold
        std::int64_t reversed_cents = 0;  // of anything else
    };

    std::string judge(const StoredTransaction& transaction, const Known* parent) const;
    std::string judge_settlement(const StoredTransaction& transaction, const Known& hold) const;
    void settle(const StoredTransaction& transaction, Known& parent);
    const Known* find(const std::string& id) const;

    std::map<std::string, Known> known_;
};

}  // namespace ledgerline::test
