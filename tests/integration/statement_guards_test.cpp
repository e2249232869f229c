// What the statement that decides refuses, and what it takes from the place: whatever the worker believes, it can move
// a transaction at all its places or at none, at the next ones of their lanes, and by the amounts that were accepted.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "db/sqlstate.h"
#include "intake/pg_intake_store.h"
#include "lab/account_change.h"
#include "lab/test_database.h"
#include "observe/metrics.h"
#include "sql/queries.h"

namespace ledgerline::test {
namespace {

using Places = std::vector<std::pair<int, std::int64_t>>;  // lanes and seqs

class StatementGuards : public testing::Test {
protected:
    void SetUp() override {
        for (const int lane : {1, 2})
            database_.run(
                fmt::format("INSERT INTO account_settings (id, currency, lane, created_at, updated_at) "
                            "VALUES ('{}', 'EUR', {}, now(), now())",
                            account(lane).to_string(), lane));
    }
    static Uuid account(int lane) { return *Uuid::parse(fmt::format("00000000-0000-7000-8000-{:012x}", lane)); }

    void accept(std::vector<Leg> legs) {
        intake::IntakeItem item;
        item.transaction_id = ids_.next();
        item.event_id = ids_.next();
        item.idempotency_key = item.transaction_id.to_string();
        set_legs(item, std::move(legs));
        intake::PgIntakeStore intake(database_.config(), metrics_);
        const auto results = intake.accept(std::span(&item, 1));
        ASSERT_TRUE(results) << results.error().message;
        ASSERT_EQ(results->front().status, intake::IntakeResult::Status::created);
    }
    void accept_credit() { accept({{std::nullopt, account(1), 100, "EUR"}}); }
    void accept_transfer() { accept({{account(1), account(2), 100, "EUR"}}); }

    std::string value_at(int lane, std::int64_t seq, const std::string& column, const std::string& otherwise) {
        const std::string found =
            database_.value(fmt::format("SELECT {} FROM lane_places WHERE lane = {} AND seq = {}", column, lane, seq));
        return found.empty() ? otherwise : found;
    }

    Uuid event_at(int lane, std::int64_t seq) { return *Uuid::parse(value_at(lane, seq, "event_id", "")); }

    // Decides the places as a worker would that found nothing wrong. Returns the SQLSTATE of its failure.
    std::string decide(const Places& places, std::int64_t balance_cents = 0) {
        std::vector<Uuid> event_ids;
        std::vector<std::int64_t> nets;
        for (const auto& [lane, seq] : places) {
            event_ids.push_back(*Uuid::parse(value_at(lane, seq, "event_id", account(lane).to_string())));
            nets.push_back(std::stoll(value_at(lane, seq, "net_cents", "100")));
        }
        return decide(places, event_ids, nets, balance_cents);
    }
    std::string decide(const Places& places, const std::vector<Uuid>& event_ids, const std::vector<std::int64_t>& nets,
                       std::int64_t balance_cents, bool settings_known = false) {
        std::vector<int> lanes, counts, befores;
        std::vector<std::int64_t> first_seqs;
        for (std::size_t i = 0; i < places.size(); ++i) {
            const auto& [lane, seq] = places[i];
            if (i == 0 || places[i - 1] != std::pair(lane, seq - 1)) {
                lanes.push_back(lane);
                first_seqs.push_back(seq);
                befores.push_back(static_cast<int>(i));
                counts.push_back(0);
            }
            ++counts.back();
        }
        const std::vector<std::int64_t> balances(places.size(), balance_cents), floors(places.size(), -1000);
        return decide({.lanes = lanes,
                       .first_seqs = first_seqs,
                       .counts = counts,
                       .befores = befores,
                       .event_ids = event_ids,
                       .nets_cents = nets,
                       .balances_after_cents = balances,
                       .floors_cents = floors,
                       .settings_known = settings_known});
    }
    std::string decide(const sql::ApplyDecide& decisions) {
        db::Connection connection = database_.connect();
        const auto decided =
            connection.pipeline({{db::begin, {}}, sql::ApplyLockLanes{decisions.lanes}, decisions, {db::commit, {}}});
        return decided ? "" : decided.error().code;
    }
    std::string decisions() {
        return database_.value(
            "SELECT coalesce(string_agg(d.lane || ':' || d.seq || ' ' || d.amount_cents, ', ' ORDER BY d.lane, d.seq), "
            "'') "
            "FROM decisions d JOIN lane_places p ON (p.lane, p.seq) = (d.lane, d.seq) "
            "AND (p.account_id, p.transaction_id) = (d.account_id, d.transaction_id)");
    }

