#include "domain/hold.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/result.h"

namespace ledgerline {
namespace {

constexpr std::pair<HoldStatus, std::string_view> kNames[] = {
    {HoldStatus::undecided, "PENDING"}, {HoldStatus::failed, "FAILED"},     {HoldStatus::open, "OPEN"},
    {HoldStatus::captured, "CAPTURED"}, {HoldStatus::released, "RELEASED"}, {HoldStatus::expired, "EXPIRED"},
};

struct Obstacle {
    Refusal refusal;
    std::string reason;
};

std::optional<Obstacle> obstacle_of(const Hold& hold, const HoldRequest& request) {
    const bool late = request.accepted_at >= hold.expires_at;
    if (request.type == TransactionType::hold)
        return late ? std::optional(Obstacle{Refusal::hold_expired, "the hold had expired before it was accepted"})
                    : std::nullopt;
    if (hold.status == HoldStatus::undecided) return Obstacle{Refusal::parent_undecided, "the hold is not decided yet"};
    if (hold.status == HoldStatus::failed) return Obstacle{Refusal::hold_failed, "the hold was refused"};
    if (hold.status != HoldStatus::open)
        return Obstacle{Refusal::hold_closed, fmt::format("the hold is {}", name_of(hold.status))};
    if (request.type == TransactionType::release) return std::nullopt;
    if (late) return Obstacle{Refusal::hold_expired, "the hold had expired before the capture was accepted"};
    if (request.amount_cents > hold.rest_cents())
        return Obstacle{Refusal::capture_exceeds_hold, fmt::format("capture exceeds the hold: {} of {} are left",
                                                                   hold.rest_cents(), hold.amount_cents)};
    return std::nullopt;
}

// The hold after a request that nothing stands in the way of.
Hold after(Hold hold, const HoldRequest& request) {
    if (request.type == TransactionType::hold) {
        hold.status = HoldStatus::open;
        return hold;
    }
    const bool capture = request.type == TransactionType::capture;
    if (capture) hold.captured_cents += request.amount_cents;
    if (!capture || request.final) hold.released_cents += hold.rest_cents();
    if (hold.rest_cents() > 0) return hold;
    if (capture || hold.captured_cents > 0)
        hold.status = HoldStatus::captured;
    else
        hold.status = request.by_expiry ? HoldStatus::expired : HoldStatus::released;
    return hold;
}

}  // namespace

std::string_view name_of(HoldStatus status) {
    return std::ranges::find(kNames, status, &std::pair<HoldStatus, std::string_view>::first)->second;
}

std::optional<HoldStatus> parse_hold_status(std::string_view name) {
    const auto* const found = std::ranges::find(kNames, name, &std::pair<HoldStatus, std::string_view>::second);
    return found == std::end(kNames) ? std::nullopt : std::optional(found->first);
}

std::vector<Posting> post(Hold& hold, const HoldRequest& request, std::span<Touch> touches) {
    const bool opens = request.type == TransactionType::hold;
    if (const auto obstacle = obstacle_of(hold, request)) {
        if (opens) hold.status = HoldStatus::failed;
        return refuse(touches, obstacle->refusal, obstacle->reason);
    }
    const Hold next = after(hold, request);
    touches.front().held_delta_cents = next.rest_cents() - (opens ? 0 : hold.rest_cents());
    // Money that is set aside can always be given back.
    touches.front().even_suspended = request.type == TransactionType::release;
    std::vector<Posting> postings = post(touches);
    if (!postings.front().refusal)
        hold = next;
    else if (opens)
        hold.status = HoldStatus::failed;
    return postings;
}

std::string expiry_key(const Uuid& hold_id) { return fmt::format("{}{}", expiry_key_prefix, hold_id.to_string()); }

bool is_expiry_key(std::string_view key) {
    return key.starts_with(expiry_key_prefix) && Uuid::parse(key.substr(expiry_key_prefix.size()));
}

}  // namespace ledgerline
