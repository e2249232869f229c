// Lanes, health, readiness, metrics and the OpenAPI document over HTTP.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/openapi.h"
#include "domain/legs.h"
#include "lab/api_server.h"

namespace ledgerline {
namespace {

using test::Answer;
using testing::HasSubstr;

TEST(OperationsApi, ShowsTheLanes) {
    test::ApiServer server;
    const std::string account = server.account();
    const Answer made = server.post("/v1/transactions", server.transaction(account, "a"));
    server.post("/v1/transactions", server.transaction(account, "b"));
    server.apply(made.at("id"));
    const std::string lane = "lanes." + made.at("lane");
    const Answer lanes = server.get("/v1/lanes");
    EXPECT_EQ(lanes.at("next_cursor"), "null");
    EXPECT_EQ(lanes.at("has_more"), "false");
    EXPECT_EQ(lanes.status, 200);
    EXPECT_EQ(lanes.body.find("lanes")->if_array()->size(), 48u);
    EXPECT_EQ(lanes.at(lane + ".lane"), made.at("lane"));
    EXPECT_EQ(lanes.at(lane + ".last_seq"), "2");
    EXPECT_EQ(lanes.at(lane + ".published_seq"), "1");
    EXPECT_EQ(lanes.at(lane + ".applied_seq"), "1");
    EXPECT_EQ(lanes.at(lane + ".owner"), "null");
    EXPECT_GE(std::stoll(lanes.at(lane + ".oldest_waiting_age_ms")), 0);
    const std::string idle = made.at("lane") == "0" ? "lanes.1" : "lanes.0";
    EXPECT_EQ(lanes.at(idle + ".oldest_waiting_age_ms"), "null");
}

TEST(OperationsApi, ShowsWhatHaltsALaneUntilItGoesOn) {
    test::ApiServer server;
    const std::string account = server.account();
    const Answer made = server.post("/v1/transactions", server.transaction(account, "a"));
    EXPECT_EQ(server.get("/v1/lanes").at("lanes." + made.at("lane") + ".halts"), "[]");
    server.database().run("INSERT INTO lane_halts VALUES (" + made.at("lane") +
                          ", 'apply', 1, 'not_recognized', 'why', '2026-01-02T03:04:05Z'), (" + made.at("lane") +
                          ", 'publish', 1, 'too_large', 'because', '2026-01-02T03:04:06Z')");
    const std::string halted =
        R"([{"stage":"publish","seq":1,"code":"too_large","reason":"because","since":"2026-01-02T03:04:06.000000Z"},)"
        R"({"stage":"apply","seq":1,"code":"not_recognized","reason":"why","since":"2026-01-02T03:04:05.000000Z"}])";
    EXPECT_EQ(server.get("/v1/lanes").at("lanes." + made.at("lane") + ".halts"), halted);
    EXPECT_EQ(server.get("/v1/transactions/" + made.at("id") + "/trace").at("lane.halts"), halted);
    server.apply(made.at("id"));
    EXPECT_EQ(server.get("/v1/lanes").at("lanes." + made.at("lane") + ".halts"), "[]") << "the cursors have passed";
}

TEST(OperationsApi, NamesWhatALaneWaitsForInAnotherOne) {
    test::ApiServer server;
    const std::string payer = server.account();
    std::string payee = payer;
    while (lane_of(*Uuid::parse(payee)) == lane_of(*Uuid::parse(payer))) payee = server.account();
    const Answer credit = server.post("/v1/transactions", server.transaction(payee, "a"));
    const Answer transfer = server.post(
        "/v1/transfers",
        fmt::format(
            R"({{"idempotency_key":"t","legs":[{{"from_account_id":"{}","to_account_id":"{}","amount_cents":1,"currency":"EUR"}}]}})",
            payer, payee));
    ASSERT_EQ(transfer.status, 201) << transfer.text();
    const std::string waiting = "lanes." + transfer.at("lane") + ".waits_for", other = credit.at("lane");
    Answer lanes = server.get("/v1/lanes");
    EXPECT_EQ(lanes.at(waiting + ".lane"), other);
    EXPECT_EQ(lanes.at(waiting + ".seq"), "1");
    EXPECT_EQ(lanes.at(waiting + ".event_id"),
              server.database().value("SELECT event_id FROM accepted WHERE id = '" + credit.at("id") + "'"));
    EXPECT_EQ(lanes.at(waiting + ".halt"), "null");
    EXPECT_EQ(lanes.at("lanes." + other + ".waits_for"), "null") << "its next event is next everywhere";
    EXPECT_EQ(server.get("/v1/transactions/" + transfer.at("id") + "/trace").at("lane.waits_for.lane"), other);
    server.database().run("INSERT INTO lane_halts VALUES (" + other + ", 'apply', 1, '22003', 'why', now())");
    EXPECT_EQ(server.get("/v1/lanes").at(waiting + ".halt"), "22003: why");
    server.apply(credit.at("id"));
    EXPECT_EQ(server.get("/v1/lanes").at(waiting), "null");
}

TEST(OperationsApi, ListsTheAssetsThatAmountsMayBeIn) {
    test::ApiServer server;
    const Answer listed = server.get("/v1/assets");
    EXPECT_EQ(listed.status, 200);
    EXPECT_EQ(listed.at("next_cursor"), "null");
    EXPECT_EQ(listed.at("has_more"), "false");
    const std::string text = json::serialize(listed.body);
    for (const char* asset : {R"({"code":"EUR","exponent":2})", R"({"code":"JPY","exponent":0})",
                              R"({"code":"BHD","exponent":3})", R"({"code":"XAU","exponent":null})"})
        EXPECT_THAT(text, HasSubstr(asset));
    EXPECT_EQ(server.get("/v1/assets?limit=1").at("code"), "unknown_parameter");
}

TEST(OperationsApi, ServesItsDocument) {
    test::ApiServer server;
    const Answer document = server.get("/openapi.json");
    EXPECT_EQ(document.status, 200);
    EXPECT_EQ(document.at("openapi"), "3.1.0");
    EXPECT_EQ(document.header("content-type"), "application/json");
}

TEST(OperationsApi, ServesMetrics) {
    test::ApiServer server;
    const std::string account = server.account();
    server.post("/v1/transactions", server.transaction(account, "a"));
    server.post("/v1/transactions", server.transaction(account, "a"));
    server.post("/v1/transactions", server.transaction(account, "a", 7));
    EXPECT_EQ(server.get("/stats").at("counters.accepted"), "1");
    const Answer metrics = server.get("/metrics");
    EXPECT_EQ(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    const std::string text = *metrics.body.if_string();
    EXPECT_THAT(text, HasSubstr("intake_rows_total{result=\"created\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("intake_rows_total{result=\"replayed\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("intake_rows_total{result=\"refused\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("intake_batch_size_count 3\n"));
    EXPECT_THAT(text, HasSubstr("database_pool_wait_seconds_count{pool=\"api\"}"));
}

// Until the next look at the dependencies.
void await_status(const test::ApiServer& server, std::string_view status) {
    const SteadyTime end = SystemClock().steady_now() + test::patience;
    while (server.get("/readyz").at("status") != status && SystemClock().steady_now() < end)
        Wakeup().wait(milliseconds(20));
    EXPECT_EQ(server.get("/readyz").at("status"), status);
}

TEST(OperationsApi, IsReadyWhenEverythingItNeedsIsThere) {
    std::atomic<bool> worker_is_there = false;
    api::ApiConfig config;
    config.dependencies.push_back(health::dependency("worker", [&] { return worker_is_there.load(); }));
    test::ApiServer server(config);
    EXPECT_EQ(server.get("/health").status, 503);
    EXPECT_EQ(server.get("/livez").status, 200);
    const Answer missing = server.get("/readyz");
    EXPECT_EQ(missing.status, 503);
    EXPECT_EQ(missing.code(), "not_ready");
    EXPECT_EQ(missing.at("missing"), R"(["worker"])");
    EXPECT_EQ(missing.at("degraded"), "[]");
    EXPECT_EQ(missing.at("reasons.worker"), "worker is not there");
    EXPECT_NE(missing.header("retry-after"), "");
    worker_is_there = true;
    await_status(server, "ready");
    EXPECT_EQ(server.get("/health").at("status"), "ok");
}

TEST(OperationsApi, ServesWithoutWhatItDoesNotNeedAndSaysSo) {
    std::atomic<bool> kafka_is_there = false;
    api::ApiConfig config;
    config.dependencies.push_back(health::dependency("kafka", [&] { return kafka_is_there.load(); }, false));
    test::ApiServer server(config);
    const Answer degraded = server.get("/readyz");
    EXPECT_EQ(degraded.status, 200);
    EXPECT_EQ(degraded.at("status"), "degraded");
    EXPECT_EQ(degraded.at("degraded"), R"(["kafka"])");
    EXPECT_EQ(degraded.at("reasons.kafka"), "kafka is not there");
    kafka_is_there = true;
    await_status(server, "ready");
    EXPECT_EQ(server.get("/readyz").at("degraded"), "missing");
}

TEST(OperationsApi, IsNotAliveOnceALoopHangs) {
    bool alive = true;
    api::ApiConfig config;
    config.alive = [&] { return alive; };
    test::ApiServer server(config);
    EXPECT_EQ(server.get("/livez").at("status"), "alive");
    alive = false;
    const Answer hanging = server.get("/livez");
    EXPECT_EQ(hanging.status, 503);
    EXPECT_EQ(hanging.code(), "not_alive");
    EXPECT_EQ(server.get("/health").status, 200);
}

}  // namespace
}  // namespace ledgerline
