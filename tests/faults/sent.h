// What clients send in a fault test, and what they remember of it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace ledgerline::test {

inline constexpr const char* load_currency = "EUR";
inline constexpr const char* poison_prefix = "poison-";  // of the keys of transactions that cannot be applied

// One transaction of any kind, by the names that the database has for them: CREDIT, DEBIT, TRANSFER, HOLD, CAPTURE,
// RELEASE or REVERSAL.
struct SentTransaction {
    std::string type;
    std::string account_id;  // who pays, sets aside or is credited
    std::string key;
    std::int64_t amount_cents = 0;
    std::string to_account_id{};  // who is paid; empty: nobody, or the outside world
    std::string parent_id{};      // of a CAPTURE or RELEASE the hold, of a REVERSAL what it reverses
    std::string previous_key{};   // of a batch's item that says "after_previous"
    bool final = true;            // of a CAPTURE: the rest of the hold is released
    int expires_in_s = 0;         // of a HOLD

    std::string path() const;
    std::string body(const char* currency = load_currency) const;
    // Whether money that it moved can be moved back.
    bool is_reversible() const { return type != "HOLD" && type != "RELEASE" && type != "REVERSAL"; }
};

// A transaction that was answered with 201.
struct ToldTransaction : SentTransaction {
    std::string id;
};

// What one client was told.
struct Evidence {
    std::map<std::string, std::int64_t> floors_cents;  // of the accounts it opened, by id, as they were opened
    // In the order in which the client came to know: of accounts that only this client uses, the order of acceptance.
    std::vector<ToldTransaction> accepted;
    std::set<std::string> refused_keys;  // of requests that were refused for good: nothing may be stored of them
    std::vector<std::string> violations;
};

}  // namespace ledgerline::test
