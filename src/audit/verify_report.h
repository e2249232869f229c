// What `verify` checks, and what it found.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ledgerline::audit {

enum class Check {
    cursors,   // applied and published are not ahead of intake
    dense,     // every seq of a lane, up to the last, is exactly one event
    settled,   // every transaction is settled, waiting or dead-lettered
    outcomes,  // at most one outcome per event, none without an event or above the cursor
    identity,  // outcomes and letters name the transaction and account of their event
    whole,     // a transaction of many accounts has all its places, all decided alike or none
    entries,   // every entry moved the balance by its amount, to balance_after
    floor,     // no debit ever crossed the floor, no credit the ceiling
    settings,  // decisions were made with the account's status and limits, which are what its changes make
    refusals,  // every refusal was right at its point in the lane
    discards,  // discarded outcomes and discarded letters belong together
    replays,   // replayed events and replayed letters belong together
    balances,  // every balance is the sum of the account's entries: no decision deviates from those before it
    holds,     // every hold is what its transactions made of it, and accounts hold what their open holds make
    links,     // reversals undo what they name and never more; what follows a transaction shares its fate
    audit,     // the rows of the audit make unbroken chains
    halts,     // no lane is halted or stuck, no hold overdue: a fault of the installation, not of the ledger
};
inline constexpr std::size_t check_count = 17;

std::string_view name_of(Check check);
std::string_view claim_of(Check check);  // what holds when there is no violation
std::string_view unit_of(Check check);   // what is counted, such as "events"

struct Violation {
    int lane = -1;         // -1: no particular lane
    std::int64_t seq = 0;  // 0: no particular event
    std::string id;        // of the event, transaction, account or letter in question
    std::string detail;
    std::string currency{};  // of the account in whose place it is, for details that speak of amounts; "" if unknown
};

class VerifyReport {
public:
    struct Finding {
        std::int64_t examined = 0;
        std::int64_t violated = 0;
        std::vector<Violation> listed;  // the first ones
    };

    explicit VerifyReport(std::size_t listed_max) : listed_max_(listed_max) {}

    void examine(Check check, std::int64_t count = 1) { at(check).examined += count; }
    void violate(Check check, Violation violation);
    // Adds what another report found, after what this one has.
    void add(VerifyReport other);

    const Finding& finding(Check check) const { return findings_[static_cast<std::size_t>(check)]; }
    bool ok() const;
    // Whether the ledger itself is wrong.
    bool damaged() const;

private:
    Finding& at(Check check) { return findings_[static_cast<std::size_t>(check)]; }

    std::size_t listed_max_;
    std::array<Finding, check_count> findings_;
};

}  // namespace ledgerline::audit
