// What is wrong with a topic of outcomes is found.
#include "lab/told_outcomes.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ledgerline::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

RawRecord record(int lane, const std::string& id, int balance) {
    return {.key = "account",
            .value = fmt::format(R"({{"balance_after_cents":{},"held_after_cents":0}})", balance),
            .headers = {{"ce_id", id}, {"lane", std::to_string(lane)}, {"ce_subject", "account"}}};
}

class ToldOutcomesTest : public testing::Test {
protected:
    std::vector<std::string> findings() const { return told_outcomes(decided_, topic_).findings; }

    DecidedLanes decided_{{3, {{"a", "1", "0"}, {"b", "2", "0"}, {"c", "3", "0"}}}, {7, {{"d", "4", "0"}}}};
    TopicRecords topic_{{3, {record(3, "a", 1), record(3, "b", 2), record(3, "c", 3)}}, {7, {record(7, "d", 4)}}};
};

TEST_F(ToldOutcomesTest, IsSilentAboutASoundTopicAndRepetitions) {
    EXPECT_THAT(findings(), IsEmpty());
    topic_[3].push_back(topic_[3][1]);
    topic_[3].push_back(topic_[3][2]);
    EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(ToldOutcomesTest, FindsWhatIsMissing) {
    topic_[3].pop_back();
    EXPECT_THAT(findings(), Contains(HasSubstr("c is missing")));
    topic_.erase(7);
    EXPECT_THAT(findings(), Contains(HasSubstr("d is missing")));
}

TEST_F(ToldOutcomesTest, FindsAnotherOrder) {
    std::swap(topic_[3][0], topic_[3][1]);
    EXPECT_THAT(findings(), Contains(HasSubstr("b arrives where a is due")));
}

TEST_F(ToldOutcomesTest, FindsWhatComesAgainOtherwise) {
    topic_[3].push_back(record(3, "b", 5));
    EXPECT_THAT(findings(), Contains(HasSubstr("b comes again otherwise")));
}

TEST_F(ToldOutcomesTest, FindsWhatWasNeverDecidedOrDecidedOtherwise) {
    topic_[7].push_back(record(7, "e", 5));
    topic_[9].push_back(record(9, "f", 5));
    decided_[3][2].balance = "30";
    EXPECT_THAT(findings(), Contains(HasSubstr("e arrives where nothing is due")));
    EXPECT_THAT(findings(), Contains(HasSubstr("f arrives where nothing is due")));
    EXPECT_THAT(findings(), Contains(HasSubstr("c tells of 3")));
}

TEST_F(ToldOutcomesTest, FindsAnotherPartition) {
    topic_[3][0].headers[1].second = "4";
    EXPECT_THAT(findings(), Contains(HasSubstr("a is in a partition")));
}

}  // namespace
}  // namespace ledgerline::test
