#include "simulation.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "domain/hold.h"
#include "faulty_bus.h"
#include "faulty_stores.h"
#include "feed/topic_publisher.h"
#include "outcome_store.h"
#include "publish/handed_outbox.h"

namespace ledgerline::test {
namespace {

constexpr std::size_t kPartitionMessagesMax = 40;  // small, so that partitions fill up
constexpr std::size_t kPollMessagesMax = 25;
constexpr int kHealStepsMax = 20'000;
constexpr unsigned kOutcomeFails = 15;  // of a thousand
// SQLSTATEs: of a row that can never be written, and of a failure that the worker does not know.
constexpr const char* kBadRow = "22003";
constexpr const char* kUnknownFailure = "P0002";

}  // namespace

struct Simulation::PublisherProcess {
    PublisherProcess(Simulation& world, const std::string& owner)
        : outbox(std::make_unique<FaultyOutboxStore>(world.database_.make_outbox_store(), world.faults_), world.clock_),
          producer(world.bus_.make_producer(), world.faults_, world.clock_, kLanes),
          publisher({owner}, outbox, producer, world.context_),
          outcomes(world.database_.tables, world.told_, world.faults_),
          topic_producer(world.topic_, world.random_, world.clock_,
                         [&world] { return world.faults_.happen(kOutcomeFails); }),
          topic_publisher(owner, feed::TopicStart::start, outcomes, topic_producer, world.context_) {}

    publish::HandedOutbox outbox;
    FaultyProducer producer;
    publish::Publisher publisher;
    // Its other loop.
    MemoryOutcomeStore outcomes;
    FailingProducer topic_producer;
    feed::TopicPublisher topic_publisher;
    bool running = false, telling = false;
};

struct Simulation::WorkerProcess {
    explicit WorkerProcess(Simulation& world)
        : store(world.database_.make_ledger_store(), world.faults_),
          consumer(world.bus_.make_consumer(), world.faults_),
          worker(
              {.messages_max = kPollMessagesMax, .poll_wait = milliseconds(0)}, consumer, store, [](WallTime) {},
              world.context_) {}

