// Parsing of requests: headers, fields, query parameters and cursors.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "api/fields.h"
#include "api/header_fields.h"
#include "api/list_query.h"
#include "api/transaction_request.h"

namespace ledgerline::api {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::Optional;

http::Request with_headers(std::vector<http::Header> headers) {
    http::Request request;
    request.headers = std::move(headers);
    return request;
}

std::optional<seconds> wait_of(std::vector<std::string> values) {
    http::Request request;
    for (std::string& value : values) request.headers.emplace_back("prefer", std::move(value));
    return read_wait(request);
}

TEST(PreferWait, IsReadAsRfc7240Says) {
    EXPECT_THAT(wait_of({"wait=5"}), Optional(seconds(5)));
    EXPECT_THAT(wait_of({"WAIT = \"5\""}), Optional(seconds(5)));
    EXPECT_THAT(wait_of({"respond-async, wait=10; foo=\"a,b\", return=minimal"}), Optional(seconds(10)));
    EXPECT_THAT(wait_of({"foo=\"x, wait=7\"", "wait=3"}), Optional(seconds(3)));
    EXPECT_THAT(wait_of({"wait=0"}), Optional(seconds(0)));
    EXPECT_THAT(wait_of({", wait\t=\t\"\\6\" ;x=\"1;2\" ,"}), Optional(seconds(6)));
    EXPECT_THAT(wait_of({"nonsense==, wait=5"}), Optional(seconds(5)));
}

TEST(PreferWait, IsCutToTheLongestOne) {
    EXPECT_THAT(wait_of({"wait=31"}), Optional(wait_max));
    EXPECT_THAT(wait_of({"wait=99999999999999999999999999"}), Optional(wait_max));
}

TEST(PreferWait, IsIgnoredWhenMalformed) {
    for (const char* value :
         {"wait", "wait=", "wait=-1", "wait=1.5", "wait=soon", "wait=\"", "wait=\"5", "wait=\"\"", "wait=5 6",
          "wait=+5", "wait==5", "wait=5s", "wait:5", "wait=0x5", "foo=\"wait=5", "await=5", "", ",;,", "\""})
        EXPECT_EQ(wait_of({value}), std::nullopt) << value;
    // The first one counts.
    EXPECT_EQ(wait_of({"wait=soon, wait=5"}), std::nullopt);
    EXPECT_THAT(wait_of({"wait=4, wait=5"}), Optional(seconds(4)));
}

TEST(StrictOutcome, IsAPreferenceOfItsOwn) {
    const auto strict = [](std::string value) {
        return wants_strict_outcome(with_headers({{"prefer", std::move(value)}}));
    };
    for (const char* value : {"outcome=strict", "wait=5, outcome=strict", "OUTCOME = \"strict\";x=1, wait=5"})
        EXPECT_TRUE(strict(value)) << value;
    for (const char* value : {"", "strict", "outcome", "outcome=", "outcome=lax", "outcome=STRICT",
                              "x=\"outcome=strict\"", "outcome=lax, outcome=strict", "wait=outcome=strict"})
        EXPECT_FALSE(strict(value)) << value;
}

TEST(IdempotencyKeyHeader, IsTakenAsItStandsOrAsAStructuredString) {
    const auto read = [](std::string value) {
        return read_idempotency_key(with_headers({{"idempotency-key", std::move(value)}})).value();
    };
    EXPECT_EQ(read_idempotency_key(with_headers({})).value(), std::nullopt);
    EXPECT_THAT(read("abc-1"), Optional(std::string("abc-1")));
    EXPECT_THAT(read("\"abc-1\""), Optional(std::string("abc-1")));
    EXPECT_THAT(read(R"("a\"b\\c")"), Optional(std::string("a\"b\\c")));
    EXPECT_THAT(read("a\"b"), Optional(std::string("a\"b")));
    EXPECT_THAT(read("schl\u00fcssel"), Optional(std::string("schl\u00fcssel")));
}

