// /v1/dead-letters over HTTP and on real PostgreSQL.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <set>

#include "api/dead_letter_requests.h"
#include "apply/pg_ledger_store.h"
#include "domain/legs.h"
#include "http/api_key.h"
#include "lab/api_server.h"
#include "observe/metrics.h"

namespace ledgerline {
namespace {

using test::Answer;

class DeadLettersApi : public testing::Test {
protected:
    std::string post(const std::string& key) const {
        return server_.post("/v1/transactions", server_.transaction(account_, key)).at("id");
    }
    Answer decide(const std::string& letter, const std::string& decision, const std::string& body = "") const {
        return server_.post("/v1/dead-letters/" + letter + "/" + decision, body);
    }
    std::string foreign_letter() const {
        const std::string id = "00000000-0000-7000-8000-000000000001";
        server_.database().run(
            "INSERT INTO dead_letters (id, topic, partition, \"offset\", message_key, payload, payload_encoding, "
            "value_sha256, error_class, error_code, error_message, attempts, first_failed_at, last_failed_at) VALUES "
            "('" +
            id +
            "', 'transactions', 0, 1, '\\x00ff', '/w==', 'base64', '\\x01', 'foreign', 'undecodable', 'no JSON', 1, "
            "now(), now())");
        return id;
    }

