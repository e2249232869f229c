#include "health/lane_movement.h"

#include <fmt/format.h>

namespace ledgerline::health {

LaneMovement::Seen LaneMovement::note(std::span<const LanePosition> positions, SteadyTime now) {
    Seen seen;
    const auto judge = [](Stage& stage, bool has_work, const std::string& halt, milliseconds stood,
                          const std::string& sentence) {
        if (!has_work) return;
        if (!halt.empty())
            stage.stuck.push_back(fmt::format("{}: halted: {}", sentence, halt));
        else if (stood >= still_max)
            stage.stuck.push_back(fmt::format("{} for {} s", sentence, stood.count() / 1000));
        else
            stage.any_moves = true;
    };
    for (const auto& [number, last, published, applied, publish_halt, apply_halt] : positions) {
        Lane& lane = lanes_[number];
        const bool to_publish = last > published, to_apply = published > applied;
        judge(seen.publish, to_publish, publish_halt, stood(lane.publish, published, to_publish, now),
              fmt::format("lane {}: event {} has not been published", number, published + 1));
        judge(seen.apply, to_apply, apply_halt, stood(lane.apply, applied, to_apply, now),
              fmt::format("lane {}: event {} was published and has not been applied", number, applied + 1));
    }
    return seen;
}

milliseconds LaneMovement::stood(Track& track, std::int64_t done, bool has_work, SteadyTime now) {
    if (track.done != done || !has_work) {
        track = {done, now};
        return milliseconds(0);
    }
    return std::chrono::duration_cast<milliseconds>(now - track.since);
}

}  // namespace ledgerline::health
