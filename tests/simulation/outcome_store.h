// What the publisher of outcomes reads of the database in memory: what was decided at each place, and who holds which
// lane.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "faulty_stores.h"
#include "feed/topic_store.h"
#include "lab/memory_database.h"

namespace ledgerline::test {

// How far the topic has each lane, as noted: of all publishers.
using ToldPlaces = std::map<int, feed::FeedPlace>;

// As the statements name it: the event and its place.
inline std::string outcome_id(const Event& event) {
    return event.event_id.to_string() + ":" + std::to_string(event.lane) + ":" + std::to_string(event.seq);
}

class MemoryOutcomeStore final : public feed::TopicStore {
public:
    MemoryOutcomeStore(MemoryTables& tables, ToldPlaces& told, Faults& faults)
        : tables_(tables), told_(told), faults_(faults) {}

    static std::shared_ptr<const feed::Outcome> outcome_at(const MemoryTables::Lane& lane, const Event& event) {
        const auto decided = lane.outcomes.find(event.seq);
        const bool parked = decided == lane.outcomes.end();
        return std::make_shared<const feed::Outcome>(
            feed::Outcome{.type = parked ? feed::OutcomeType::parked : feed::OutcomeType::processed,
                          .lane = event.lane,
                          .place = {.seq = event.seq},
                          .account_id = event.account_id,
                          .tenant_name = {},
                          .id = outcome_id(event),
                          .time = event.occurred_at,
                          .data = parked ? "parked" : std::to_string(decided->second.posting.balance_after_cents)});
    }

    Result<std::vector<feed::TopicLease>> leases(const std::string& owner) override {
        return session_.run([&]() -> Result<std::vector<feed::TopicLease>> {
            std::vector<feed::TopicLease> held;
            for (const auto& [number, lane] : tables_.lanes) {
                if (lane.owner != owner) continue;
                const auto told = told_.find(number);
                held.push_back({number, lane.epoch, told == told_.end() ? std::nullopt : std::optional(told->second)});
            }
            return held;
        });
    }
    Result<feed::FeedPosition> ends() override { return feed::FeedPosition(); }
    Result<std::vector<std::shared_ptr<const feed::Outcome>>> read(std::span<const feed::LanePlace> from,
                                                                   std::size_t rows_max, std::size_t) override {
        return session_.run([&]() -> Result<std::vector<std::shared_ptr<const feed::Outcome>>> {
            std::vector<std::shared_ptr<const feed::Outcome>> rows;
            for (const feed::LanePlace& each : from) {
                const MemoryTables::Lane& lane = tables_.lanes.at(each.lane);
                for (auto next = lane.events.upper_bound(each.place.seq);
                     next != lane.events.end() && next->first <= lane.applied_seq && rows.size() < rows_max; ++next)
                    rows.push_back(outcome_at(lane, next->second));
            }
            return rows;
        });
    }
    Result<void> note_told(const std::string& owner, std::span<const feed::LanePlace> places) override {
        faults_.maybe_interleave(held_up);
        return session_.run([&]() -> Result<void> {
            for (const feed::LanePlace& each : places) {
                const MemoryTables::Lane& lane = tables_.lanes.at(each.lane);
                if (lane.owner == owner && lane.epoch == each.epoch) told_[each.lane] = each.place;
            }
            return {};
        });
    }
    Result<feed::TopicLag> lag() override { return feed::TopicLag{}; }

private:
    MemoryTables& tables_;
    ToldPlaces& told_;
    Faults& faults_;
    FaultySession session_{faults_};
};

}  // namespace ledgerline::test
