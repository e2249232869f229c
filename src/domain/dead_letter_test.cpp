#include "domain/dead_letter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ledgerline {
namespace {

using testing::ElementsAre;
using testing::Pair;

constexpr std::size_t kRoom = 1'000'000;

DeadLetter sample() {
    DeadLetter letter;
    letter.id = *Uuid::parse("0190a6e2-7b1c-7def-8abc-0123456789ab");
    letter.topic = "transactions";
    letter.partition = 4;
    letter.offset = 1234567890123;
    letter.original = {"key", "{}", {{"lane", "4"}, {"lane", "5"}}};
    letter.value_bytes = 2;
    letter.error_class = "permanent";
    letter.error_code = "23514";
    letter.error_message = "the row is refused";
    letter.attempts = 3;
    letter.first_failed_at = WallTime(std::chrono::seconds(1'700'000'000));
    letter.last_failed_at = letter.first_failed_at + std::chrono::microseconds(1'500'000);
    return letter;
}

TEST(DeadLetter, KeepsTheOriginalAndAddsItsOwnHeaders) {
    const Message message = encode(sample(), kRoom);
    EXPECT_EQ(message.key, "key");
    EXPECT_EQ(message.value, "{}");
    EXPECT_THAT(
        message.headers,
        ElementsAre(Pair("lane", "4"), Pair("lane", "5"), Pair("dlq-id", "0190a6e2-7b1c-7def-8abc-0123456789ab"),
                    Pair("dlq-original-topic", "transactions"), Pair("dlq-partition", "4"),
                    Pair("dlq-offset", "1234567890123"), Pair("dlq-error-class", "permanent"),
                    Pair("dlq-error-code", "23514"), Pair("dlq-error-message", "the row is refused"),
                    Pair("dlq-attempts", "3"), Pair("dlq-first-failed-at", "2023-11-14T22:13:20.000000Z"),
                    Pair("dlq-last-failed-at", "2023-11-14T22:13:21.500000Z")));
}

TEST(DeadLetter, HeadersOfTheOriginalDoNotPassForItsOwn) {
    DeadLetter letter = sample();
    letter.original.headers = {{"dlq-id", "forged"}, {"dlq", "kept"}, {"dlq-truncated", "value"}};
    const Message message = encode(letter, kRoom);
    EXPECT_EQ(*message.header("dlq-id"), letter.id.to_string());
    EXPECT_EQ(message.header("dlq-truncated"), nullptr);
    EXPECT_EQ(message.headers.front(), Header("dlq", "kept"));
}

TEST(DeadLetter, WhatIsTooLongIsCutAndSaysSo) {
    DeadLetter letter = sample();
    letter.value_bytes = 800'000;
    letter.original.value.assign(dead_letter_value_bytes_max, '\xff');
    EXPECT_EQ(*encode(letter, kRoom).header("dlq-truncated"), "value");

    letter.original.key.assign(40'000, 'k');
    letter.original.headers.assign(100, {"name", std::string(1000, 'h')});
    const Message message = encode(letter, kRoom);
    EXPECT_EQ(*message.header("dlq-truncated"), "key value headers");
    EXPECT_EQ(message.key.size(), dead_letter_key_bytes_max);
    EXPECT_EQ(message.value.size(), dead_letter_value_bytes_max);
    EXPECT_EQ(std::ranges::count(message.headers, "name", &Header::first), 64);
}

TEST(DeadLetter, FitsIntoTheRoomThatThereIs) {
    DeadLetter letter = sample();
    letter.original = {std::string(500, 'k'), std::string(60'000, 'v'), {{"a", std::string(500, 'h')}, {"b", ""}}};
    letter.value_bytes = 60'000;
    letter.error_message.assign(5000, 'e');
    const Message whole = encode(letter, kRoom);
    EXPECT_EQ(whole.header("dlq-truncated"), nullptr);
    EXPECT_EQ(wire_bytes_max(encode(letter, wire_bytes_max(whole) + 100)), wire_bytes_max(whole));
    for (const std::size_t room : {61'000u, 50'000u, 5000u}) {
        const Message cut = encode(letter, room);
        EXPECT_LE(wire_bytes_max(cut), room);
        EXPECT_GT(wire_bytes_max(cut), room - 600) << "no room is given away";
        EXPECT_NE(cut.header("dlq-truncated"), nullptr);
        EXPECT_EQ(*cut.header("dlq-id"), letter.id.to_string());
    }
    EXPECT_EQ(encode(letter, 0).value, "") << "what names the letter stays";
    EXPECT_EQ(*encode(letter, 0).header("dlq-truncated"), "key value headers");
}

TEST(DeadLetter, AnAddedHeaderIsCutBetweenCodePoints) {
    DeadLetter letter = sample();
    letter.error_message = std::string(dead_letter_text_bytes_max - 1, 'e') + "öö";
    EXPECT_EQ(*encode(letter, kRoom).header("dlq-error-message"), std::string(dead_letter_text_bytes_max - 1, 'e'));
    letter.error_message = std::string(dead_letter_text_bytes_max - 2, 'e') + "öö";
    EXPECT_EQ(*encode(letter, kRoom).header("dlq-error-message"),
              std::string(dead_letter_text_bytes_max - 2, 'e') + "ö");
}

}  // namespace
}  // namespace ledgerline
