// What every implementation of DeadLetterStore must do. Include it in one source file of a test program and instantiate
// DeadLetterStoreConformance there.
#pragma once

#include "lab/store_fixture.h"

namespace ledgerline::test {

class DeadLetterStoreConformance : public StoreFixture {
protected:
    static constexpr milliseconds kTerm{60'000};
    static constexpr int kLanes = lane_count;
    static constexpr std::size_t kMany = 1000;
    static constexpr std::size_t kManyBytes = 100'000'000;

    void SetUp() override {
        StoreFixture::SetUp();
        store_ = database_->make_dead_letter_store();
        outbox_ = database_->make_outbox_store();
        ledger_ = database_->make_ledger_store();
    }

    void lease(const std::string& owner) { ASSERT_TRUE(outbox_->renew(owner, kTerm)); }

    // Parks the first event of a lane.
    Uuid park(int lane, Message message = {"key", "{}", {}}) {
        const Event event = insert_credits(open_account(lane), lane, 1, 1).front();
        apply::ParkedEvent letter;
        letter.letter_id = new_id();
        letter.ref = {event.seq, event.event_id};
        letter.incoming = {"transactions", lane, 7, std::move(message)};
        letter.error_class = "unknown";
        letter.error_code = "XY000";
        letter.error_message = "nobody knows, öre";
        letter.attempts = 5;
        letter.first_failed_at = WallTime(std::chrono::seconds(1'600'000'000));
        EXPECT_TRUE(ledger_->park(lane, 0, letter).value_or(false));
        return letter.letter_id;
    }
    Uuid park_foreign(int partition, std::int64_t offset, Message message = {"", "garbage", {}}) {
        const apply::ForeignMessage letter{
            new_id(), {"transactions", partition, offset, std::move(message)}, "undecodable", "no JSON"};
        EXPECT_EQ(ledger_->park_foreign(std::vector{letter}).value_or(0), 1u);
        return letter.letter_id;
    }

    std::vector<DeadLetter> read(const std::string& owner, const Uuid& after = {}, std::size_t letters_max = kMany) {
        auto letters = store_->read_unannounced(owner, after, letters_max, kManyBytes);
        EXPECT_TRUE(letters) << letters.error().message;
        return letters.value_or(std::vector<DeadLetter>{});
    }
    std::vector<Uuid> ids(const std::string& owner, const Uuid& after = {}, std::size_t letters_max = kMany) {
        std::vector<Uuid> found;
        for (const DeadLetter& letter : read(owner, after, letters_max)) found.push_back(letter.id);
        return found;
    }

    std::unique_ptr<letters::DeadLetterStore> store_;
    std::unique_ptr<publish::OutboxStore> outbox_;
    std::unique_ptr<apply::LedgerStore> ledger_;
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DeadLetterStoreConformance);

TEST_P(DeadLetterStoreConformance, ALetterComesWithEverythingThatItsMessageNeeds) {
    lease("a");
    const Message message{"the key", R"({"amount":"ö"})", {{"lane", "4"}, {"lane", "5"}, {"empty", ""}}};
    const Uuid id = park(4, message);
    const auto letters = read("a");
    ASSERT_EQ(letters.size(), 1u);
    const DeadLetter& letter = letters.front();
    EXPECT_EQ(letter.id, id);
    EXPECT_EQ(letter.topic, "transactions");
    EXPECT_EQ(letter.partition, 4);
    EXPECT_EQ(letter.offset, 7);
    EXPECT_EQ(letter.original.key, message.key);
    EXPECT_EQ(letter.original.value, message.value);
    EXPECT_EQ(letter.original.headers, message.headers);
    EXPECT_EQ(letter.value_bytes, std::ssize(message.value));
    EXPECT_EQ(letter.error_class, "unknown");
    EXPECT_EQ(letter.error_code, "XY000");
    EXPECT_EQ(letter.error_message, "nobody knows, öre");
    EXPECT_EQ(letter.attempts, 5);
    EXPECT_EQ(letter.first_failed_at, WallTime(std::chrono::seconds(1'600'000'000)));
    EXPECT_GT(letter.last_failed_at, letter.first_failed_at);
}

TEST_P(DeadLetterStoreConformance, BytesComeBackAsTheyWere) {
    lease("a");
    const std::string bytes("\0\xff\xfe\r\n garbage", 13);
    const Message message{bytes, bytes, {{"fine", "text"}, {"bytes", bytes}, {"b\xff", "YWJj"}, {"plain", "YWJj"}}};
    park_foreign(0, 1, message);
    park_foreign(0, 2, {"", "", {}});
    const auto letters = read("a");
    ASSERT_EQ(letters.size(), 2u);
    EXPECT_EQ(letters[0].original.key, bytes);
    EXPECT_EQ(letters[0].original.value, bytes);
    EXPECT_EQ(letters[0].original.headers, message.headers);
    EXPECT_EQ(letters[1].original.value, "");
    EXPECT_EQ(letters[1].value_bytes, 0);
}

TEST_P(DeadLetterStoreConformance, AReadIsBoundedInBytesAndTakesOneLetterAtLeast) {
    lease("a");
    std::string bytes(1000, 'x');
    std::vector<Uuid> parked;
    for (int i = 0; i < 6; ++i) {
        bytes[0] = i % 2 == 0 ? 'x' : '\xff';
        parked.push_back(park_foreign(0, i, {"", bytes, {}}));
    }
    const auto read = [&](std::size_t bytes_max, const Uuid& after = {}) {
        const auto letters = store_->read_unannounced("a", after, kMany, bytes_max);
        EXPECT_TRUE(letters) << letters.error().message;
        return letters ? letters->size() : 0;
    };
    EXPECT_EQ(read(10), 1u);
    EXPECT_EQ(read(2'500), 3u);
    EXPECT_EQ(read(2'500, parked[3]), 2u);
}

TEST_P(DeadLetterStoreConformance, ALongValueComesCutButWithItsLength) {
    lease("a");
    const std::string text(dead_letter_value_bytes_max + 5, 'x');
    std::string bytes = text;
    bytes[0] = '\xff';
    park_foreign(0, 1, {"", text, {}});
    park_foreign(0, 2, {"", bytes, {}});
    for (const DeadLetter& letter : read("a")) {
        EXPECT_EQ(letter.original.value.size(), dead_letter_value_bytes_max);
        EXPECT_EQ(letter.value_bytes, std::ssize(text));
    }
}

TEST_P(DeadLetterStoreConformance, LettersComeByIdBehindAPosition) {
    lease("a");
    std::vector<Uuid> all;
    for (int lane = 0; lane < 4; ++lane) all.push_back(park(3 - lane));
    EXPECT_EQ(ids("a"), all);
    EXPECT_EQ(ids("a", {}, 3), std::vector(all.begin(), all.begin() + 3));
    EXPECT_EQ(ids("a", all[1]), std::vector(all.begin() + 2, all.end()));
    EXPECT_TRUE(ids("a", all[3]).empty());
}

TEST_P(DeadLetterStoreConformance, AnAnnouncedLetterDoesNotComeAgain) {
    lease("a");
    const Uuid first = park(0), second = park(1), third = park(2);
    EXPECT_EQ(store_->count_unannounced().value_or(-1), 3);
    ASSERT_TRUE(store_->mark_announced(std::vector{first, third}));
    ASSERT_TRUE(store_->mark_announced(std::vector{third, new_id()})) << "repeating it changes nothing";
    EXPECT_EQ(ids("a"), std::vector{second});
    EXPECT_EQ(store_->count_unannounced().value_or(-1), 1);
}

TEST_P(DeadLetterStoreConformance, EachLetterBelongsToTheOwnerOfItsLane) {
    lease("a");
    lease("b");
    lease("a");
    lease("b");
    std::map<std::string, std::vector<Uuid>> expected;
    for (int lane = 0; lane < kLanes; ++lane) expected[database_->lane(lane).owner].push_back(park(lane));
    // A partition beyond the lanes counts from the first lane again.
    for (const int partition : {0, 5, kLanes + 1, 3 * kLanes + 7})
        expected[database_->lane(partition % kLanes).owner].push_back(park_foreign(partition, 1));
    ASSERT_EQ(expected.size(), 2u);
    EXPECT_EQ(ids("a"), expected["a"]);
    EXPECT_EQ(ids("b"), expected["b"]);
    EXPECT_TRUE(ids("c").empty());
    ASSERT_TRUE(outbox_->release("a"));
    EXPECT_TRUE(ids("a").empty());
}

}  // namespace ledgerline::test
