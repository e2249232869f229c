// GET /v1/transactions/{id}/trace over HTTP and on real PostgreSQL.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/api_server.h"

namespace ledgerline {
namespace {

using test::Answer;

class TransactionTraceApi : public testing::Test {
protected:
    std::string post(const std::string& key) const {
        return server_
            .post("/v1/transactions", server_.transaction(account_, key),
                  {{"Traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"}})
            .at("id");
    }
    Answer trace(const std::string& id) const { return server_.get("/v1/transactions/" + id + "/trace"); }

    test::ApiServer server_;
    const std::string account_ = server_.account();
};

TEST_F(TransactionTraceApi, TellsThatItIsAcceptedAndWaits) {
    const std::string id = post("k");
    const Answer answer = trace(id);
    ASSERT_EQ(answer.status, 200) << json::serialize(answer.body);
    const Answer transaction = server_.get("/v1/transactions/" + id);
    EXPECT_TRUE(json::equivalent(*answer.body.find("transaction"), transaction.body));
    EXPECT_EQ(answer.at("events.0.created_at"), transaction.at("created_at"));
    EXPECT_EQ(answer.at("events.0.seq"), "1");
    EXPECT_EQ(answer.at("events.0.trace_id"), "0123456789abcdef0123456789abcdef");
    EXPECT_EQ(answer.at("events.0.published"), "false");
    for (const char* name : {"replay_of", "dead_letter", "outcome"})
        EXPECT_EQ(answer.at(std::string("events.0.") + name), "null") << name;
    EXPECT_EQ(answer.at("events.1"), "missing");
    EXPECT_EQ(answer.at("lane.lane"), answer.at("events.0.lane"));
    EXPECT_EQ(answer.at("lane.last_seq"), "1");
    EXPECT_EQ(answer.at("lane.applied_seq"), "0");
    EXPECT_EQ(answer.at("lane.owner"), "null");
    EXPECT_NE(answer.at("lane.oldest_waiting_age_ms"), "null");
}

TEST_F(TransactionTraceApi, TellsTheOutcome) {
    const std::string applied = post("k1"), refused = post("k2");
    server_.apply(applied);
    server_.apply(refused, "FAILED");
    const Answer good = trace(applied), bad = trace(refused);
    EXPECT_EQ(good.at("events.0.published"), "true");
    EXPECT_EQ(good.at("events.0.outcome.status"), "PROCESSED");
    EXPECT_EQ(good.at("events.0.outcome.balance_after_cents"), "100");
    EXPECT_EQ(good.at("events.0.outcome.failure_code"), "null");
    EXPECT_EQ(good.at("events.0.outcome.processed_at"), good.at("transaction.updated_at"));
    EXPECT_EQ(bad.at("events.0.outcome.status"), "FAILED");
    EXPECT_EQ(bad.at("events.0.outcome.failure_code"), "insufficient_balance");
    EXPECT_EQ(bad.at("lane.oldest_waiting_age_ms"), "null");
}

TEST_F(TransactionTraceApi, FollowsADeadLetterThroughItsReplay) {
    const std::string id = post("k");
    const std::string letter = server_.park(id);
    const Answer parked = trace(id);
    EXPECT_EQ(parked.at("transaction.dead_letter_id"), letter);
    EXPECT_EQ(parked.at("events.0.dead_letter.id"), letter);
    EXPECT_EQ(parked.at("events.0.dead_letter.state"), "PARKED");
    EXPECT_EQ(parked.at("events.0.dead_letter.topic"), "transactions");
    EXPECT_EQ(parked.at("events.0.dead_letter.offset"), "1");
    EXPECT_EQ(parked.at("events.0.dead_letter.error_code"), "23514");
    EXPECT_EQ(parked.at("events.0.outcome"), "null");

    server_.post("/v1/dead-letters/" + letter + "/replay", R"({"by":"ann"})");
    server_.apply(id);
    const Answer replayed = trace(id);
    EXPECT_EQ(replayed.at("transaction.status"), "PROCESSED");
    EXPECT_EQ(replayed.at("events.0.dead_letter.state"), "REPLAYED");
    EXPECT_EQ(replayed.at("events.0.dead_letter.decided_by"), "ann");
    EXPECT_EQ(replayed.at("events.0.outcome"), "null");
    EXPECT_EQ(replayed.at("events.1.replay_of"), letter);
    EXPECT_EQ(replayed.at("events.1.seq"), "2");
    EXPECT_NE(replayed.at("events.1.event_id"), replayed.at("events.0.event_id"));
    EXPECT_EQ(replayed.at("events.1.dead_letter"), "null");
    EXPECT_EQ(replayed.at("events.1.outcome.status"), "PROCESSED");
}

TEST_F(TransactionTraceApi, TellsThatALetterWasDiscarded) {
    const std::string id = post("k");
    const std::string letter = server_.park(id);
    server_.post("/v1/dead-letters/" + letter + "/discard", R"({"by":"bob"})");
    server_.discard(id);
    const Answer answer = trace(id);
    EXPECT_EQ(answer.at("events.0.dead_letter.state"), "DISCARDED");
    EXPECT_EQ(answer.at("events.0.dead_letter.decided_by"), "bob");
    EXPECT_EQ(answer.at("events.1.discard_of"), letter);
    EXPECT_EQ(answer.at("events.1.replay_of"), "null");
    EXPECT_EQ(answer.at("events.1.outcome.failure_code"), "discarded");
}

TEST_F(TransactionTraceApi, KeepsToTheNewestEventsOfOneReplayedWithoutEnd) {
    const std::string id = post("k");
    for (int i = 0; i < 101; ++i)
        ASSERT_EQ(server_.post("/v1/dead-letters/" + server_.park(id) + "/replay", "").status, 200);
    const Answer answer = trace(id);
    EXPECT_EQ(answer.at("events.0.seq"), "3");
    EXPECT_EQ(answer.at("events.99.seq"), "102");
    EXPECT_EQ(answer.at("events.100"), "missing");
}

TEST_F(TransactionTraceApi, KnowsNothingOfOthers) {
    EXPECT_EQ(trace("00000000-0000-7000-8000-000000000000").code(), "transaction_not_found");
    EXPECT_EQ(trace("7").code(), "invalid_id");
    EXPECT_EQ(server_.get("/v1/transactions/" + post("k") + "/trace?full=1").code(), "unknown_parameter");
}

}  // namespace
}  // namespace ledgerline
