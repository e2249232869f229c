#include "base/clock.h"

#include <fmt/format.h>

namespace ledgerline {

WallTime SystemClock::wall_now() const {
    return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

SteadyTime SystemClock::steady_now() const { return std::chrono::steady_clock::now(); }

WallTime ManualClock::wall_now() const {
    std::lock_guard lock(mutex_);
    return wall_;
}

SteadyTime ManualClock::steady_now() const {
    std::lock_guard lock(mutex_);
    return steady_;
}

void ManualClock::advance(std::chrono::microseconds by) {
    std::lock_guard lock(mutex_);
    wall_ += by;
    steady_ += by;
}

std::string format_rfc3339(WallTime time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss<std::chrono::microseconds> clock(time - day);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                       clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

}  // namespace ledgerline