    const std::string refused_{db::demand_not_met};
    TestDatabase database_;
    Metrics metrics_{"test"};
    SystemClock clock_;
    SystemRandom random_;
    UuidGenerator ids_{clock_, random_};
};

TEST_F(StatementGuards, AccountTransactionAndAmountComeFromThePlace) {
    accept_credit();
    accept_transfer();
    EXPECT_EQ(decide({{1, 1}, {1, 2}, {2, 1}}, 12'345), "");
    EXPECT_EQ(decisions(), "1:1 100, 1:2 -100, 2:1 100");
}

TEST_F(StatementGuards, ATransactionMovesAtAllItsPlacesOrAtNone) {
    accept_transfer();
    EXPECT_EQ(decide({{1, 1}}), refused_);
    EXPECT_EQ(decide({{2, 1}}), refused_);
    EXPECT_EQ(decisions(), "");
    EXPECT_EQ(decide({{1, 1}, {2, 1}}), "");
}

TEST_F(StatementGuards, NoPlaceIsPassedOver) {
    accept_credit();
    accept_credit();
    accept_credit();
    EXPECT_EQ(decide({{1, 2}}), refused_);
    EXPECT_EQ(decide({{1, 1}, {1, 3}}), refused_);
    EXPECT_EQ(decide({{1, 1}}), "");
    EXPECT_EQ(decide({{1, 3}}), refused_);
    EXPECT_EQ(decisions(), "1:1 100");
}

TEST_F(StatementGuards, WhatIsNoPlaceIsNotDecided) {
    EXPECT_EQ(decide({{1, 1}}), refused_);
    accept_credit();
    EXPECT_EQ(decide({{1, 1}, {1, 2}}), refused_);
    EXPECT_EQ(decisions(), "");
}

TEST_F(StatementGuards, WhatIsClaimedOtherwiseThanItIsIsNotDecided) {
    accept_credit();
    const Uuid event = event_at(1, 1);
    EXPECT_EQ(decide({{1, 1}}, {account(1)}, {100}, 100), refused_) << "another event";
    EXPECT_EQ(decide({{1, 1}}, {event}, {101}, 101), refused_) << "another effect";
    EXPECT_EQ(decisions(), "");
    EXPECT_EQ(decide({{1, 1}}, {event}, {100}, 100, true), "");
}

// Each place needs a claim of its own, and each claim a place.
TEST_F(StatementGuards, AsManyPlacesAreDecidedAsAreClaimed) {
    accept_credit();
    accept_credit();
    const std::vector<int> lanes{1}, befores{0}, two{2}, one{1};
    const std::vector<std::int64_t> firsts{1}, nets{100, 100}, balances{100, 200}, floors{0, 0};
    const std::vector<Uuid> events{event_at(1, 1), event_at(1, 2)};
    sql::ApplyDecide decisions{.lanes = lanes,
                               .first_seqs = firsts,
                               .counts = two,
                               .befores = befores,
                               .event_ids = std::span(events).first(1),
                               .nets_cents = nets,
                               .balances_after_cents = balances,
                               .floors_cents = floors};
    EXPECT_EQ(decide(decisions), refused_) << "a place without a claim";
    decisions.event_ids = events;
    decisions.counts = one;
    EXPECT_EQ(decide(decisions), refused_) << "a claim without a place";
    decisions.befores = one;
    EXPECT_EQ(decide(decisions), refused_) << "the claim of another place";
    EXPECT_EQ(this->decisions(), "");
}

TEST_F(StatementGuards, OnlyThoseThatAreRefusedAreRefused) {
    accept_credit();
    accept_credit();
    const std::vector<int> lanes{1}, befores{0}, two{2}, second{2};
    const std::vector<std::int64_t> firsts{1}, nets{100, 100}, balances{100, 100}, floors{0, 0};
    const std::vector<Uuid> events{event_at(1, 1), event_at(1, 2)};
    const std::vector<std::string> codes{"balance_overflow"}, reasons{"too much"};
    EXPECT_EQ(decide({.lanes = lanes,
                      .first_seqs = firsts,
                      .counts = two,
                      .befores = befores,
                      .event_ids = events,
                      .nets_cents = nets,
                      .balances_after_cents = balances,
                      .floors_cents = floors,
                      .refused = second,
                      .failure_codes = codes,
                      .failure_reasons = reasons}),
              "");
    EXPECT_EQ(database_.value("SELECT string_agg(concat_ws(' ', kind, failure_code, failure_reason, held_after_cents), "
                              "', ' ORDER BY seq) FROM decisions"),
              "POSTED 0, REFUSED balance_overflow too much 0");
}

// By a worker that relies on what it knew of the settings before.
TEST_F(StatementGuards, AChangeOfAnAccountSinceTheLastDecisionIsSeen) {
    accept_credit();
    accept_credit();
    EXPECT_EQ(decide({{1, 1}}, 100), "");
    change_account(database_, account(1).to_string(), "status = 'ACTIVE'");
    const Uuid event = event_at(1, 2);
    EXPECT_EQ(decide({{1, 2}}, {event}, {100}, 200, true), refused_);
    EXPECT_EQ(decide({{1, 2}}, {event}, {100}, 200, false), "");
}

// It means that the lane has moved, and is no fault of the row.
TEST_F(StatementGuards, APlaceThatIsTakenIsAnOutage) {
    accept_credit();
    EXPECT_EQ(decide({{1, 1}}), "");
    EXPECT_EQ(decide({{1, 1}}), refused_);
    EXPECT_EQ(db::classify(refused_), db::FailureClass::transient);
}

}  // namespace
}  // namespace ledgerline::test
