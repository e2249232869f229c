// Outcome: what became of a transaction at one of its places, or what was changed of an account; and the CloudEvent
// that tells it.
//
// There is one for each place that was decided, so that each account of a transaction is told in the order of its lane;
// that of the transaction's first account is marked as primary. The id is the same whenever it is told.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/tenant.h"
#include "base/uuid.h"
#include "domain/event.h"
#include "feed/position.h"
#include "sql/queries.h"

namespace ledgerline::feed {

enum class OutcomeType { processed, failed, parked, discarded, hold_expired, account_updated };
inline constexpr std::array<std::string_view, 6> outcome_type_names{
    "transaction.processed", "transaction.failed", "transaction.parked",
    "transaction.discarded", "hold.expired",       "account.updated"};  // in enum order
inline std::string_view name_of(OutcomeType type) { return outcome_type_names[static_cast<std::size_t>(type)]; }

struct Outcome {
    OutcomeType type = OutcomeType::processed;
    int lane = 0;
    FeedPlace place;
    Uuid account_id;
    int tenant = default_tenant;             // of the account
    std::optional<std::string> tenant_name;  // nothing for the default one
    std::string id;
    WallTime time;
    std::string data;  // JSON text of an object

    std::string source() const { return "ledgerline/lanes/" + std::to_string(lane); }
};

// Which outcomes are wanted.
struct FeedFilter {
    std::optional<int> tenant = {};  // nothing: those of all tenants
    std::optional<Uuid> account_id = {};
    unsigned types = 0;  // a bit for each type; 0: all of them

    void add(OutcomeType type) { types |= 1U << static_cast<unsigned>(type); }
    bool matches(const Outcome& outcome) const {
        return (types == 0 || (types >> static_cast<unsigned>(outcome.type) & 1U)) &&
               (!tenant || *tenant == outcome.tenant) && (!account_id || *account_id == outcome.account_id);
    }
    // Whether outcomes of the lane can match.
    bool concerns(int lane) const { return !account_id || lane_of(*account_id) == lane; }
};

Outcome outcome_of(const sql::Told& row);

// Appends the CloudEvent in its JSON form (structured mode).
void append_json(const Outcome& outcome, std::string& out);

// The CloudEvent as a message (binary mode): the data is the value, everything else is in headers.
Message encode(const Outcome& outcome);

}  // namespace ledgerline::feed
