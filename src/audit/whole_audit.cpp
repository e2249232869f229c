// LaneAudit's checks of transactions of many accounts: all their places are there, move what the legs say, and are
// decided alike.
#include <fmt/format.h>

#include "audit/lane_audit.h"

namespace ledgerline::audit {

void LaneAudit::check_whole(const AuditedPlace& place) {
    if (place.further && place.verdict.empty() && !place.has_legs()) {
        report(Check::whole, place, place.transaction_id,
               fmt::format("a {} has no further places", place.transaction->type));
        return;
    }
    if (!place.whole) return;
    if (!place.whole->first_seq) {
        report(Check::whole, place, place.transaction_id, "the event has no place for the transaction's first account");
        return;
    }
    if (!place.is_first(lane_)) return check_partner(place);
    report_.examine(Check::whole);
    const std::int64_t accounts = place.has_legs() ? place.whole->accounts : 1;
    if (place.places != accounts || place.whole->places != accounts || place.whole->distinct_places != accounts)
        report(Check::whole, place, place.transaction_id,
               fmt::format("the transaction touches {} accounts, but the event names {} places and has {}", accounts,
                           place.places, place.whole->places));
    if (place.has_legs()) check_legs(place);
}

void LaneAudit::check_partner(const AuditedPlace& place) {
    const auto& whole = *place.whole;
    const auto report_beside = [&](std::string_view what) {
        report(
            Check::whole, place, place.transaction_id,
            fmt::format("{} at the first account's place, lane {} seq {}", what, *whole.first_lane, *whole.first_seq));
    };
    if (whole.first_event_id != place.event_id) report_beside("another event is");
    if (whole.first_places != place.places)
        report_beside(fmt::format("{} places are named here, {}", place.places, whole.first_places.value_or(0)));
    if (whole.kind != whole.first_kind)
        report_beside(
            fmt::format("{} here, but {}", whole.kind.value_or("undecided"), whole.first_kind.value_or("undecided")));
    else if (!whole.same_decision)
        report_beside(fmt::format("{} here, but for another reason, with another letter or at another time",
                                  whole.kind.value_or("")));
}

void LaneAudit::check_legs(const AuditedPlace& place) {
    const auto& whole = *place.whole;
    const auto say = [&](Check check, std::string detail) {
        report(check, place, place.transaction_id, std::move(detail));
    };
    if (whole.faulty_legs > 0 || whole.accounts == 0) say(Check::identity, "its legs are not those of a transaction");
    if (whole.legs_cents != place.transaction->amount_cents)
        say(Check::identity, fmt::format("the legs move {}, but the transaction is of {}", whole.legs_cents,
                                         place.transaction->amount_cents));
    if (!whole.first_named) say(Check::identity, "the first place is not that of the account that the legs name first");
    if (whole.wrong_account)
        say(Check::identity,
            fmt::format("the place of account {} does not move what the legs make", *whole.wrong_account));
    if (whole.kind == "POSTED" && whole.other_currency)
        say(Check::entries,
            fmt::format("an amount in {} was posted to an account in another currency", *whole.other_currency));
}

}  // namespace ledgerline::audit
