// Durations on the command line: "500ms", "30s", "10m", "2h"; a plain number is seconds.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace ledgerline::cli {

inline constexpr milliseconds duration_max = std::chrono::hours(24 * 365);

// Empty when the text is not a duration, negative, or longer than duration_max.
std::optional<milliseconds> parse_duration(std::string_view text);
// In the largest unit that divides it.
std::string format_duration(milliseconds duration);

}  // namespace ledgerline::cli