TEST(IdempotencyKeyHeader, IsRefusedWhenMalformed) {
    const std::string wrong[] = {
        "\"",    "\"open",    "\"a\"b", "\"a\\b\"", "\"a\\", "\"\"", "\"ü\"", "\xff", std::string(256, 'k'),
        "a\x7f", "\"a\"; b=1"};
    for (const std::string& value : wrong)
        EXPECT_FALSE(read_idempotency_key(with_headers({{"idempotency-key", value}}))) << value;
    EXPECT_FALSE(read_idempotency_key(with_headers({{"idempotency-key", "a"}, {"idempotency-key", "a"}})));
}

TEST(Text, IsCountedInCodePoints) {
    EXPECT_EQ(code_points(""), 0u);
    EXPECT_EQ(code_points("aü€\U0001F4B6"), 4u);
    EXPECT_TRUE(has_control_characters("a\tb"));
    EXPECT_TRUE(has_control_characters("\u0080"));
    EXPECT_TRUE(has_control_characters("x\u009f"));
    EXPECT_FALSE(has_control_characters("\u00a0 ü €"));
}

std::string first_problem(std::string_view text) {
    const auto item = parse_transaction(json::parse(text).value(), "transactions[3]", std::nullopt);
    return item ? "" : item.error().code + ' ' + item.error().field + ": " + item.error().detail;
}

TEST(Fields, NameTheFieldAndTheRule) {
    EXPECT_EQ(first_problem("[]"), "invalid_field transactions[3]: transactions[3] must be a JSON object.");
    EXPECT_EQ(first_problem("{}"), "missing_field transactions[3].account_id: transactions[3].account_id is required.");
    constexpr std::string_view start =
        R"({"account_id":"0190a000-0000-7000-8000-00000000002A","currency":"EUR","type":"DEBIT","idempotency_key":"k",)";
    const auto with = [&](std::string_view rest) { return first_problem(std::string(start) + std::string(rest)); };
    EXPECT_EQ(with(R"("amount_cents":1})"), "");
    EXPECT_EQ(with(R"("amount_cents":1,"metadata":null})"), "");
    EXPECT_THAT(with(R"("amount_cents":1.0})"), HasSubstr("without a fraction or exponent"));
    EXPECT_THAT(with(R"("amount_cents":0})"), HasSubstr("from 1 to 1000000000000000"));
    EXPECT_THAT(with(R"("amount_cents":"1"})"), HasSubstr("must be a number"));
    EXPECT_THAT(with(R"("amount_cents":1,"x\"y":2})"), HasSubstr("unknown_field transactions[3].x\"y"));
    EXPECT_EQ(with(R"("amount_cents":1,"metadata":{"x":1e64}})"),
              "invalid_field transactions[3].metadata: transactions[3].metadata must not hold a number of more than 40 "
              "digits in plain notation.");
    EXPECT_THAT(with(R"("amount_cents":1e400})"), HasSubstr("without a fraction or exponent"));
    const std::string deep = std::string(100, '[') + std::string(100, ']');
    EXPECT_THAT(with(R"("amount_cents":1,"metadata":{"x":)" + deep + "}}"),
                HasSubstr("transactions[3].metadata must not be nested deeper than 16 levels."));
    EXPECT_THAT(with(R"("amount_cents":1,"metadata":{"x":")" + std::string(16'384, 'x') + "\"}}"),
                HasSubstr("transactions[3].metadata must have at most 16384 bytes as it is stored."));
}

TEST(Fields, MetadataIsKeptAsTheDatabasePrintsIt) {
    const auto item = parse_transaction(
        json::parse(R"({"account_id":"0190a000-0000-7000-8000-00000000002A","currency":"EUR","type":"DEBIT",)"
                    R"("idempotency_key":"k","amount_cents":1,"metadata":{"bb":1e2,"a":[-0,"\u00e9"]}})")
            .value(),
        "", std::nullopt);
    ASSERT_TRUE(item);
    EXPECT_EQ(item->item.metadata, "{\"a\": [0, \"\u00e9\"], \"bb\": 100}");
}

TEST(Fields, TheFirstBrokenRuleCounts) {
    EXPECT_THAT(first_problem(R"({"account_id":1,"amount_cents":0,"currency":"?","type":"?","zzz":1})"),
                HasSubstr("transactions[3].account_id"));
}

