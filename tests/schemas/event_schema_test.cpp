// The published schemas against what encode() writes, and against what it must never write.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "domain/dead_letter.h"
#include "domain/legs.h"
#include "lab/json_schema.h"

namespace ledgerline::test {
namespace {

using testing::Each;
using testing::Ne;

constexpr int kEvents = 500;

// Events from all corners of what the database can hold.
class Events {
public:
    explicit Events(std::uint64_t seed) : random_(seed) {}

    Event next() {
        Event event;
        event.event_id = uuid();
        event.transaction_id = uuid();
        event.account_id = uuid();
        event.lane = static_cast<int>(pick(lane_count));
        event.seq = pick(2) ? 1 + static_cast<std::int64_t>(pick(1000)) : INT64_MAX;
        event.occurred_at = WallTime(std::chrono::microseconds(pick(4'000'000'000'000'000)));
        if (pick(3))
            event.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0" + std::to_string(pick(2));
        event.amount_cents =
            std::array<std::int64_t, 4>{1, 999, 1'000'000'000'000'000, 1 + std::int64_t(pick(1'000'000))}[pick(4)];
        event.currency = std::array{"EUR", "JPY", "KWD"}[pick(3)];
        event.type = pick(2) ? TransactionType::debit : TransactionType::credit;
        event.idempotency_key = text(1 + pick(255));
        static constexpr const char* kMetadata[] = {
            "{}", R"({"order":7})", R"({"a":{"b":[1,2.50,1e300,null,true,"x"]}})", R"({"":"","\u0001\"\\":"ö"})"};
        if (pick(4) == 0) event.reference = text(1 + pick(64));
        if (pick(2)) event.metadata = kMetadata[pick(std::size(kMetadata))];
        if (pick(3) == 0) event.tenant_name = std::array<std::string, 2>{"acme-2", std::string(63, 'a')}[pick(2)];
        return event;
    }
    // At one of its places.
    Event next_transfer() {
        Event event = next();
        std::vector<Leg> legs;
        for (std::uint64_t left = pick(4) ? 1 + pick(3) : legs_max; left > 0; --left) {
            Leg leg{uuid(), uuid(), event.amount_cents, event.currency};
            if (pick(4) == 0) (pick(2) ? leg.from : leg.to).reset();
            legs.push_back(std::move(leg));
        }
        const auto effects = effects_of(legs);
        const Effect& effect = effects[pick(effects.size())];
        event.schema_version = event_schema_version_with_legs;
        event.type = TransactionType::transfer;
        event.amount_cents *= std::ssize(legs);
        event.legs = legs_json(legs);
        event.account_id = effect.account_id;
        event.net_cents = effect.net_cents;
        event.places = static_cast<int>(effects.size());
        event.is_first = effect == effects.front();
        if (!event.is_first) event.metadata.reset();
        if (!event.is_first) event.reference.reset();
        return event;
    }

    // A reversal, a follower, or one with a date.
    Event next_linked() {
        const auto kind = pick(3);
        Event event = kind == 0 || pick(2) ? next_transfer() : next();
        event.schema_version = event_schema_version_of_chains;
        if (kind == 0) event.type = TransactionType::reversal;
        if (kind == 0) event.parent_id = uuid();
        if (kind == 1) event.previous_id = uuid();
        if (kind == 2 || pick(3) == 0) event.dated = event.occurred_at;
        return event;
    }

    Event next_of_hold() {
        constexpr TransactionType kTypes[] = {TransactionType::hold, TransactionType::capture,
                                              TransactionType::release};
        const TransactionType type = kTypes[pick(3)];
        Event event = type == TransactionType::capture ? next_capture() : next();
        event.schema_version = event_schema_version_of_holds;
        event.type = type;
        if (type != TransactionType::hold) event.parent_id = uuid();
        return event;
    }

private:
    Event next_capture() {
        Event event = next();
        const Leg leg{event.account_id, pick(2) ? std::optional(uuid()) : std::nullopt, event.amount_cents,
                      event.currency};
        event.legs = legs_json(std::span(&leg, 1));
        event.places = leg.to ? 2 : 1;
        event.net_cents = -event.amount_cents;
        return event;
    }
    std::uint64_t pick(std::uint64_t choices) { return random_.next() % choices; }
    Uuid uuid() {
        Uuid id;
        for (auto& byte : id.bytes) byte = static_cast<std::uint8_t>(pick(256));
        return id;
    }
    std::string text(std::size_t characters) {
        static constexpr const char* kCharacters[] = {"a",  "Z", "0", " ", "\"",
                                                      "\\", "/", "ö", "€", "\xf0\x9f\x92\xb6"};
        std::string out;
        for (std::size_t i = 0; i < characters; ++i) out += kCharacters[pick(std::size(kCharacters))];
        return out;
    }

    SeededRandom random_;
};

std::vector<std::string> expect_all(const JsonSchema& schema, const std::vector<std::string>& documents) {
    const auto verdicts = schema.check(documents);
    for (std::size_t i = 0; i < verdicts.size(); ++i) EXPECT_EQ(verdicts[i], "ok") << documents[i];
    return verdicts;
}

const Event kEvent = [] {
    Event event = Events(7).next();
    event.tenant_name = "acme";
    return event;
}();

// The text with the first occurrence of a part replaced, which must be there.
std::string with(std::string text, std::string_view part, std::string_view other) {
    const std::size_t at = text.find(part);
    EXPECT_NE(at, std::string::npos) << part << " in " << text;
    return at == std::string::npos ? text : text.replace(at, part.size(), other);
}

TEST(EventSchema, TakesEveryEvent) {
    Events events(1);
    std::vector<std::string> values, headers;
    for (int i = 0; i < kEvents; ++i) {
        const Message message = encode(events.next());
        values.push_back(message.value);
        headers.push_back(headers_json(message.headers));
    }
    expect_all(JsonSchema("transaction.created.v1"), values);
    expect_all(JsonSchema("transaction.created.v1.headers"), headers);
}

TEST(EventSchema, TakesEveryTransfer) {
    Events events(2);
    std::vector<std::string> values, headers;
    for (int i = 0; i < kEvents; ++i) {
        const Message message = encode(events.next_transfer());
        values.push_back(message.value);
        headers.push_back(headers_json(message.headers));
    }
    expect_all(JsonSchema("transaction.created.v2"), values);
    expect_all(JsonSchema("transaction.created.v1.headers"), headers);
}

TEST(EventSchema, TakesEveryHoldCaptureAndRelease) {
    Events events(5);
    std::vector<std::string> values;
    for (int i = 0; i < kEvents; ++i) values.push_back(encode(events.next_of_hold()).value);
    expect_all(JsonSchema("transaction.created.v3"), values);
    // Without the hold, or with the version of a transfer, none of the children is one.
    Event child = events.next_of_hold();
    while (!child.legs) child = events.next_of_hold();
    const std::string value = encode(child).value;
    for (const std::string& wrong :
         {with(value, "\"hold_id\"", "\"parent_id\""), with(value, R"("schema_version":3)", R"("schema_version":2)"),
          with(value, R"("type":"CAPTURE")", R"("type":"HOLD")"), with(value, "\"legs\"", "\"leg\"")})
        EXPECT_NE(JsonSchema("transaction.created.v3").check({wrong}).front(), "ok") << wrong;
}

TEST(EventSchema, TakesEveryReversalFollowerAndDate) {
    Events events(6);
    std::vector<std::string> values;
    for (int i = 0; i < kEvents; ++i) values.push_back(encode(events.next_linked()).value);
    expect_all(JsonSchema("transaction.created.v4"), values);
    Event reversal = events.next_linked();
    while (reversal.type != TransactionType::reversal) reversal = events.next_linked();
    const std::string value = encode(reversal).value;
    for (const std::string& wrong :
         {with(value, "\"reverses\"", "\"hold_id\""), with(value, R"("schema_version":4)", R"("schema_version":2)"),
          with(value, R"("type":"REVERSAL")", R"("type":"TRANSFER")"), with(value, "\"legs\"", "\"leg\""),
          encode(Events(2).next_transfer()).value})
        EXPECT_NE(JsonSchema("transaction.created.v4").check({wrong}).front(), "ok") << wrong;
}

TEST(EventSchema, RefusesWhatIsNoTransfer) {
    Event event = Events(3).next_transfer();
    const Uuid from = event.event_id, to = event.transaction_id;
    event.legs = legs_json(std::vector<Leg>{{from, to, 7, "EUR"}});
    event.places = 2;
    event.net_cents = -7;
    const std::string value = encode(event).value, paid = fmt::format(R"("to_account_id": "{}", )", to.to_string());
    std::vector<std::string> wrong = {
        encode(Events(4).next()).value,
        with(value, R"("schema_version":2)", R"("schema_version":1)"),
        with(value, R"("type":"TRANSFER")", R"("type":"DEBIT")"),
        with(value, R"("places":2)", R"("places":0)"),
        with(value, R"("net_cents":-7)", R"("net_cents":"-7")"),
        with(value, paid, ""),
        with(value, paid, paid + R"("to_external": true, )"),
        with(value, paid, R"("to_external": false, )"),
        with(with(value, paid, R"("to_external": true, )"), fmt::format(R"("from_account_id": "{}")", from.to_string()),
             R"("from_external": true)"),
        with(value, R"("amount_cents": 7)", R"("amount_cents": 0)"),
        with(value, *event.legs, "[]"),
        with(value, *event.legs, "{}"),
    };
    for (const char* member : {"net_cents", "places", "legs", "from_account_id"})
        wrong.push_back(with(value, fmt::format("\"{}\"", member), "\"renamed\""));
    const auto verdicts = JsonSchema("transaction.created.v2").check(wrong);
    for (std::size_t i = 0; i < wrong.size(); ++i) EXPECT_NE(verdicts[i], "ok") << wrong[i];
    expect_all(JsonSchema("transaction.created.v2"), {value, with(value, paid, R"("to_external":true,)")});
}

TEST(EventSchema, RefusesWhatIsNoEvent) {
    Event event = kEvent;
    event.amount_cents = 1050;
    event.currency = "EUR";
    event.type = TransactionType::debit;
    event.idempotency_key = "key";
    event.metadata = R"({"order":7})";
    event.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const std::string value = encode(event).value, id = event.event_id.to_string();
    std::vector<std::string> wrong = {
        "[]",
        "{}",
        with(value, R"("schema_version":1)", R"("schema_version":2)"),
        with(value, R"("schema_version":1)", R"("schema_version":"1")"),
        with(value, "transaction.created", "transaction.deleted"),
        with(value, id, "no uuid"),
        with(value, id, id + "0"),
        with(value, R"("amount_cents":1050)", R"("amount_cents":0)"),
        with(value, R"("amount_cents":1050)", R"("amount_cents":-1)"),
        with(value, R"("amount_cents":1050)", R"("amount_cents":10.5)"),
        with(value, R"("amount_cents":1050)", R"("amount_cents":"1050")"),
        with(value, R"("amount_cents":1050)", R"("amount_cents":1000000000000001)"),
        with(value, R"("currency":"EUR")", R"("currency":"eur")"),
        with(value, R"("currency":"EUR")", R"("currency":"EURO")"),
        with(value, R"("type":"DEBIT")", R"("type":"TRANSFER")"),
        with(value, R"("idempotency_key":"key")", R"("idempotency_key":"")"),
        with(value, R"("idempotency_key":"key")", fmt::format(R"("idempotency_key":"{}")", std::string(256, 'k'))),
        with(value, R"("metadata":{"order":7})", R"("metadata":null)"),
        with(value, R"("metadata":{"order":7})", R"("metadata":[7])"),
        with(value, R"("trace_id":"4bf)", R"("trace_id":"4BF)"),
        with(value, format_rfc3339(event.occurred_at), "2026-01-31"),
        with(value, format_rfc3339(event.occurred_at), "2026-13-31T00:00:00.000000Z"),
        with(value, R"({"event_id")", R"({"more":1,"event_id")"),
        with(value, R"("payload":{)", R"("payload":{"more":1,)"),
    };
    for (const char* member : {"event_id", "event_type", "schema_version", "occurred_at", "trace_id", "aggregate_id",
                               "payload", "transaction_id", "account_id", "amount_cents", "currency"})
        wrong.push_back(with(value, fmt::format("\"{}\"", member), "\"renamed\""));
    const auto verdicts = JsonSchema("transaction.created.v1").check(wrong);
    for (std::size_t i = 0; i < wrong.size(); ++i) EXPECT_NE(verdicts[i], "ok") << wrong[i];
    expect_all(JsonSchema("transaction.created.v1"), {value});
}

TEST(EventSchema, RefusesHeadersThatAreNone) {
    const auto headers = encode(kEvent).headers;
    std::vector<std::string> wrong = {"{}"};
    for (std::size_t i = 0; i < headers.size(); ++i) {
        auto other = headers;
        other[i].second += "\x7f";
        wrong.push_back(headers_json(other));
        other = headers;
        other.push_back(headers[i]);
        wrong.push_back(headers_json(other));
        if (headers[i].first == "traceparent" || headers[i].first == "ce_tenant") continue;  // these may be missing
        other = headers;
        other.erase(other.begin() + static_cast<std::ptrdiff_t>(i));
        wrong.push_back(headers_json(other));
    }
    auto more = headers;
    more.emplace_back("x-more", "1");
    wrong.push_back(headers_json(more));
    EXPECT_THAT(JsonSchema("transaction.created.v1.headers").check(wrong), Each(Ne("ok")));
}

DeadLetter letter() {
    DeadLetter letter;
    letter.id = kEvent.event_id;
    letter.topic = "transactions";
    letter.original = encode(kEvent);
    letter.value_bytes = std::ssize(letter.original.value);
    letter.error_class = "permanent";
    letter.error_code = "23514";
    letter.error_message = "the row is refused";
    return letter;
}

TEST(DeadLetterSchema, TakesTheHeadersOfLetters) {
    std::vector<std::string> headers = {headers_json(encode(letter(), 1'000'000).headers)};
    DeadLetter other = letter();
    other.original = {"", "", {{"twice", "a"}, {"twice", "b"}, {"dlq-id", "forged"}}};
    other.value_bytes = 0;
    other.offset = INT64_MAX;
    other.error_message.assign(5'000, 'e');
    headers.push_back(headers_json(encode(other, 1'000'000).headers));
    other.value_bytes = 1;
    headers.push_back(headers_json(encode(other, 1'000'000).headers));
    expect_all(JsonSchema("dead-letter.headers"), headers);
}

TEST(DeadLetterSchema, RefusesHeadersThatAreNone) {
    const auto headers = encode(letter(), 1'000'000).headers;
    std::vector<std::string> wrong = {"{}"};
    for (std::size_t i = 0; i < headers.size(); ++i) {
        if (!headers[i].first.starts_with(dead_letter_header_prefix)) continue;
        auto other = headers;
        other.erase(other.begin() + static_cast<std::ptrdiff_t>(i));
        wrong.push_back(headers_json(other));
        if (headers[i].first == "dlq-original-topic" || headers[i].first.starts_with("dlq-error-")) continue;
        other = headers;
        other.push_back(headers[i]);
        wrong.push_back(headers_json(other));
    }
    auto more = headers;
    more.emplace_back("dlq-more", "1");
    wrong.push_back(headers_json(more));
    more.back() = {"dlq-truncated", "something"};
    wrong.push_back(headers_json(more));
    EXPECT_THAT(JsonSchema("dead-letter.headers").check(wrong), Each(Ne("ok")));
}

}  // namespace
}  // namespace ledgerline::test
