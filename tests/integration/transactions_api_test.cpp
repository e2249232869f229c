// POST /v1/transactions and its batch, over HTTP and on real PostgreSQL.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "lab/api_server.h"

namespace ledgerline {
namespace {

using test::Answer;

class TransactionsApi : public testing::Test {
protected:
    std::string stored() const { return server_.database().value("SELECT count(*) FROM accepted"); }
    Answer post(const std::string& body, std::vector<http::Header> headers = {}) const {
        return server_.post("/v1/transactions", body, std::move(headers));
    }
    Answer post_batch(const std::vector<std::string>& items, std::vector<http::Header> headers = {}) const {
        std::string body;
        for (const std::string& item : items) body += (body.empty() ? "" : ",") + item;
        return server_.post("/v1/transactions/batch", R"({"transactions":[)" + body + "]}", std::move(headers));
    }

    test::ApiServer server_;
    const std::string account_ = server_.account();
};

TEST_F(TransactionsApi, AcceptsATransaction) {
    const Answer made = post(server_.transaction(account_, "k1", 1234, R"(,"metadata":{"b":1.50,"a":null})"),
                             {{"Traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"}});
    EXPECT_EQ(made.status, 201);
    EXPECT_EQ(made.header("location"), "/v1/transactions/" + made.at("id"));
    EXPECT_EQ(made.header("idempotent-replayed"), "");
    EXPECT_EQ(made.at("account_id"), account_);
    EXPECT_EQ(made.at("amount_cents"), "1234");
    EXPECT_EQ(made.at("currency"), "EUR");
    EXPECT_EQ(made.at("type"), "CREDIT");
    EXPECT_EQ(made.at("status"), "PENDING");
    EXPECT_EQ(made.at("idempotency_key"), "k1");
    EXPECT_EQ(made.at("metadata"), R"({"a":null,"b":1.50})");  // as PostgreSQL keeps it
    EXPECT_EQ(made.at("seq"), "1");
    for (const char* name : {"failure_code", "failure_reason", "dead_letter_id"}) EXPECT_EQ(made.at(name), "null");
    EXPECT_EQ(made.at("created_at"), made.at("updated_at"));

    const Answer read = server_.get(made.header("location"));
    EXPECT_EQ(read.status, 200);
    for (const char* name : {"id", "account_id", "amount_cents", "status", "lane", "seq", "created_at", "updated_at"})
        EXPECT_EQ(read.at(name), made.at(name)) << name;
    EXPECT_EQ(read.at("metadata.b"), "1.50");
    EXPECT_THAT(server_.database().value("SELECT traceparent FROM accepted"),
                testing::StartsWith("00-0123456789abcdef0123456789abcdef-"));
}

TEST_F(TransactionsApi, ReplaysTheSameBody) {
    const Answer first = post(server_.transaction(account_, "k", 100, R"(,"metadata":{"a":1,"b":2})"));
    server_.apply(first.at("id"));
    const Answer again = post(server_.transaction(account_, "k", 100, R"(,"metadata":{"b":2,"a":1.0})"));
    EXPECT_EQ(again.status, 201);
    EXPECT_EQ(again.header("idempotent-replayed"), "true");
    EXPECT_EQ(again.header("location"), first.header("location"));
    EXPECT_EQ(again.at("id"), first.at("id"));
    EXPECT_EQ(again.at("status"), "PROCESSED");
    EXPECT_EQ(stored(), "1");
}

TEST_F(TransactionsApi, AbsentAndNullMetadataAreTheSameBody) {
    post(server_.transaction(account_, "k"));
    EXPECT_EQ(post(server_.transaction(account_, "k", 100, R"(,"metadata":null)")).header("idempotent-replayed"),
              "true");
    EXPECT_EQ(post(server_.transaction(account_, "k", 100, R"(,"metadata":{})")).code(), "idempotency_key_reused");
}

TEST_F(TransactionsApi, RefusesAnotherBodyUnderTheSameKey) {
    post(server_.transaction(account_, "k", 100));
    const Answer other = post(server_.transaction(account_, "k", 101));
    EXPECT_EQ(other.status, 422);
    EXPECT_EQ(other.code(), "idempotency_key_reused");
    EXPECT_EQ(other.at("field"), "idempotency_key");
    EXPECT_EQ(other.header("content-type"), "application/problem+json");
}

TEST_F(TransactionsApi, TakesTheKeyFromTheHeader) {
    const std::string body = R"({"account_id":")" + account_ + R"(","amount_cents":1,"currency":"EUR","type":"DEBIT"})";
    EXPECT_EQ(post(body, {{"Idempotency-Key", "plain key"}}).at("idempotency_key"), "plain key");
    EXPECT_EQ(post(body, {{"Idempotency-Key", R"("quoted \"key\"")"}}).at("idempotency_key"), "quoted \"key\"");
    EXPECT_EQ(post(body).code(), "missing_idempotency_key");
    EXPECT_EQ(post(body, {{"Idempotency-Key", "\"open"}}).code(), "invalid_idempotency_key");
    EXPECT_EQ(post(body, {{"Idempotency-Key", std::string(256, 'k')}}).code(), "invalid_idempotency_key");
    EXPECT_EQ(post(server_.transaction(account_, "a"), {{"Idempotency-Key", "\"a\""}}).status, 201);
    EXPECT_EQ(post(server_.transaction(account_, "a"), {{"Idempotency-Key", "b"}}).code(), "idempotency_key_mismatch");
}

TEST_F(TransactionsApi, CountsTheKeyInCodePoints) {
    std::string longest;
    for (int i = 0; i < 255; ++i) longest += "\xf0\x9f\x92\xb6";
    EXPECT_EQ(post(server_.transaction(account_, longest)).status, 201);
    EXPECT_EQ(post(server_.transaction(account_, longest + "x")).at("field"), "idempotency_key");
}

TEST_F(TransactionsApi, RefusesWhatTheAccountDoesNotAllow) {
    const Answer unknown = post(server_.transaction("00000000-0000-7000-8000-000000000000", "k"));
    EXPECT_EQ(unknown.status, 404);
    EXPECT_EQ(unknown.code(), "account_not_found");
    const Answer currency = post(server_.transaction(server_.account(R"("currency":"JPY")"), "k"));
    EXPECT_EQ(currency.status, 422);
    EXPECT_EQ(currency.code(), "currency_mismatch");
    server_.call("PATCH", "/v1/accounts/" + account_, R"({"status":"SUSPENDED"})");
    const Answer suspended = post(server_.transaction(account_, "k"));
    EXPECT_EQ(suspended.status, 422);
    EXPECT_EQ(suspended.code(), "account_suspended");
    // No key was used up.
    server_.call("PATCH", "/v1/accounts/" + account_, R"({"status":"ACTIVE"})");
    EXPECT_EQ(post(server_.transaction(account_, "k", 5)).status, 201);
    EXPECT_EQ(stored(), "1");
}

struct Malformed {
    std::string member;  // replaces the member of that name, or is added
    std::string value;   // "" removes it
    std::string code;
};

class MalformedTransactions : public TransactionsApi, public testing::WithParamInterface<Malformed> {};

TEST_P(MalformedTransactions, AreRefusedByFieldAndStoreNothing) {
    const auto& [member, value, code] = GetParam();
    std::vector<std::pair<std::string, std::string>> members{{"account_id", '"' + account_ + '"'},
                                                             {"amount_cents", "100"},
                                                             {"currency", "\"EUR\""},
                                                             {"type", "\"CREDIT\""},
                                                             {"idempotency_key", "\"k\""}};
    std::erase_if(members, [&](const auto& each) { return each.first == member; });
    if (!value.empty()) members.emplace_back(member, value);
    std::string body;
    for (const auto& [name, text] : members) body += fmt::format("{}\"{}\":{}", body.empty() ? "{" : ",", name, text);
    body += "}";

    const Answer refused = post(body);
    EXPECT_EQ(refused.status, 400) << body;
    EXPECT_EQ(refused.code(), code) << body;
    if (code != "invalid_json") {
        EXPECT_EQ(refused.at("field"), member);
        const Answer in_batch = post_batch({body, server_.transaction(account_, "good")});
        EXPECT_EQ(in_batch.at("results.0.status"), "400");
        EXPECT_EQ(in_batch.at("results.0.problem.code"), code);
        EXPECT_EQ(in_batch.at("results.0.problem.field"), "transactions[0]." + member);
        EXPECT_EQ(in_batch.at("results.1.status"), "201");
    }
    EXPECT_EQ(server_.database().value("SELECT count(*) FROM accepted WHERE idempotency_key <> 'good'"), "0");
}

INSTANTIATE_TEST_SUITE_P(
    Rules, MalformedTransactions,
    testing::Values(
        Malformed{"account_id", "", "missing_field"}, Malformed{"account_id", "null", "missing_field"},
        Malformed{"account_id", "7", "invalid_field"}, Malformed{"account_id", "\"7\"", "invalid_field"},
        Malformed{"amount_cents", "", "missing_field"}, Malformed{"amount_cents", "0", "invalid_field"},
        Malformed{"amount_cents", "-1", "invalid_field"}, Malformed{"amount_cents", "-0", "invalid_field"},
        Malformed{"amount_cents", "1.0", "invalid_field"}, Malformed{"amount_cents", "1e2", "invalid_field"},
        Malformed{"amount_cents", "\"100\"", "invalid_field"}, Malformed{"amount_cents", "true", "invalid_field"},
        Malformed{"amount_cents", "1000000000000001", "invalid_field"},
        Malformed{"amount_cents", "9223372036854775808", "invalid_field"},
        Malformed{"amount_cents", "01", "invalid_json"}, Malformed{"amount_cents", "NaN", "invalid_json"},
        Malformed{"currency", "", "missing_field"}, Malformed{"currency", "\"eur\"", "invalid_field"},
        Malformed{"currency", "\"ZZZ\"", "invalid_field"}, Malformed{"currency", "978", "invalid_field"},
        Malformed{"type", "", "missing_field"}, Malformed{"type", "\"credit\"", "invalid_field"},
        Malformed{"type", "[]", "invalid_field"}, Malformed{"idempotency_key", "", "missing_idempotency_key"},
        Malformed{"idempotency_key", "\"\"", "invalid_field"}, Malformed{"idempotency_key", "5", "invalid_field"},
        Malformed{"idempotency_key", R"("a\u0001b")", "invalid_field"},
        Malformed{"idempotency_key", R"("a\u0085b")", "invalid_field"},
        Malformed{"idempotency_key", R"("a\u0000b")", "invalid_json"},
        Malformed{"idempotency_key", R"("\ud800")", "invalid_json"},
        Malformed{"idempotency_key", "\"\xff\"", "invalid_json"}, Malformed{"metadata", "[]", "invalid_field"},
        Malformed{"metadata", "\"x\"", "invalid_field"}, Malformed{"metadata", R"({"a":1,"a":2})", "invalid_json"},
        Malformed{"amount", "1", "unknown_field"}, Malformed{"Currency", "\"EUR\"", "unknown_field"}));

TEST_F(TransactionsApi, RefusesBodiesThatAreNoObject) {
    for (const char* body : {"[]", "7", "null", "\"x\""}) {
        EXPECT_EQ(post(body).code(), "invalid_field") << body;
        EXPECT_EQ(server_.post("/v1/transactions/batch", body).code(), "invalid_field") << body;
    }
    for (const char* body : {"{", "{}x", "{'a':1}", "\xef\xbb\xbf{}"})
        EXPECT_EQ(post(body).code(), "invalid_json") << body;
    EXPECT_EQ(post("").code(), "invalid_json");
}

TEST_F(TransactionsApi, RefusesUnknownQueryParameters) {
    EXPECT_EQ(server_.post("/v1/transactions?wait=5", server_.transaction(account_, "k")).code(), "unknown_parameter");
    EXPECT_EQ(stored(), "0");
}

TEST_F(TransactionsApi, AnswersEachItemOfABatchOnItsOwnMerits) {
    const std::string jpy = server_.account(R"("currency":"JPY")");
    const Answer batch =
        post_batch({server_.transaction(account_, "a", 1), server_.transaction(account_, "b", 2),
                    server_.transaction(account_, "a", 1), server_.transaction(account_, "a", 9),
                    server_.transaction(jpy, "c"), "7", R"({"x":1})", server_.transaction(account_, "d", 3)});
    EXPECT_EQ(batch.status, 200);
    const char* statuses[] = {"201", "201", "201", "422", "422", "400", "400", "201"};
    for (std::size_t i = 0; i < std::size(statuses); ++i)
        EXPECT_EQ(batch.at(fmt::format("results.{}.status", i)), statuses[i]) << i;
    EXPECT_EQ(batch.at("results.8"), "missing");
    EXPECT_EQ(batch.at("results.0.replayed"), "false");
    EXPECT_EQ(batch.at("results.2.replayed"), "true");
    EXPECT_EQ(batch.at("results.2.transaction.id"), batch.at("results.0.transaction.id"));
    EXPECT_EQ(batch.at("results.3.problem.field"), "transactions[3].idempotency_key");
    EXPECT_EQ(batch.at("results.4.problem.field"), "transactions[4].currency");
    EXPECT_EQ(batch.at("results.5.problem.field"), "transactions[5]");
    EXPECT_EQ(batch.at("results.7.transaction.seq"), "3");
}

TEST_F(TransactionsApi, LimitsABatchToAThousandItems) {
    EXPECT_EQ(post_batch({}).at("field"), "transactions");
    EXPECT_EQ(server_.post("/v1/transactions/batch", "{}").code(), "missing_field");
    EXPECT_EQ(server_.post("/v1/transactions/batch", R"({"transactions":{}})").code(), "invalid_field");
    std::vector<std::string> items;
    for (int i = 0; i < 1000; ++i) items.push_back(server_.transaction(account_, std::to_string(i)));
    const Answer largest = post_batch(items);
    EXPECT_EQ(largest.status, 200);
    EXPECT_EQ(largest.at("results.999.transaction.seq"), "1000");
    items.push_back(server_.transaction(account_, "one more"));
    EXPECT_EQ(post_batch(items).code(), "invalid_field");
    EXPECT_EQ(stored(), "1000");
    // One account's items keep their order, also across intake's batches of 500.
    EXPECT_EQ(server_.database().value("SELECT bool_and(seq = idempotency_key::int + 1) FROM accepted"), "t");
}

TEST_F(TransactionsApi, OneRowThatTheDatabaseRefusesFailsAlone) {
    server_.database().run(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.idempotency_key = 'guilty' THEN "
        "RAISE EXCEPTION 'no' USING ERRCODE = '22000'; END IF; RETURN NEW; END $$; CREATE TRIGGER refuse BEFORE INSERT "
        "ON accepted FOR EACH ROW EXECUTE FUNCTION refuse()");
    std::vector<std::string> items;
    for (int i = 0; i < 9; ++i) items.push_back(server_.transaction(account_, i == 4 ? "guilty" : std::to_string(i)));
    const Answer batch = post_batch(items);
    for (int i = 0; i < 9; ++i) EXPECT_EQ(batch.at(fmt::format("results.{}.status", i)), i == 4 ? "500" : "201") << i;
    EXPECT_EQ(batch.at("results.4.problem.code"), "internal_error");
    EXPECT_EQ(server_.database().value("SELECT string_agg(idempotency_key, '' ORDER BY seq) FROM accepted"),
              "01235678");
}

TEST_F(TransactionsApi, WaitsForTheOutcome) {
    const Answer before = post(server_.transaction(account_, "a"), {{"Prefer", "wait=0"}});
    EXPECT_EQ(before.header("preference-applied"), "wait=0");
    EXPECT_EQ(before.at("status"), "PENDING");

    auto waiting = std::async(std::launch::async, [&] {
        return post(server_.transaction(account_, "a"), {{"Prefer", "respond-async, WAIT=100"}});
    });
    server_.apply(before.at("id"), "FAILED");
    const Answer settled = waiting.get();
    EXPECT_EQ(settled.status, 201);
    EXPECT_EQ(settled.header("preference-applied"), "wait=30");
    EXPECT_EQ(settled.header("idempotent-replayed"), "true");
    EXPECT_EQ(settled.at("status"), "FAILED");
    EXPECT_EQ(settled.at("failure_code"), "insufficient_balance");
    EXPECT_EQ(post(server_.transaction(account_, "b"), {{"Prefer", "wait=soon"}}).header("preference-applied"), "");
}

TEST_F(TransactionsApi, WaitsForWholeBatchesAndParkedOnesToo) {
    const Answer first = post_batch({server_.transaction(account_, "a"), server_.transaction(account_, "b")});
    auto waiting = std::async(std::launch::async, [&] {
        return post_batch({server_.transaction(account_, "a"), server_.transaction(account_, "b"), "7"},
                          {{"Prefer", "wait=30"}});
    });
    server_.apply(first.at("results.0.transaction.id"));
    const std::string letter = server_.park(first.at("results.1.transaction.id"));
    const Answer settled = waiting.get();
    EXPECT_EQ(settled.header("preference-applied"), "wait=30");
    EXPECT_EQ(settled.at("results.0.transaction.status"), "PROCESSED");
    EXPECT_EQ(settled.at("results.1.transaction.status"), "PROCESSING");
    EXPECT_EQ(settled.at("results.1.transaction.dead_letter_id"), letter);
    EXPECT_EQ(settled.at("results.2.status"), "400");
}

TEST_F(TransactionsApi, AShutdownAnswersWhoeverWaits) {
    auto waiting = std::async(std::launch::async,
                              [&] { return post(server_.transaction(account_, "a"), {{"Prefer", "wait=30"}}); });
    while (stored() == "0") std::this_thread::yield();
    server_.api().begin_stop();
    const Answer answered = waiting.get();
    EXPECT_EQ(answered.status, 201);
    EXPECT_EQ(answered.at("status"), "PENDING");
    EXPECT_EQ(server_.get("/readyz").at("missing.0"), "server");
}

TEST_F(TransactionsApi, AnswersManyAtOnceInDenseOrder) {
    constexpr int kClients = 40, kEach = 5;
    std::vector<std::future<void>> clients;
    for (int client = 0; client < kClients; ++client)
        clients.push_back(std::async(std::launch::async, [&, client] {
            for (int i = 0; i < kEach; ++i)
                EXPECT_EQ(post(server_.transaction(account_, fmt::format("{}-{}", client, i))).status, 201);
        }));
    for (auto& client : clients) client.get();
    EXPECT_EQ(server_.database().value("SELECT count(*) || ' ' || max(seq) FROM accepted"), "200 200");
}

}  // namespace
}  // namespace ledgerline
