// What the client makes of answers that a real registry gives only when it is ill or strict. tests/e2e has a real one.
#include "registry/schema_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "lab/answering_server.h"
#include "registry/topic_schemas.h"

namespace ledgerline::registry {
namespace {

using test::AnsweringServer;
using test::http_answer;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kPassword = "hush-hush";

RegistryConfig config_of(const AnsweringServer& server) {
    return {.url = *http::BaseUrl::parse(server.url()), .credentials = std::string("clerk:") + kPassword};
}

Error error_of(const std::string& answer) {
    const AnsweringServer server(AnsweringServer::always(answer));
    const auto entered = SchemaRegistry(config_of(server)).enter("money-value", "{}");
    EXPECT_FALSE(entered);
    return entered ? Error() : entered.error();
}

TEST(SchemaRegistry, WaitsForOneThatIsIll) {
    for (const char* status : {"500 Internal Server Error", "503 Service Unavailable", "429 Too Many Requests"}) {
        const Error error = error_of(http_answer(status, R"({"error_code":50001,"message":"no leader"})"));
        EXPECT_EQ(error.code, registry_away);
        EXPECT_EQ(error.disposition, Disposition::retry);
        EXPECT_THAT(error.message, HasSubstr("no leader"));
    }
    const auto entered = SchemaRegistry({.url = *http::BaseUrl::parse("http://127.0.0.1:1")}).enter("a", "{}");
    ASSERT_FALSE(entered);
    EXPECT_EQ(entered.error().code, registry_away);
    EXPECT_THAT(entered.error().message, HasSubstr("127.0.0.1:1"));
}

TEST(SchemaRegistry, GivesUpOnOneThatRefusesAndShowsNoPassword) {
    for (const auto& [answer, reason] :
         {std::pair{http_answer("401 Unauthorized", R"({"error_code":40101,"message":"who are you?"})"),
                    "who are you?"},
          std::pair{http_answer("403 Forbidden", "<html>"), "is the URL right?"},
          std::pair{http_answer("404 Not Found", "no such page"), "is the URL right?"},
          std::pair{http_answer("404 Not Found", R"({"error_code":404,"message":"HTTP 404"})"), "HTTP 404"},
          std::pair{http_answer("200 OK", R"({"id":0})"), "money-value"},
          std::pair{http_answer("200 OK", R"({"id":"7"})"), "money-value"},
          std::pair{http_answer("200 OK", R"({"id":2147483648})"), "money-value"}}) {
        const Error error = error_of(answer);
        EXPECT_EQ(error.code, registry_refused) << answer;
        EXPECT_EQ(error.disposition, Disposition::stop);
        EXPECT_THAT(error.message, HasSubstr(reason));
        EXPECT_THAT(error.message, Not(HasSubstr(kPassword)));
    }
}

TEST(SchemaRegistry, LogsInAndAsksBeforeItAdds) {
    std::string asked;
    AnsweringServer server([&](int socket, const std::string& request) {
        asked += request;
        test::send_all(socket, http_answer("200 OK", R"({"subject":"money-value","id":7,"version":1})"));
    });
    EXPECT_EQ(SchemaRegistry(config_of(server)).enter("money-value", R"({"type":"string"})"), 7);
    server.end();
    EXPECT_THAT(asked, HasSubstr("POST /subjects/money-value HTTP/1.1"));
    EXPECT_THAT(asked, HasSubstr("Authorization: Basic Y2xlcms6aHVzaC1odXNo"));
    EXPECT_THAT(asked, Not(HasSubstr("/versions")));
}

TEST(TopicSchemas, AreEachWholeAndDistinct) {
    for (const std::string_view text : {events_schema, dead_letters_schema, outcomes_schema}) {
        EXPECT_TRUE(json::parse(text).has_value());
        EXPECT_THAT(std::string(text), Not(HasSubstr("$defs")));
    }
    EXPECT_THAT(std::string(events_schema), HasSubstr("#/definitions/transaction.created.v4.uuid"));
    EXPECT_EQ(subject_of("transactions.dlq"), "transactions.dlq-value");
}

}  // namespace
}  // namespace ledgerline::registry
