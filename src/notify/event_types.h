// The types of the events that endpoints can be told of: the outcomes, and what concerns the endpoints themselves.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "feed/outcome.h"

namespace ledgerline::notify {

inline constexpr std::string_view webhook_disabled_type = "webhook.disabled";
inline constexpr std::string_view ping_type = "ping";  // sent when it is asked for, whatever an endpoint wants

inline constexpr auto event_types = [] {
    std::array<std::string_view, feed::outcome_type_names.size() + 1> types{};
    std::ranges::copy(feed::outcome_type_names, types.begin());
    types.back() = webhook_disabled_type;
    return types;
}();

// An event that is none of the ledger's, as it is sent: a CloudEvent. data: JSON.
std::string own_event(std::string_view type, std::string_view id, WallTime time, const std::string& data);

}  // namespace ledgerline::notify
