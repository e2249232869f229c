// UUIDs: a value type, strict parsing, and the generator of version 7 (RFC 9562, section 5.7).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"

namespace ledgerline {

struct Uuid {
    std::array<std::uint8_t, 16> bytes{};

    // The 36-character form, either case; nothing else.
    static std::optional<Uuid> parse(std::string_view text);
    // The 36-character form in lower case.
    std::string to_string() const;
    void append_to(std::string& out) const;

    auto operator<=>(const Uuid&) const = default;
};

// Makes version 7 UUIDs. Those of one generator ascend strictly, even within one millisecond and when the clock is set
// back. Safe to use from any thread. The clock and the randomness must outlive it.
class UuidGenerator {
public:
    UuidGenerator(const Clock& clock, Random& random) : clock_(clock), random_(random) {}
    Uuid next();

private:
    const Clock& clock_;
    Random& random_;
    std::mutex mutex_;
    std::uint64_t last_ms_ = 0;
    std::uint64_t last_counter_ = 0;  // the upper 42 of the 74 random bits, counted up within a millisecond
};

}  // namespace ledgerline

template <>
struct std::hash<ledgerline::Uuid> {
    std::size_t operator()(const ledgerline::Uuid& id) const noexcept;
};