    FaultyLedgerStore store;
    FaultyConsumer consumer;
    apply::Worker worker;
    bool running = false;
};

Simulation::Simulation(std::uint64_t seed)
    : loses_tails_(seed % 2 == 0), random_(seed), bus_({.partitions = kLanes, .messages_max = kPartitionMessagesMax}) {
    intake_ = std::make_unique<FaultyIntakeStore>(database_.make_intake_store(), faults_);
    for (std::size_t i = 0; i < publishers_.size(); ++i) restart_publisher(i);
    for (std::size_t i = 0; i < workers_.size(); ++i) restart_worker(i);
    faults_.interleave = [this] {
        if (draw(3) == 0) clock_.advance(publish::Publisher::lease_term + milliseconds(1));
        for (std::uint64_t left = draw(8); left > 0; --left) step_anything();
    };
    open_accounts();
}

Simulation::~Simulation() = default;

void Simulation::open_accounts() {
    for (std::size_t i = 0; i < kAccounts; ++i) {
        const Uuid id = ids_.next();
        const auto floor = -static_cast<std::int64_t>(draw(3)) * 500;
        const auto balance = draw(3) == 0 ? 0 : static_cast<std::int64_t>(draw(1000));  // an empty one may be closed
        const AccountState state{.id = id, .currency = "EUR", .balance_cents = balance, .min_balance_cents = floor};
        database_.tables.accounts[id] = {state, static_cast<int>(draw(kLanes))};
        accounts_.push_back(id);
        opening_cents_[id] = balance;
    }
}

void Simulation::run(int steps) {
    for (int step = 0; step < steps; ++step) {
        step_anything();
        let_time_pass();
    }
}

void Simulation::step_anything() {
    const std::uint64_t what = draw(1000);
    if (what < 120) return accept_batch();
    if (what < 200) return tell_outcomes(what % 2);
    if (what < 500) return step_publisher(what % 2);
    if (what < 958) return step_worker(what % workers_.size());
    if (what < 973) return replay_a_letter();
    if (what < 983) return restart_publisher(what % 2);
    if (what < 989) return restart_worker(what % workers_.size());
    if (what < 994) return change_an_account();
    if (what < 998) return lag_or_fail_over();
    clock_.advance(std::chrono::seconds(draw(20)));
}

// A client sends a batch again until it knows what became of it, or gives up.
void Simulation::accept_batch() {
    if (unanswered_.empty() || faults_.happen(200)) {
        unanswered_.clear();
        for (std::uint64_t left = 1 + draw(8); left > 0; --left) {
            intake::IntakeItem item = make_item();
            if (!unanswered_.empty() && draw(5) == 0) follow(item, unanswered_.back());
            unanswered_.push_back(std::move(item));
        }
    }
    const auto results = intake_->accept(unanswered_);
    if (!results) return;
    for (std::size_t i = 0; i < unanswered_.size(); ++i) {
        const intake::IntakeResult& result = (*results)[i];
        if (result.status != intake::IntakeResult::Status::created) continue;
        receipts_.push_back({result.transaction_id, result.lane, result.seq});
        // A follower is sent again only with what it follows.
        if (!unanswered_[i].follows && draw(10) == 0) repeatable_.push_back(unanswered_[i]);
        if (unanswered_[i].type == TransactionType::hold) holds_.push_back(unanswered_[i]);
        if (is_reversible(unanswered_[i].type) && draw(4) == 0) reversible_.push_back(unanswered_[i]);
        if (draw(40) == 0) database_.tables.poisoned[result.transaction_id] = draw(2) == 0 ? kBadRow : kUnknownFailure;
    }
    hand_over(*results);
    unanswered_.clear();
}

// The process that accepted them may have a publisher, which may be told.
void Simulation::hand_over(std::span<const intake::IntakeResult> results) {
    const std::uint64_t process = draw(3);
    if (process >= publishers_.size()) return;
    std::vector<Event> events;
    for (std::size_t i = 0; i < results.size(); ++i)
        if (results[i].status == intake::IntakeResult::Status::created)
            std::ranges::move(events_of(unanswered_[i], results[i]), std::back_inserter(events));
    publishers_[process]->outbox.hand(std::move(events));
}

intake::IntakeItem Simulation::make_item() {
    if (!repeatable_.empty() && draw(10) == 0) {
        // The same key once more, with the same body or another one.
        intake::IntakeItem item = repeatable_[draw(repeatable_.size())];
        item.transaction_id = ids_.next();
        item.event_id = ids_.next();
        if (draw(3) == 0) return other_body(std::move(item));
        if (!item.legs.empty()) std::ranges::rotate(item.legs, item.legs.begin() + 1);
        if (!item.legs.empty()) set_legs(item, item.legs);
        return item;
    }
    if (!reversible_.empty() && draw(6) == 0) return make_reversal(reversible_[draw(reversible_.size())]);
    if (draw(8) == 0) return make_hold();
    if (!holds_.empty() && draw(5) == 0) return make_settlement(holds_[draw(holds_.size())]);
    intake::IntakeItem item = new_item(draw(2) == 0 ? TransactionType::credit : TransactionType::debit);
    item.account_id = accounts_[draw(accounts_.size())];
    item.amount_cents = 1 + static_cast<std::int64_t>(draw(400));
    item.currency = "EUR";
    if (draw(3) == 0) set_legs(item, make_legs());
    return item;
}

intake::IntakeItem Simulation::new_item(TransactionType type) {
    intake::IntakeItem item;
    item.transaction_id = ids_.next();
    item.event_id = ids_.next();
    item.type = type;
    item.idempotency_key = item.transaction_id.to_string();
    return item;
}

intake::IntakeItem Simulation::make_hold() {
    intake::IntakeItem item = new_item(TransactionType::hold);
    item.account_id = accounts_[draw(accounts_.size())];
    item.amount_cents = 1 + static_cast<std::int64_t>(draw(400));
    item.currency = "EUR";
    item.terms = fmt::format(R"({{"expires_in_s":{}}})", 1 + draw(60));
    return item;
}

// A capture, perhaps of more than there is, a release, or the release by which the hold expires.
intake::IntakeItem Simulation::make_settlement(const intake::IntakeItem& hold) {
    const bool capture = draw(3) > 0;
    intake::IntakeItem item = new_item(capture ? TransactionType::capture : TransactionType::release);
    item.account_id = hold.account_id;
    item.amount_cents = capture ? 1 + static_cast<std::int64_t>(draw(400)) : hold.amount_cents;
    item.currency = hold.currency;
    item.parent_id = hold.transaction_id;
    if (!capture) {
        if (draw(2) == 0) item.idempotency_key = expiry_key(hold.transaction_id);
        return item;
    }
    item.terms = fmt::format(R"({{"final":{}}})", draw(2) == 0);
    Leg leg{item.account_id, accounts_[draw(accounts_.size())], item.amount_cents, item.currency};
    if (leg.to == leg.from) leg.to.reset();
    set_legs(item, {std::move(leg)});
    return item;
}

// Of all of it, or of a part where it has one leg: perhaps of more than is left.
intake::IntakeItem Simulation::make_reversal(const intake::IntakeItem& reversed) {
    std::vector<Leg> legs = reversed.legs;
    if (legs.empty()) {
        const bool debit = reversed.type == TransactionType::debit;
        legs.push_back({.from = {}, .to = {}, .amount_cents = reversed.amount_cents, .currency = reversed.currency});
        (debit ? legs[0].from : legs[0].to) = reversed.account_id;
    }
    if (legs.size() == 1 && draw(2) == 0)
        legs[0].amount_cents = 1 + static_cast<std::int64_t>(draw(static_cast<std::uint64_t>(legs[0].amount_cents)));
    intake::IntakeItem item = new_item(TransactionType::reversal);
    item.parent_id = reversed.transaction_id;
    set_legs(item, turned_round(legs));
    return item;
}

intake::IntakeItem Simulation::other_body(intake::IntakeItem item) {
    if (item.legs.empty()) {
        ++item.amount_cents;
        return item;
    }
    ++item.legs.front().amount_cents;
    set_legs(item, item.legs);
    return item;
}

std::vector<Leg> Simulation::make_legs() {
    std::vector<Leg> legs;
    for (std::uint64_t left = 1 + draw(3); left > 0; --left) {
        const std::size_t from = draw(accounts_.size()),
                          to = (from + 1 + draw(accounts_.size() - 1)) % accounts_.size();
        Leg leg{accounts_[from], accounts_[to], 1 + static_cast<std::int64_t>(draw(400)), "EUR"};
        if (draw(8) == 0) (draw(2) == 0 ? leg.from : leg.to).reset();
        legs.push_back(std::move(leg));
    }
    return legs;
}

// A process that is held up in the middle of a step cannot begin another one: `running` guards that.
void Simulation::step_publisher(std::size_t index) {
    PublisherProcess& process = *publishers_[index];
    if (std::exchange(process.running, true)) return;
    const auto idle = process.publisher.step();
    EXPECT_TRUE(idle) << idle.error().message;
    process.running = false;
}

void Simulation::tell_outcomes(std::size_t index) {
    PublisherProcess& process = *publishers_[index];
    if (std::exchange(process.telling, true)) return;
    const auto idle = process.topic_publisher.step();
    EXPECT_TRUE(idle) << idle.error().message;
    process.telling = false;
}

void Simulation::step_worker(std::size_t index) {
    WorkerProcess& process = *workers_[index];
    if (std::exchange(process.running, true)) return;
    const auto idle = process.worker.step();
    EXPECT_TRUE(idle) << idle.error().message;
    process.running = false;
    if (process.store.died()) restart_worker(index);
}

void Simulation::restart_publisher(std::size_t index) {
    if (publishers_[index] && (publishers_[index]->running || publishers_[index]->telling)) return;
    publishers_[index] = std::make_unique<PublisherProcess>(*this, fmt::format("publisher-{}", ++starts_));
}

void Simulation::restart_worker(std::size_t index) {
    if (workers_[index] && workers_[index]->running) return;
    workers_[index].reset();
    workers_[index] = std::make_unique<WorkerProcess>(*this);
}

// An operator mends what was wrong, or not, and replays.
void Simulation::replay_a_letter() {
    auto& letters = database_.tables.letters;
    const auto letter =
        std::find_if(letters.begin(), letters.end(), [](const MemoryTables::Letter& l) { return l.ref && l.parked; });
    if (letter == letters.end()) return;
    if (draw(2) == 0) database_.tables.poisoned.erase(letter->transaction_id);
    database_.replay(letter->id, ids_.next());
}

// An operator suspends or closes an account, lets it work again, or gives it other limits.
void Simulation::change_an_account() {
    constexpr AccountStatus statuses[] = {AccountStatus::active, AccountStatus::active, AccountStatus::suspended,
                                          AccountStatus::closed};
    AccountState wanted{.id = accounts_[draw(accounts_.size())], .currency = "EUR"};
    wanted.status = statuses[draw(std::size(statuses))];
    wanted.min_balance_cents = 300 - static_cast<std::int64_t>(draw(3)) * 400;
    if (draw(2) == 0) wanted.max_balance_cents = wanted.min_balance_cents + static_cast<std::int64_t>(draw(2000));
    database_.change(wanted);
}

// The standby falls behind, or takes over with what it has.
void Simulation::lag_or_fail_over() {
    if (!loses_tails_) return;
    if (!standby_) {
        standby_ = Standby{database_.tables, told_, receipts_.size()};
        return;
    }
    database_.tables = std::move(standby_->tables);
    told_ = std::move(standby_->told);
    receipts_.resize(standby_->receipts);
    standby_.reset();
    faults_.fail_over();
    forget_what_is_lost();
}

// Clients refer to nothing that is not there.
void Simulation::forget_what_is_lost() {
    const auto is_lost = [this](const intake::IntakeItem& item) {
        return !database_.tables.transaction_ids.contains(item.transaction_id);
    };
    for (auto* items : {&repeatable_, &reversible_, &holds_}) std::erase_if(*items, is_lost);
    unanswered_.clear();
}

void Simulation::let_time_pass() { clock_.advance(milliseconds(draw(30))); }

bool Simulation::heal() {
    faults_.heal();
    // What failed for an unknown reason does so no longer; rows that are bad stay bad.
    std::erase_if(database_.tables.poisoned, [](const auto& poison) { return poison.second == kUnknownFailure; });
    for (int step = 0; step < kHealStepsMax && !at_rest(); ++step) {
        step_publisher(draw(2));
        step_worker(draw(workers_.size()));
        tell_outcomes(draw(2));
        let_time_pass();
    }
    return at_rest();
}

bool Simulation::at_rest() const {
    return std::all_of(database_.tables.lanes.begin(), database_.tables.lanes.end(), [this](const auto& numbered) {
        const MemoryTables::Lane& lane = numbered.second;
        const auto told = told_.find(numbered.first);
        const bool all_told = lane.last_seq == 0 || (told != told_.end() && told->second.seq == lane.last_seq);
        return lane.published_seq == lane.last_seq && lane.applied_seq == lane.last_seq && all_told;
    });
}

std::vector<std::string> Simulation::audit() const {
    std::vector<std::string> findings = test::audit(database_.tables, opening_cents_, receipts_);
    std::ranges::move(audit_told(database_.tables, topic_, failovers() > 0), std::back_inserter(findings));
    return findings;
}

std::string Simulation::describe_lanes() const {
    std::string text;
    for (const auto& [number, lane] : database_.tables.lanes)
        text += fmt::format("lane {}: last {}, published {}, applied {}, owner {}, error {}\n", number, lane.last_seq,
                            lane.published_seq, lane.applied_seq, lane.owner, lane.last_error);
    return text;
}

}  // namespace ledgerline::test
