// Holds: what an account has set aside, and what captures and releases make of it. Pure functions, no I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "domain/event.h"
#include "domain/posting.h"

namespace ledgerline {

enum class HoldStatus { undecided, failed, open, captured, released, expired };
std::string_view name_of(HoldStatus status);  // "PENDING", "FAILED", "OPEN", "CAPTURED", "RELEASED", "EXPIRED"
std::optional<HoldStatus> parse_hold_status(std::string_view name);

struct Hold {
    HoldStatus status = HoldStatus::undecided;
    std::int64_t amount_cents = 0;
    std::int64_t captured_cents = 0;
    std::int64_t released_cents = 0;
    WallTime expires_at{};

    std::int64_t rest_cents() const { return amount_cents - captured_cents - released_cents; }
    bool operator==(const Hold&) const = default;
};

// What a transaction asks of a hold.
struct HoldRequest {
    TransactionType type = TransactionType::hold;
    std::int64_t amount_cents = 0;  // of a capture
    bool final = true;              // of a capture: it releases the rest
    bool by_expiry = false;         // of a release
    WallTime accepted_at{};         // what is judged as late, whenever it is decided
};

// Decides a HOLD, CAPTURE or RELEASE together with what it moves: it changes the hold and all accounts, or nothing. A
// hold that is refused becomes HoldStatus::failed. touches: that of the hold's account first.
std::vector<Posting> post(Hold& hold, const HoldRequest& request, std::span<Touch> touches);

// The key of the release by which a hold expires. Callers cannot use such keys.
inline constexpr std::string_view expiry_key_prefix = "expire:";
std::string expiry_key(const Uuid& hold_id);
bool is_expiry_key(std::string_view key);

}  // namespace ledgerline