std::vector<std::string> faults_of(const http::Problem& problem) {
    std::vector<std::string> faults;
    for (const auto& [name, errors] : problem.extensions)
        if (name == "errors")
            for (const json::Value& error : *errors.if_array())
                faults.push_back(*error.find("field")->if_string() + ' ' + *error.find("code")->if_string());
    return faults;
}

std::vector<std::string> faults_of(const std::expected<TransactionRequest, http::Problem>& request) {
    return request ? std::vector<std::string>() : faults_of(request.error());
}

TEST(Refusals, NameAllThatIsWrongWithABody) {
    const auto faults = [](const char* text) { return faults_of(parse_transaction(*json::parse(text), "", {})); };
    EXPECT_THAT(
        faults(R"({"amount_cents":0,"currency":"euro","typ":"DEBIT","account_reference":7})"),
        testing::ElementsAre("account_reference invalid_field", "type missing_field", "amount_cents invalid_field",
                             "currency invalid_field", "idempotency_key missing_idempotency_key", "typ unknown_field"));
    EXPECT_THAT(faults("{}"),
                testing::ElementsAre("account_id missing_field", "amount_cents missing_field", "currency missing_field",
                                     "type missing_field", "idempotency_key missing_idempotency_key"));
    EXPECT_THAT(faults("[]"), testing::ElementsAre(" invalid_field"));
    EXPECT_THAT(faults(R"({"idempotency_key":""})"), testing::Contains("idempotency_key invalid_field"));
}

TEST(Refusals, NameAllThatIsWrongWithLegs) {
    const auto request = parse_transfer(
        *json::parse(R"({"idempotency_key":"k","legs":[{"from_account_id":"x","to_external":true,"currency":"EUR"},)"
                     R"({"from_external":true,"to_external":true,"amount_cents":1,"currency":"EUR"},7]})"),
        "transactions[2]", {});
    EXPECT_THAT(faults_of(request), testing::ElementsAre("transactions[2].legs[0].amount_cents missing_field",
                                                         "transactions[2].legs[0].from_account_id invalid_field",
                                                         "transactions[2].legs[1].to_external invalid_field",
                                                         "transactions[2].legs[2] invalid_field"));
}

TEST(Refusals, ListABoundedNumberOfFaults) {
    std::string body = "{";
    for (int i = 0; i < 100; ++i) body += fmt::format(R"("m{}":1,)", i);
    body.back() = '}';
    EXPECT_EQ(faults_of(parse_transaction(*json::parse(body), "", {})).size(), Faults::listed_max);
    std::string batch = R"({"transactions":[{})";
    for (std::size_t i = 0; i < batch_errors_max; ++i) batch += ",{}";
    const auto items = parse_batch(batch + "]}");
    ASSERT_TRUE(items);
    EXPECT_FALSE(items->front().error().extensions.empty());
    EXPECT_TRUE(items->back().error().extensions.empty());
    EXPECT_EQ(items->back().error().code, "missing_field");
}

