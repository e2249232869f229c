// Holds what the topic of outcomes has against what the database has decided, with statements of its own.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "lab/kafka_broker.h"

namespace ledgerline::test {

inline constexpr const char* outcomes_topic = "transactions.outcomes";

// The first value of a statement's first row.
using ValueOf = std::function<std::string(const std::string& sql)>;

// Waits until the publishers say that the topic has everything that was decided. False: they do not.
bool wait_all_told(const ValueOf& value_of);

// One outcome as the tables have it.
struct DecidedOutcome {
    std::string id;
    std::string balance;  // of the account after it, in cents; "" for a change of an account
    std::string held;

    bool operator==(const DecidedOutcome&) const = default;
};
using DecidedLanes = std::map<int, std::vector<DecidedOutcome>>;  // in the order of each lane
DecidedLanes decided_lanes(const ValueOf& value_of);

// What a reader finds in each partition.
using TopicRecords = std::map<int, std::vector<RawRecord>>;

struct ToldOutcomes {
    std::vector<RawRecord> first;       // each outcome's first arrival
    std::vector<std::string> findings;  // what is wrong, in words; nothing when all is well
};
// Each outcome that was decided is there, for the first time in the order of its lane, as it was decided, and the same
// whenever it comes again; and nothing else is there.
ToldOutcomes told_outcomes(const DecidedLanes& decided, const TopicRecords& topic);

}  // namespace ledgerline::test
