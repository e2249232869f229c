#include "lab/told_outcomes.h"

#include <fmt/format.h>

#include <sstream>

#include "base/json.h"
#include "lab/eventually.h"

namespace ledgerline::test {
namespace {

// A broken run has thousands of consequences; the first ones tell.
constexpr std::size_t kFindingsMax = 20;

std::string header(const RawRecord& record, std::string_view name) {
    for (const auto& [each, value] : record.headers)
        if (each == name) return value;
    return "missing";
}

std::string number_in(const json::Value& value, std::string_view name) {
    const json::Value* member = value.find(name);
    return member && member->if_number() ? member->if_number()->text : "";
}

DecidedOutcome outcome_in(const RawRecord& record) {
    const json::Value value = json::parse(record.value.value_or("")).value_or(json::Value());
    return {header(record, "ce_id"), number_in(value, "balance_after_cents"), number_in(value, "held_after_cents")};
}

class Told {
public:
    void check(int lane, const std::vector<DecidedOutcome>& decided, const std::vector<RawRecord>& records) {
        std::map<std::string, const RawRecord*> seen;
        std::size_t next = 0;
        for (const RawRecord& record : records) {
            const DecidedOutcome told = outcome_in(record);
            const auto [first, is_new] = seen.emplace(told.id, &record);
            if (!is_new) {
                if (first->second->value != record.value || first->second->headers != record.headers)
                    found(fmt::format("lane {}: {} comes again otherwise", lane, told.id));
                continue;
            }
            told_.first.push_back(record);
            if (header(record, "lane") != std::to_string(lane) || header(record, "ce_subject") != record.key)
                found(fmt::format("lane {}: {} is in a partition or under a key that is not its own", lane, told.id));
            const bool more = next < decided.size();
            if (!more || decided[next].id != told.id)
                found(fmt::format("lane {}: {} arrives where {} is due", lane, told.id,
                                  more ? decided[next].id : "nothing"));
            else if (decided[next] != told)
                found(fmt::format("lane {}: {} tells of {} and {} held, not of {} and {}", lane, told.id, told.balance,
                                  told.held, decided[next].balance, decided[next].held));
            ++next;
        }
        for (const DecidedOutcome& each : decided)
            if (!seen.contains(each.id)) found(fmt::format("lane {}: {} is missing", lane, each.id));
    }
    ToldOutcomes take() { return std::move(told_); }

private:
    void found(std::string text) {
        if (told_.findings.size() < kFindingsMax) told_.findings.push_back(std::move(text));
    }

    ToldOutcomes told_;
};

}  // namespace

bool wait_all_told(const ValueOf& value_of) {
    return eventually([&] {
        return value_of(
                   "SELECT count(*) FROM lane_cursors c LEFT JOIN lane_outcomes o USING (lane) WHERE "
                   "c.applied_seq < c.last_seq OR coalesce(o.told_seq, 0) < c.applied_seq OR "
                   "EXISTS (SELECT FROM account_changes h WHERE h.lane = c.lane AND "
                   "(h.applied_seq, h.nth) > (coalesce(o.told_seq, 0), coalesce(o.told_nth, 0)))") == "0";
    });
}

DecidedLanes decided_lanes(const ValueOf& value_of) {
    std::istringstream rows(value_of(
        "SELECT coalesce(string_agg(concat_ws(' ', lane, id, balance, held), E'\\n' ORDER BY lane, seq, nth), '') "
        "FROM (SELECT d.lane, p.event_id || ':' || d.lane || ':' || d.seq AS id, d.balance_after_cents AS balance, "
        "d.held_after_cents AS held, d.seq, 0 AS nth FROM decisions d JOIN lane_places p USING (lane, seq) "
        "UNION ALL SELECT lane, account_id || ':' || number, NULL, NULL, applied_seq, nth FROM account_changes) told"));
    DecidedLanes lanes;
    for (std::string row; std::getline(rows, row);) {
        std::istringstream columns(row);
        int lane = 0;
        DecidedOutcome outcome;
        columns >> lane >> outcome.id >> outcome.balance >> outcome.held;
        lanes[lane].push_back(std::move(outcome));
    }
    return lanes;
}

ToldOutcomes told_outcomes(const DecidedLanes& decided, const TopicRecords& topic) {
    Told told;
    static const std::vector<RawRecord> kNothing;
    for (const auto& [lane, outcomes] : decided) {
        const auto records = topic.find(lane);
        told.check(lane, outcomes, records == topic.end() ? kNothing : records->second);
    }
    for (const auto& [lane, records] : topic)
        if (!decided.contains(lane)) told.check(lane, {}, records);
    return told.take();
}

}  // namespace ledgerline::test
