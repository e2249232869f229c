// Time comes in through this seam, so that tests and simulations can control the clock.
//
// Implementations are safe to use from any thread.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace ledgerline {

using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

class Clock {
public:
    virtual ~Clock() = default;
    // Time of day, UTC, in microseconds as PostgreSQL keeps it. For ids, stamps and logs; may jump.
    virtual WallTime wall_now() const = 0;
    // Never goes backwards. For deadlines, leases and backoff.
    virtual SteadyTime steady_now() const = 0;
};

class SystemClock final : public Clock {
public:
    WallTime wall_now() const override;
    SteadyTime steady_now() const override;
};

// Moves only when it is advanced.
class ManualClock final : public Clock {
public:
    explicit ManualClock(WallTime start = WallTime(std::chrono::seconds(1'700'000'000))) : wall_(start) {}
    WallTime wall_now() const override;
    SteadyTime steady_now() const override;
    void advance(std::chrono::microseconds by);

private:
    mutable std::mutex mutex_;
    WallTime wall_;
    SteadyTime steady_{};
};

// "2026-11-23T09:20:00.123456Z" (RFC 3339, always UTC, always six digits).
std::string format_rfc3339(WallTime time);
// RFC 3339, years 1 to 9999 in UTC; digits of the second beyond the sixth are cut off. Returns nothing for any other
// text.
std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace ledgerline
