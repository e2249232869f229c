// FeedPosition: how far somebody was told of the outcomes, in every lane; and its text, the cursor of clients.
//
// In a lane, the decision at seq is (seq, 0), and what was changed of the lane's accounts after it and before the next
// decision is (seq, 1), (seq, 2), ...
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "domain/legs.h"

namespace ledgerline::feed {

struct FeedPlace {
    std::int64_t seq = 0;
    int nth = 0;
    auto operator<=>(const FeedPlace&) const = default;
};

class FeedPosition {
public:
    // Before everything.
    FeedPosition() = default;

    const FeedPlace& at(int lane) const { return lanes_.at(static_cast<std::size_t>(lane)); }
    // Never goes back.
    void advance(int lane, const FeedPlace& place) {
        FeedPlace& known = lanes_.at(static_cast<std::size_t>(lane));
        if (known < place) known = place;
    }
    // In every lane as far as the other.
    void advance(const FeedPosition& other) {
        for (int lane = 0; lane < lane_count; ++lane) advance(lane, other.at(lane));
    }
    bool operator==(const FeedPosition&) const = default;

    // ASCII letters, digits, - and _; some hundred characters. Opaque to clients, and no secret.
    std::string cursor() const;
    static std::optional<FeedPosition> parse(std::string_view cursor);

private:
    std::array<FeedPlace, lane_count> lanes_{};
};

}  // namespace ledgerline::feed
