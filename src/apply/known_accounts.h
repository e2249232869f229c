// KnownAccounts: accounts as a worker's last rounds have left them.
//
// What is known of a lane's accounts is true as long as the lane's last decision is the one that it was known at, and
// no account of the lane was changed since: only a decision in its lane moves a balance, and a change of an account's
// settings records the lane's last decision. Both are looked at under the lane's lock. It is true for one session only:
// the next one may be to another server (docs/decisions/0049). Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include "base/uuid.h"
#include "domain/posting.h"

namespace ledgerline::apply {

class KnownAccounts {
public:
    // Of a lane: beyond it, all of them are forgotten.
    static constexpr std::size_t lane_accounts_max = 2000;

    // What the database says under the lane's lock. changed_seq: the applied seq that the latest change of an account
    // of the lane recorded; less than 0 when there is none.
    void confirm(int lane, std::int64_t applied_seq, std::int64_t changed_seq) {
        Lane& known = lanes_[lane];
        if (known.applied_seq != applied_seq || changed_seq >= applied_seq || known.accounts.size() > lane_accounts_max)
            known.accounts.clear();
        known.applied_seq = applied_seq;
    }

    // The lane's applied seq as far as it is known: 0 when it is not.
    std::int64_t applied_seq(int lane) const {
        const auto known = lanes_.find(lane);
        return known == lanes_.end() ? 0 : known->second.applied_seq;
    }

    // Null when it is not known. To be changed by what is decided; valid until the lane is confirmed again.
    AccountState* find(int lane, const Uuid& account_id) {
        const auto known = lanes_.find(lane);
        if (known == lanes_.end()) return nullptr;
        const auto account = known->second.accounts.find(account_id);
        return account == known->second.accounts.end() ? nullptr : &account->second;
    }
    void add(int lane, AccountState account) {
        const Uuid id = account.id;
        lanes_[lane].accounts.insert_or_assign(id, std::move(account));
    }

    // One more place of the lane is decided.
    void advance(int lane) { ++lanes_[lane].applied_seq; }

    void clear() { lanes_.clear(); }

private:
    struct Lane {
        std::int64_t applied_seq = 0;
        std::unordered_map<Uuid, AccountState> accounts;
    };
    std::unordered_map<int, Lane> lanes_;
};

}  // namespace ledgerline::apply
