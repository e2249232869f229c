#include "domain/event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "base/jsonb.h"
#include "domain/legs.h"

namespace ledgerline {
namespace {

Event sample() {
    Event event;
    event.event_id = *Uuid::parse("0190a6e2-7b1c-7def-8abc-0123456789ab");
    event.transaction_id = *Uuid::parse("0190a6e2-7b1c-7def-8abc-0123456789ac");
    event.account_id = *Uuid::parse("0190a6e2-7b1c-7def-8abc-0123456789ad");
    event.lane = 4;
    event.seq = 17;
    event.occurred_at = WallTime(std::chrono::seconds(1'700'000'000));
    event.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    event.amount_cents = 1050;
    event.currency = "EUR";
    event.type = TransactionType::debit;
    event.idempotency_key = "key \"1\"";
    event.metadata = R"({"order":7})";
    return event;
}

TEST(Event, EncodesTheDocumentedShape) {
    const Message message = encode(sample());
    EXPECT_EQ(message.key, "0190a6e2-7b1c-7def-8abc-0123456789ad");
    EXPECT_EQ(
        message.value,
        R"({"event_id":"0190a6e2-7b1c-7def-8abc-0123456789ab","event_type":"transaction.created","schema_version":1,)"
        R"("occurred_at":"2023-11-14T22:13:20.000000Z","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736",)"
        R"("idempotency_key":"key \"1\"","aggregate_id":"0190a6e2-7b1c-7def-8abc-0123456789ac","payload":{)"
        R"("transaction_id":"0190a6e2-7b1c-7def-8abc-0123456789ac","account_id":"0190a6e2-7b1c-7def-8abc-0123456789ad",)"
        R"("amount_cents":1050,"currency":"EUR","type":"DEBIT","idempotency_key":"key \"1\"","metadata":{"order":7}}})");
    EXPECT_TRUE(json::parse(message.value));
    EXPECT_EQ(*message.header("ce_id"), "0190a6e2-7b1c-7def-8abc-0123456789ab");
    EXPECT_EQ(*message.header("ce_type"), "transaction.created");
    EXPECT_EQ(*message.header("ce_specversion"), "1.0");
    EXPECT_EQ(*message.header("lane"), "4");
    EXPECT_EQ(*message.header("seq"), "17");
}

// Messages from before tenants, and those of the default one, do not say whose the account is: nobody needs it to read
// them.
TEST(Event, NamesTheTenantInAHeaderThatMayBeMissing) {
    EXPECT_EQ(encode(sample()).header("ce_tenant"), nullptr);
    Event event = sample();
    event.tenant_name = "acme";
    Message message = encode(event);
    ASSERT_NE(message.header("ce_tenant"), nullptr);
    EXPECT_EQ(*message.header("ce_tenant"), "acme");
    EXPECT_EQ(message.value, encode(sample()).value);
    std::erase_if(message.headers, [](const Header& each) { return each.first == "ce_tenant"; });
    const auto old = decode(message);
    ASSERT_TRUE(old);
    EXPECT_EQ(old->event_id, event.event_id);
    EXPECT_EQ(old->seq, event.seq);
}

// The most that intake accepts: a key of 255 code points, metadata up to json::JsonbLimits, a traceparent of its own.
TEST(Event, OfTheLargestRequestHasRoomTwiceOver) {
    Event event = sample();
    event.amount_cents = 1'000'000'000'000'000;
    event.lane = 999'999'999;
    event.seq = std::numeric_limits<std::int64_t>::max();
    event.metadata = std::string(json::JsonbLimits{}.bytes_max, 'x');
    for (const char* unit : {"\U0001F4B6", "\""}) {
        event.idempotency_key.clear();
        for (int i = 0; i < 255; ++i) event.idempotency_key += unit;
        const Message message = encode(event);
        std::size_t bytes = message.key.size() + message.value.size();
        for (const auto& [name, value] : message.headers) bytes += name.size() + value.size();
        EXPECT_LE(bytes, std::size_t{32} << 10) << "an event is bounded by 64 KiB";
        const std::size_t legs_bytes =
            legs_json(std::vector<Leg>(legs_max, {event.event_id, event.account_id, 1'000'000'000'000'000, "EUR"}))
                .size();
        EXPECT_LE(bytes + legs_bytes, event_stored_bytes_max) << "as a transfer";
    }
}

Event sample_transfer() {
    Event event = sample();
    event.schema_version = event_schema_version_with_legs;
    event.type = TransactionType::transfer;
    event.net_cents = -1050;
    event.places = 2;
    event.legs = legs_json(std::vector<Leg>{{event.account_id, event.event_id, 1050, "EUR"}});
    return event;
}

TEST(Event, OfATransferTellsItsLegs) {
    const Message message = encode(sample_transfer());
    EXPECT_THAT(message.value, testing::HasSubstr(R"("schema_version":2,)"));
    EXPECT_THAT(message.value,
                testing::HasSubstr(R"("type":"TRANSFER","net_cents":-1050,"places":2,)"
                                   R"("legs":[{"currency": "EUR", "amount_cents": 1050, )"
                                   R"("to_account_id": "0190a6e2-7b1c-7def-8abc-0123456789ab", )"
                                   R"("from_account_id": "0190a6e2-7b1c-7def-8abc-0123456789ad"}],"idempotency_key")"));
    EXPECT_TRUE(json::parse(message.value));
}

TEST(Event, SourceAndIdAreUniqueTogether) {
    Event here = sample_transfer(), there = here;
    there.lane = 5;
    EXPECT_EQ(*encode(here).header("ce_id"), *encode(there).header("ce_id"));
    EXPECT_EQ(*encode(here).header("ce_source"), "ledgerline/lanes/4");
    EXPECT_EQ(*encode(there).header("ce_source"), "ledgerline/lanes/5");
}

TEST(Event, DecodesWhatItEncodes) {
    const auto announcement = decode(encode(sample()));
    ASSERT_TRUE(announcement);
    EXPECT_EQ(announcement->lane, 4);
    EXPECT_EQ(announcement->seq, 17);
    EXPECT_EQ(announcement->event_id, sample().event_id);
    EXPECT_EQ(announcement->traceparent, sample().traceparent);
}

TEST(Event, RefusesWhatCannotBeRead) {
    const auto damaged = [](auto damage) {
        Message message = encode(sample());
        damage(message);
        return decode(message);
    };
    EXPECT_TRUE(damaged([](Message&) {}));
    EXPECT_FALSE(damaged([](Message& m) { m.headers.clear(); }));
    for (const char* name : {"lane", "seq", "ce_id"}) {
        EXPECT_FALSE(damaged([&](Message& m) { std::erase_if(m.headers, [&](auto& h) { return h.first == name; }); }));
        for (const char* bad : {"", "x", "-1", "1.0", "99999999999999999999", "0190a6e2-7b1c-7def-8abc-0123456789a"}) {
            EXPECT_FALSE(damaged([&](Message& m) {
                for (auto& [header, value] : m.headers)
                    if (header == name) value = bad;
            })) << name
                << ": " << bad;
        }
    }
}

TEST(Event, NeedsNoValueToBeRead) {
    Message message = encode(sample());
    for (const std::string& value :
         {std::string(), std::string("[]"), std::string("\xff\0{", 3),
          R"({"event_id":"0190a6e2-7b1c-7def-8abc-ffffffffffff"})" + std::string(100, '[')}) {
        message.value = value;
        const auto announcement = decode(message);
        ASSERT_TRUE(announcement) << value;
        EXPECT_EQ(announcement->event_id, sample().event_id);
    }
}

}  // namespace
}  // namespace ledgerline