    test::ApiServer server_;
    const std::string account_ = server_.account();
};

TEST_F(DeadLettersApi, ShowsALetter) {
    const std::string transaction = post("k");
    const std::string id = server_.park(transaction);
    const Answer letter = server_.get("/v1/dead-letters/" + id);
    EXPECT_EQ(letter.status, 200);
    EXPECT_EQ(letter.at("id"), id);
    EXPECT_EQ(letter.at("state"), "PARKED");
    EXPECT_EQ(letter.at("transaction_id"), transaction);
    EXPECT_EQ(letter.at("account_id"), account_);
    EXPECT_EQ(letter.at("seq"), "1");
    EXPECT_EQ(letter.at("key"), "key");
    EXPECT_EQ(letter.at("payload"), "{}");
    EXPECT_EQ(letter.at("headers"), "[]");
    EXPECT_EQ(letter.at("error_class"), "permanent");
    EXPECT_EQ(letter.at("decided_at"), "null");
    EXPECT_EQ(server_.get("/v1/dead-letters/" + foreign_letter()).at("event_id"), "null");
    EXPECT_EQ(server_.get("/v1/dead-letters/7").code(), "invalid_id");
    EXPECT_EQ(server_.get("/v1/dead-letters/00000000-0000-7000-8000-000000000000").code(), "dead_letter_not_found");
}

TEST_F(DeadLettersApi, ReplayPutsANewEventAtTheEndOfTheLane) {
    const std::string transaction = post("k");
    const std::string id = server_.park(transaction);
    post("later");
    const Answer replayed = decide(id, "replay", R"({"by":"ann"})");
    EXPECT_EQ(replayed.status, 200);
    EXPECT_EQ(replayed.at("state"), "REPLAYED");
    EXPECT_EQ(replayed.at("decided_by"), "ann");
    EXPECT_NE(replayed.at("decided_at"), "null");
    EXPECT_EQ(server_.database().value("SELECT seq || ' ' || verdict FROM places WHERE dead_letter_id = '" + id +
                                       "' AND transaction_id = '" + transaction + "'"),
              "3 replay");
    EXPECT_EQ(server_.database().value("SELECT count(DISTINCT event_id) FROM lane_places"), "3");
    EXPECT_EQ(server_.database().value("SELECT max(last_seq) FROM lane_cursors"), "3");

    const Answer waiting = server_.get("/v1/transactions/" + transaction);
    EXPECT_EQ(waiting.at("status"), "PENDING");
    EXPECT_EQ(waiting.at("seq"), "3");
    EXPECT_EQ(waiting.at("dead_letter_id"), "null");
    // The next one follows on.
    EXPECT_EQ(server_.get("/v1/transactions/" + post("last")).at("seq"), "4");
}

TEST_F(DeadLettersApi, DiscardFailsTheTransaction) {
    const std::string transaction = post("k");
    const std::string id = server_.park(transaction);
    auto waiting = std::async(std::launch::async, [&] { return decide(id, "discard"); });
    const Answer discarded = waiting.get();
    EXPECT_EQ(discarded.status, 200);
    EXPECT_EQ(discarded.at("state"), "DISCARDED");
    EXPECT_EQ(discarded.at("decided_by"), "api");
    // The worker decides it in its turn.
    const Answer waits = server_.get("/v1/transactions/" + transaction);
    EXPECT_EQ(waits.at("status"), "PROCESSING");
    EXPECT_EQ(waits.at("seq"), "2");
    Metrics metrics{"test"};
    apply::PgLedgerStore ledger{db::Session(server_.database().config(), metrics, "worker")};
    const int lane = std::stoi(waits.at("lane"));
    const auto event_id = Uuid::parse(server_.database().value("SELECT event_id FROM places"));
    const auto applied = ledger.apply(std::vector<apply::LaneRun>{{lane, 1, {{2, *event_id}}}});
    ASSERT_TRUE(applied) << applied.error().message;
    ASSERT_EQ(applied->runs.front().status, apply::ApplyResult::Status::applied);
    const Answer failed = server_.get("/v1/transactions/" + transaction);
    EXPECT_EQ(failed.at("status"), "FAILED");
    EXPECT_EQ(failed.at("failure_code"), "discarded");
    EXPECT_EQ(server_.get("/v1/accounts/" + account_).at("balance_cents"), "0");
}

TEST_F(DeadLettersApi, RepeatingADecisionChangesNothingAndTheOtherOneIsRefused) {
    const std::string replayed = server_.park(post("a")), discarded = server_.park(post("b"));
    const Answer first = decide(replayed, "replay");
    EXPECT_EQ(json::serialize(decide(replayed, "replay", R"({"by":"somebody else"})").body),
              json::serialize(first.body));
    const Answer other = decide(replayed, "discard");
    EXPECT_EQ(other.status, 409);
    EXPECT_EQ(other.code(), "dead_letter_decided");
    EXPECT_EQ(other.at("state"), "REPLAYED");

    decide(discarded, "discard");
    EXPECT_EQ(decide(discarded, "discard").status, 200);
    EXPECT_EQ(decide(discarded, "replay").code(), "dead_letter_decided");
    EXPECT_EQ(server_.database().value("SELECT string_agg(verdict, ' ' ORDER BY seq) || ' ' || max(seq) FROM places"),
              "replay discard 4");
}

TEST_F(DeadLettersApi, ManyDecisionsAtOnceAreOne) {
    const std::string id = server_.park(post("k"));
    std::vector<std::future<Answer>> operators;
    for (int i = 0; i < 8; ++i)
        operators.push_back(
            std::async(std::launch::async, [&, i] { return decide(id, i % 2 == 0 ? "replay" : "discard"); }));
    std::multiset<int> statuses;
    for (auto& each : operators) statuses.insert(each.get().status);
    EXPECT_EQ(statuses.count(200), 4u);
    EXPECT_EQ(statuses.count(409), 4u);
    EXPECT_EQ(server_.database().value("SELECT count(*) FROM places"), "1");
}

TEST_F(DeadLettersApi, ForeignLettersCanOnlyBeDiscarded) {
    const std::string id = foreign_letter();
    const Answer replay = decide(id, "replay");
    EXPECT_EQ(replay.status, 409);
    EXPECT_EQ(replay.code(), "foreign_dead_letter");
    EXPECT_EQ(decide(id, "discard").at("state"), "DISCARDED");
    EXPECT_EQ(server_.database().value("SELECT (SELECT count(*) FROM places) + (SELECT count(*) FROM decisions)"), "0");
    EXPECT_EQ(decide(id, "replay").status, 409);
}

TEST_F(DeadLettersApi, ATransactionParkedAgainIsANewLetter) {
    const std::string transaction = post("k");
    const std::string first = server_.park(transaction);
    decide(first, "replay");
    const std::string second = server_.park(transaction);
    EXPECT_EQ(server_.get("/v1/transactions/" + transaction).at("dead_letter_id"), second);
    EXPECT_EQ(decide(second, "replay").at("state"), "REPLAYED");
    server_.apply(transaction);
    EXPECT_EQ(server_.get("/v1/transactions/" + transaction).at("status"), "PROCESSED");
    EXPECT_EQ(server_.get("/v1/transactions/" + transaction).at("seq"), "3");
}

TEST_F(DeadLettersApi, RefusesMalformedDecisions) {
    const std::string id = server_.park(post("k"));
    for (const char* body : {"[]", "{", R"({"by":7})", R"({"by":""})", R"({"who":"me"})"})
        EXPECT_EQ(decide(id, "replay", body).status, 400) << body;
    EXPECT_EQ(decide("7", "discard").code(), "invalid_id");
    EXPECT_EQ(decide("00000000-0000-7000-8000-000000000000", "replay").code(), "dead_letter_not_found");
    EXPECT_EQ(server_.get("/v1/dead-letters/" + id).at("state"), "PARKED");
    EXPECT_EQ(decide(id, "replay", "{}").status, 200);
}

TEST_F(DeadLettersApi, ListsLettersByFilter) {
    const std::string first = server_.park(post("a")), second = server_.park(post("b")), foreign = foreign_letter();
    decide(first, "discard");
    const auto ids = [&](const std::string& query) {
        const Answer page = server_.get("/v1/dead-letters" + query);
        EXPECT_EQ(page.status, 200) << query;
        std::vector<std::string> found;
        for (const json::Value& each : *page.body.find("dead_letters")->if_array())
            found.push_back(*each.find("id")->if_string());
        return found;
    };
    using testing::ElementsAre;
    EXPECT_THAT(ids(""), ElementsAre(foreign, second, first)) << "by the time of the failure";
    EXPECT_THAT(ids("?state=PARKED"), ElementsAre(foreign, second));
    EXPECT_THAT(ids("?state=DISCARDED"), ElementsAre(first));
    EXPECT_THAT(ids("?error_class=foreign"), ElementsAre(foreign));
    EXPECT_THAT(ids("?error_code=23514&state=PARKED"), ElementsAre(second));
    EXPECT_THAT(ids("?account_id=" + account_), ElementsAre(second, first));
    EXPECT_THAT(ids("?error_code=none"), ElementsAre());
    EXPECT_THAT(ids("?order=oldest"), ElementsAre(first, second, foreign));
    const std::string lane = server_.get("/v1/dead-letters/" + first).at("lane");
    EXPECT_THAT(ids("?lane=" + lane), ElementsAre(second, first));
    EXPECT_THAT(ids("?lane=" + std::to_string((std::stoi(lane) + 1) % lane_count)), ElementsAre());
    const std::string failed_at = server_.get("/v1/dead-letters/" + second).at("last_failed_at");
    EXPECT_THAT(ids("?failed_after=" + failed_at), ElementsAre(foreign, second));
    EXPECT_THAT(ids("?failed_before=" + failed_at), ElementsAre(first));
    EXPECT_THAT(ids("?state=PARKED&failed_before=2000-01-01T00:00:00Z"), ElementsAre());
    const std::string cursor = server_.get("/v1/dead-letters?limit=1").at("next_cursor");
    EXPECT_THAT(ids("?limit=1&cursor=" + cursor), ElementsAre(second));
    const std::string oldest = server_.get("/v1/dead-letters?limit=1&order=oldest").at("next_cursor");
    EXPECT_THAT(ids("?order=oldest&limit=5&cursor=" + oldest), ElementsAre(second, foreign));
    for (const std::string& other : {"?order=newest&cursor=" + oldest, "?lane=0&cursor=" + cursor,
                                     "?failed_before=2100-01-01T00:00:00Z&cursor=" + cursor})
        EXPECT_EQ(server_.get("/v1/dead-letters" + other).code(), "invalid_cursor") << other;
    for (const char* wrong : {"state=parked", "lane=-1", "lane=x", "lane=", "failed_after=yesterday", "order=id",
                              "failed_before=2023-11-14"})
        EXPECT_EQ(server_.get(std::string("/v1/dead-letters?") + wrong).code(), "invalid_parameter") << wrong;
}

TEST_F(DeadLettersApi, SumsUpWhatAFilterSelects) {
    const Answer none = server_.get("/v1/dead-letters/summary");
    EXPECT_EQ(none.status, 200);
    EXPECT_EQ(none.at("count"), "0");
    EXPECT_EQ(none.at("newest_failed_at"), "null");

    const std::string first = server_.park(post("a")), second = server_.park(post("b"));
    foreign_letter();
    const Answer all = server_.get("/v1/dead-letters/summary");
    EXPECT_EQ(all.at("count"), "3");
    EXPECT_EQ(all.at("groups.0.error_class"), "permanent");
    EXPECT_EQ(all.at("groups.0.error_code"), "23514");
    EXPECT_EQ(all.at("groups.0.count"), "2");
    EXPECT_EQ(all.at("groups.1.error_class"), "foreign");
    EXPECT_EQ(json::serialize(*all.body.find("amounts")),
              R"([{"currency":"EUR","type":"CREDIT","count":2,"amount_cents":200}])");
    EXPECT_EQ(all.at("oldest_failed_at"), server_.get("/v1/dead-letters/" + first).at("last_failed_at"));

    decide(first, "discard");
    const Answer parked = server_.get("/v1/dead-letters/summary?state=PARKED&account_id=" + account_);
    EXPECT_EQ(parked.at("count"), "1");
    EXPECT_EQ(parked.at("newest_failed_at"), server_.get("/v1/dead-letters/" + second).at("last_failed_at"));
    EXPECT_EQ(server_.get("/v1/dead-letters/summary?limit=1").code(), "unknown_parameter");
    EXPECT_EQ(server_.get("/v1/dead-letters/summary?lane=x").code(), "invalid_parameter");
}

TEST_F(DeadLettersApi, EveryDecisionIsOnRecord) {
    const std::string replayed = server_.park(post("a")), discarded = server_.park(post("b")),
                      foreign = foreign_letter();
    EXPECT_EQ(server_.get("/v1/dead-letters/" + replayed).at("audit"), "[]");
    const std::string bulk = "0190a6e2-7b1c-7def-8abc-0123456789ab";
    const Answer answer = server_.post("/v1/dead-letters/" + replayed + "/replay",
                                       R"({"reason":"the check is fixed","bulk_id":")" + bulk + R"("})",
                                       {{"X-Operator", "Ann Öst"}, {"X-Request-Id", "request-1"}});
    EXPECT_EQ(answer.at("decided_by"), "Ann Öst");
    for (const Answer& letter : {answer, server_.get("/v1/dead-letters/" + replayed)}) {
        EXPECT_EQ(letter.at("audit.0.decision"), "REPLAYED");
        EXPECT_EQ(letter.at("audit.0.decided_at"), letter.at("decided_at"));
        EXPECT_EQ(letter.at("audit.0.decided_by"), "Ann Öst");
        EXPECT_EQ(letter.at("audit.0.operator"), "Ann Öst");
        EXPECT_EQ(letter.at("audit.0.key_id"), "null");
        EXPECT_EQ(letter.at("audit.0.bulk_id"), bulk);
        EXPECT_EQ(letter.at("audit.0.reason"), "the check is fixed");
        EXPECT_EQ(letter.at("audit.0.request_id"), "request-1");
    }
    for (const std::string& id : {discarded, foreign}) {
        decide(id, "discard");
        decide(id, "discard", R"({"by":"somebody else"})");
        const Answer letter = server_.get("/v1/dead-letters/" + id);
        EXPECT_EQ(letter.at("audit.0.decision"), "DISCARDED");
        EXPECT_EQ(letter.at("audit.0.decided_by"), "api");
        EXPECT_EQ(letter.at("audit.0.operator"), "null");
    }
    decide(replayed, "discard");
    EXPECT_EQ(server_.database().value("SELECT count(*) FROM dead_letter_decisions"), "3") << "refusals decide nothing";
}

TEST_F(DeadLettersApi, TheKeyIsOnRecordByItsId) {
    http::Request request;
    request.key = std::make_shared<http::ApiKey>(http::ApiKey{.id = "0123456789ab", .name = "ann's", .scopes = {}});
    const auto unnamed = api::DecisionRequest::parse(request);
    ASSERT_TRUE(unnamed);
    EXPECT_EQ(unnamed->caller.name(), "key:0123456789ab");
    request.headers = {{"x-operator", "ann"}};
    const auto named = api::DecisionRequest::parse(request);
    ASSERT_TRUE(named);
    EXPECT_EQ(named->caller.name(), "ann");
    EXPECT_EQ(named->caller.key_id, "0123456789ab");
}

TEST_F(DeadLettersApi, RefusesMalformedOperators) {
    const std::string id = server_.park(post("k"));
    const auto status = [&](std::vector<http::Header> headers, const std::string& body = "") {
        return server_.post("/v1/dead-letters/" + id + "/replay", body, std::move(headers)).status;
    };
    EXPECT_EQ(status({{"X-Operator", ""}}), 400);
    EXPECT_EQ(status({{"X-Operator", "a"}, {"X-Operator", "a"}}), 400);
    EXPECT_EQ(status({{"X-Operator", "\xff"}}), 400);
    EXPECT_EQ(status({{"X-Operator", std::string(101, 'a')}}), 400);
    EXPECT_EQ(status({{"X-Operator", "ann"}}, R"({"by":"bob"})"), 400);
    EXPECT_EQ(status({}, R"({"bulk_id":"7"})"), 400);
    EXPECT_EQ(status({}, R"({"reason":""})"), 400);
    EXPECT_EQ(server_.get("/v1/dead-letters/" + id).at("state"), "PARKED");
    EXPECT_EQ(status({{"X-Operator", "ann"}}, R"({"by":"ann"})"), 200);
}

}  // namespace
}  // namespace ledgerline
