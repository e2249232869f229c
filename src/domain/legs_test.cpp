#include "domain/legs.h"

#include <gtest/gtest.h>

#include "base/jsonb.h"
#include "base/money.h"

namespace ledgerline {
namespace {

Uuid account(std::uint8_t n) {
    Uuid id;
    id.bytes[15] = n;
    return id;
}
const Uuid kAlice = account(1), kBob = account(2), kFees = account(3);

TEST(Legs, AnAccountIsTouchedOnceWithItsNetEffect) {
    const std::vector<Leg> legs = {{kAlice, kBob, 100, "EUR"}, {kBob, kFees, 7, "EUR"}, {kAlice, kFees, 1, "EUR"}};
    EXPECT_EQ(effects_of(legs), (std::vector<Effect>{{kAlice, -101, "EUR"}, {kBob, 93, "EUR"}, {kFees, 8, "EUR"}}));
}

TEST(Legs, AnEffectOfZeroIsAnEffect) {
    const std::vector<Leg> legs = {{kAlice, kBob, 100, "EUR"}, {kBob, kAlice, 100, "EUR"}};
    EXPECT_EQ(effects_of(legs), (std::vector<Effect>{{kAlice, 0, "EUR"}, {kBob, 0, "EUR"}}));
}

TEST(Legs, TheOutsideWorldIsNoAccount) {
    EXPECT_EQ(effects_of(std::vector<Leg>{{std::nullopt, kBob, 5, "EUR"}}), (std::vector<Effect>{{kBob, 5, "EUR"}}));
    EXPECT_EQ(effects_of(std::vector<Leg>{{kBob, std::nullopt, 5, "EUR"}}), (std::vector<Effect>{{kBob, -5, "EUR"}}));
}

TEST(Legs, TheLargestSumsAreExact) {
    const std::vector<Leg> legs(legs_max, Leg{kAlice, kBob, amount_cents_max, "EUR"});
    EXPECT_EQ(effects_of(legs)[1].net_cents, static_cast<std::int64_t>(legs_max) * amount_cents_max);
}

TEST(Legs, AreTheSameInAnyOrderButAsManyTimes) {
    const Leg one{kAlice, kBob, 1, "EUR"}, two{kAlice, kBob, 2, "EUR"};
    EXPECT_TRUE(same_legs(std::vector{one, two}, std::vector{two, one}));
    EXPECT_FALSE(same_legs(std::vector{one, one, two}, std::vector{one, two, two}));
    EXPECT_FALSE(same_legs(std::vector{one}, std::vector{one, one}));
}

TEST(Legs, AreReadBackFromTheirJson) {
    const std::vector<Leg> legs = {
        {kAlice, kBob, 100, "EUR"}, {kBob, std::nullopt, 7, "JPY"}, {std::nullopt, kFees, amount_cents_max, "USD"}};
    EXPECT_EQ(parse_legs(legs_json(legs)), legs);
    for (const char* wrong :
         {"", "{}", "[{}]", R"([{"currency": "EUR", "amount_cents": 1, "to_external": true}])",
          R"([{"currency": 1, "amount_cents": 1, "to_external": true, "from_external": true}])",
          R"([{"currency": "EUR", "to_external": true, "from_account_id": "x", "amount_cents": 1}])"})
        EXPECT_FALSE(parse_legs(wrong)) << wrong;
}

TEST(Legs, TurnedRoundPayBack) {
    const std::vector<Leg> legs = {{kAlice, kBob, 100, "EUR"}, {kBob, std::nullopt, 7, "EUR"}};
    EXPECT_EQ(turned_round(legs), (std::vector<Leg>{{kBob, kAlice, 100, "EUR"}, {std::nullopt, kBob, 7, "EUR"}}));
}

TEST(Lanes, AreTakenFromTheLastTwoBytes) {
    Uuid id;
    EXPECT_EQ(lane_of(id), 0);
    id.bytes[15] = 47;
    EXPECT_EQ(lane_of(id), 47);
    id.bytes[14] = 1;  // 256 + 47 = 6 * 48 + 15
    EXPECT_EQ(lane_of(id), 15);
    id.bytes[13] = 9;
    EXPECT_EQ(lane_of(id), 15);
}

TEST(Legs, AreStoredAsJsonThatNamesBothSides) {
    EXPECT_EQ(legs_json(std::vector<Leg>{{kAlice, kBob, 100, "EUR"}, {kBob, std::nullopt, 7, "JPY"}}),
              R"([{"currency": "EUR", "amount_cents": 100, "to_account_id": "00000000-0000-0000-0000-000000000002", )"
              R"("from_account_id": "00000000-0000-0000-0000-000000000001"}, )"
              R"({"currency": "JPY", "to_external": true, "amount_cents": 7, )"
              R"("from_account_id": "00000000-0000-0000-0000-000000000002"}])");
    const std::vector<Leg> legs{
        {std::nullopt, kBob, 1, "EUR"}, {kBob, kAlice, 2, "JPY"}, {kAlice, std::nullopt, 3, "X"}};
    EXPECT_EQ(legs_json(legs), json::to_jsonb(*json::parse(legs_json(legs))).value()) << "as jsonb prints it";
}

}  // namespace
}  // namespace ledgerline
