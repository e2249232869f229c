// The scene that the conformance suites of the stores share: a database with accounts, and events made by hand.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "domain/legs.h"
#include "lab/database_under_test.h"

namespace ledgerline::test {

class StoreFixture : public testing::TestWithParam<DatabaseKind> {
protected:
    void SetUp() override { database_ = GetParam().make(); }

    Uuid new_id() { return ids_.next(); }

    Uuid open_account(int lane, std::int64_t balance_cents = 0) {
        Uuid id = new_id();
        while (lane_of(id) != lane) id = new_id();
        database_->add_account({.id = id, .currency = "EUR", .balance_cents = balance_cents});
        return id;
    }

    Event new_event(const Uuid& account_id, int lane, std::int64_t seq, std::int64_t amount_cents = 100,
                    TransactionType type = TransactionType::credit) {
        Event event;
        event.event_id = new_id();
        event.lane = lane;
        event.seq = seq;
        event.occurred_at = WallTime(std::chrono::seconds(1'700'000'000));
        event.transaction_id = new_id();
        event.account_id = account_id;
        event.amount_cents = amount_cents;
        event.net_cents = type == TransactionType::debit ? -amount_cents : amount_cents;
        event.currency = "EUR";
        event.type = type;
        event.idempotency_key = event.transaction_id.to_string();
        return event;
    }

    // The places of a transfer, each at the next seq of its lane, in the order in which intake gives them.
    std::vector<Event> insert_transfer(const std::vector<Leg>& legs) {
        const auto effects = effects_of(legs);
        Event event = new_event(effects.front().account_id, 0, 0, 0, TransactionType::transfer);
        event.schema_version = event_schema_version_with_legs;
        event.legs = legs_json(legs);
        event.places = static_cast<int>(effects.size());
        for (const Leg& leg : legs) event.amount_cents += leg.amount_cents;
        std::vector<Event> events;
        for (const Effect& effect : effects) {
            event.account_id = effect.account_id;
            event.net_cents = effect.net_cents;
            event.lane = lane_of(effect.account_id);
            event.seq = database_->lane(event.lane).last_seq + 1;
            event.is_first = events.empty();
            database_->insert(event);
            events.push_back(event);
        }
        return events;
    }

    // Accepts credits of 100 as first..last of a lane, for one account.
    std::vector<Event> insert_credits(const Uuid& account_id, int lane, std::int64_t first, std::int64_t last) {
        std::vector<Event> events;
        for (std::int64_t seq = first; seq <= last; ++seq) {
            events.push_back(new_event(account_id, lane, seq));
            database_->insert(events.back());
        }
        return events;
    }

    intake::IntakeItem item(const Uuid& account_id, std::int64_t amount_cents = 100) {
        intake::IntakeItem item;
        item.transaction_id = new_id();
        item.event_id = new_id();
        item.account_id = account_id;
        item.amount_cents = amount_cents;
        item.currency = "EUR";
        item.idempotency_key = item.transaction_id.to_string();
        return item;
    }
    intake::IntakeItem transfer(std::vector<Leg> legs) {
        intake::IntakeItem transfer = item({});
        set_legs(transfer, std::move(legs));
        return transfer;
    }
    // The same request under the same key, as a client sends it again.
    intake::IntakeItem again(const intake::IntakeItem& first) {
        intake::IntakeItem item = first;
        item.transaction_id = new_id();
        item.event_id = new_id();
        return item;
    }

    std::unique_ptr<DatabaseUnderTest> database_;

private:
    SystemClock clock_;
    SystemRandom random_;
    UuidGenerator ids_{clock_, random_};
};

}  // namespace ledgerline::test
