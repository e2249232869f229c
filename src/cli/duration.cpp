#include "cli/duration.h"

#include <charconv>

namespace ledgerline::cli {
namespace {

struct Unit {
    std::string_view suffix;
    std::int64_t ms;
};
// Largest first.
constexpr Unit kUnits[] = {{"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}};

}  // namespace

std::optional<milliseconds> parse_duration(std::string_view text) {
    std::int64_t count = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, count);
    if (parsed.ec != std::errc() || count < 0) return std::nullopt;
    const std::string_view suffix(parsed.ptr, end);
    for (const Unit& unit : kUnits) {
        if (suffix != unit.suffix && !(suffix.empty() && unit.suffix == "s")) continue;
        if (count > duration_max.count() / unit.ms) return std::nullopt;
        return milliseconds(count * unit.ms);
    }
    return std::nullopt;
}

std::string format_duration(milliseconds duration) {
    for (const Unit& unit : kUnits)
        if (duration.count() > 0 && duration.count() % unit.ms == 0)
            return std::to_string(duration.count() / unit.ms).append(unit.suffix);
    return std::to_string(duration.count() / 1000).append("s");
}

}  // namespace ledgerline::cli