// Neither for a refused name nor for a refused value.
TEST(Refusals, RepeatLittleOfWhatWasSent) {
    const std::string large(10'000, 'x');
    const auto longest_run = [](const http::Problem& problem) {
        const std::string body = http::to_response(problem).body;
        std::size_t longest = 0;
        for (std::size_t at = 0; at < body.size(); ++at) {
            const std::size_t begin = at;
            while (at < body.size() && body[at] == 'x') ++at;
            longest = std::max(longest, at - begin);
        }
        return longest;
    };
    for (const std::string& text : {"{\"" + large + "\":1}", "{\"currency\":\"" + large + "\"}",
                                    "{\"metadata\":\"" + large + "\"}", "{\"account_id\":\"" + large + "\"}"}) {
        http::Request request;
        request.body = text;
        const auto body = parse_body(request);
        ASSERT_TRUE(body);
        Fields fields(*body, "");
        fields.uuid("account_id");
        fields.currency("currency");
        fields.object("metadata");
        const auto problem = fields.finish();
        ASSERT_TRUE(problem);
        EXPECT_LE(longest_run(*problem), http::echo_bytes_max) << http::to_response(*problem).body;
    }
    for (const std::string& text : {"{\"" + large + "\":1,\"" + large + "\":2}", "{\"a\":" + large + "}", large}) {
        http::Request request;
        request.body = text;
        const auto body = parse_body(request);
        ASSERT_FALSE(body);
        EXPECT_LE(longest_run(body.error()), http::echo_bytes_max);
    }
    constexpr std::string_view filters[] = {"status"};
    constexpr std::string_view states[] = {"PENDING"};
    using Query = std::vector<std::pair<std::string, std::string>>;
    for (const Query& query : {Query{{large, "1"}}, Query{{large, "1"}, {large, "1"}}, Query{{"cursor", large}},
                               Query{{"limit", large}}, Query{{"status", large}}}) {
        http::Request request;
        request.query = query;
        ListQuery list(request, "transactions", filters);
        list.choice("status", states);
        ASSERT_TRUE(list.problem());
        EXPECT_LE(longest_run(*list.problem()), http::echo_bytes_max);
    }
}

TEST(ListQuery, CursorsGoRoundAndBelongToRouteAndFilters) {
    constexpr std::string_view filters[] = {"status", "account_id"};
    http::Request request;
    request.query = {{"status", "FAILED"}, {"limit", "7"}};
    const ListQuery first(request, "transactions", filters);
    EXPECT_EQ(first.problem(), std::nullopt);
    EXPECT_EQ(first.limit(), 7);
    EXPECT_EQ(first.after_id(), std::nullopt);
    const Uuid id = *Uuid::parse("0190a000-0000-7000-8000-00000000002a");

    request.query = {{"cursor", first.cursor_after(id)}, {"status", "FAILED"}};
    EXPECT_EQ(ListQuery(request, "transactions", filters).after_id(), id);
    EXPECT_EQ(ListQuery(request, "others", filters).problem()->code, "invalid_cursor");
    request.query[1].second = "PENDING";
    EXPECT_EQ(ListQuery(request, "transactions", filters).problem()->code, "invalid_cursor");
}

TEST(ListQuery, TellsAllThatIsWrong) {
    constexpr std::string_view filters[] = {"status", "account_id", "created_after", "lane", "reference"};
    constexpr std::string_view states[] = {"PENDING"};
    http::Request request;
    request.query = {{"status", "NEW"},         {"page", "2"},    {"account_id", "7"},
                     {"created_after", "soon"}, {"lane", "-1"},   {"lane", "1"},
                     {"reference", ""},         {"limit", "1e3"}, {"cursor", "abcdef"}};
    ListQuery list(request, "transactions", filters);
    list.choice("status", states);
    list.uuid("account_id");
    list.time("created_after");
    list.integer("lane", 0, 9);
    list.text("reference", 10);
    const auto problem = list.problem();
    ASSERT_TRUE(problem);
    EXPECT_EQ(problem->field, "page");
    EXPECT_THAT(
        faults_of(*problem),
        testing::ElementsAre("page unknown_parameter", "lane duplicate_parameter", "limit invalid_parameter",
                             "cursor invalid_cursor", "status invalid_parameter", "account_id invalid_parameter",
                             "created_after invalid_parameter", "reference invalid_parameter"));
}

TEST(ListQuery, ACursorHoldsThePositionThatItsListWants) {
    http::Request request;
    const ListQuery entries(request, "entries/1", {}, {CursorKind::seq});
    const std::string cursor = entries.cursor_after(std::int64_t{42});
    request.query = {{"cursor", cursor}};
    EXPECT_EQ(ListQuery(request, "entries/1", {}, {CursorKind::seq}).after_seq(), 42);
    EXPECT_EQ(ListQuery(request, "entries/2", {}, {CursorKind::seq}).problem()->code, "invalid_cursor");
    EXPECT_EQ(ListQuery(request, "entries/1", {}, {CursorKind::id}).problem()->code, "invalid_cursor");
    // Read as a position of another kind, it would start again from the first page.
    std::string other = cursor.substr(0, 17) + "0190a000-0000-7000-8000-00000000002a";
    other[0] = 'i';
    request.query = {{"cursor", other}};
    EXPECT_EQ(ListQuery(request, "entries/1", {}, {CursorKind::seq}).problem()->code, "invalid_cursor");
}

// The codes and fields of the problems with a batch's items, or with the batch.
std::vector<std::string> parsed(std::string_view body) {
    const auto items = parse_batch(body);
    if (!items) return {"batch: " + items.error().code + " " + items.error().field};
    std::vector<std::string> words;
    for (const auto& item : *items) words.push_back(item ? "ok" : item.error().code + " " + item.error().field);
    return words;
}

std::string item_with(const std::string& more) {
    return R"({"account_id":"0190a000-0000-7000-8000-00000000002a","amount_cents":1,"currency":"EUR","type":"CREDIT",)"
           R"("idempotency_key":"k")" +
           more + "}";
}

TEST(Batch, AnItemBeyondTheParsersLimitsIsRefusedAlone) {
    const std::string good = item_with("");
    const auto nested = [](std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
    for (const std::string& metadata : {R"({"x":1e2147483648})", R"({"x":-1.5E-99999999999999999999})"})
        EXPECT_EQ(parsed(R"({"transactions":[)" + good + "," + item_with(R"(,"metadata":)" + std::string(metadata)) +
                         "," + good + "]}"),
                  (std::vector<std::string>{"ok", "invalid_field transactions[1].metadata", "ok"}))
            << metadata;
    for (const std::size_t levels : {std::size_t{17}, std::size_t{252}, std::size_t{253}, std::size_t{300'000}})
        EXPECT_EQ(parsed(R"({"transactions":[)" + good + "," +
                         item_with(R"(,"metadata":{"x":)" + nested(levels) + "}") + "," + good + "]}"),
                  (std::vector<std::string>{"ok", "invalid_field transactions[1].metadata", "ok"}))
            << levels;
    EXPECT_EQ(parsed(R"({"transactions":[)" + nested(300) + R"(,{"amount_cents":1e99999999999}]})"),
              (std::vector<std::string>{"invalid_field transactions[0]", "missing_field transactions[1].account_id"}));
    EXPECT_EQ(parsed(R"({"transactions":[)" + good + "],\"x\":" + nested(300) + "}").front().substr(0, 19),
              "batch: invalid_json");
}

TEST(Batch, ItemsStandOnTheirOwn) {
    const std::string good = item_with("");
    EXPECT_THAT(parsed(R"({"transactions":[)" + good + ",[]," + item_with(R"(,"x":1)") + "," +
                       item_with(R"(,"metadata":{"a":[1]})") + "]}"),
                testing::ElementsAre("ok", "invalid_field transactions[1]", "unknown_field transactions[2].x", "ok"));
    EXPECT_THAT(parsed(R"({"transactions":[)" + good + R"(],"x":1})"), testing::ElementsAre("batch: unknown_field x"));
    EXPECT_THAT(parsed(R"({"transactions":[)" + good + "}"), testing::ElementsAre("batch: invalid_json "));
    for (const char* body : {R"({"transactions":[]})", R"({"transactions":{}})"})
        EXPECT_THAT(parsed(body), testing::ElementsAre("batch: invalid_field transactions")) << body;
    EXPECT_THAT(parsed("{}"), testing::ElementsAre("batch: missing_field transactions"));
}

// JSON trees that would take many times the memory of their text.
TEST(Batch, AnItemOfTooManyValuesFailsAloneAndTooManyItemsAtOnce) {
    std::string wide = "[";
    for (int i = 0; i < 300'000; ++i) wide += "[],";
    wide += "1]";
    EXPECT_THAT(
        parsed(R"({"transactions":[)" + item_with(R"(,"metadata":{"w":)" + wide + "}") + "," + item_with("") + "]}"),
        testing::ElementsAre("invalid_field transactions[0].metadata", "ok"));
    EXPECT_THAT(parsed(R"({"transactions":)" + wide + "}"), testing::ElementsAre("batch: invalid_field transactions"));
    EXPECT_THAT(parsed(R"({"x":)" + wide + "}"), testing::ElementsAre("batch: invalid_json "));
}

}  // namespace
}  // namespace ledgerline::api
