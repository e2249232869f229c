// Family 5: somebody else writes to the topic: old events again, in any order, cut off, forged, and things that are no
// events at all. Money moves as if nobody had, and what announces nothing of ours becomes a dead letter, once each.
#include "faults/stale_producer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/uuid.h"
#include "domain/legs.h"
#include "faults/fault_test.h"

namespace ledgerline::test {
namespace {

constexpr int kClients = 6;
constexpr std::int64_t kSome = 300;
constexpr const char* kTopic = "transactions";
constexpr int kLanes = lane_count;
constexpr std::int64_t kFarAhead = 1'000'000;

std::string replaced(std::string text, const std::string& what, const std::string& by) {
    const std::size_t at = text.find(what);
    LEDGERLINE_ASSERT(at != std::string::npos);
    return text.replace(at, what.size(), by);
}

void set_header(RawRecord& record, const std::string& name, const std::string& value) {
    for (Header& header : record.headers)
        if (header.first == name) header.second = value;
}

class StaleProducerFaults : public FaultTest {
protected:
    using Record = StaleProducer::Record;

    // What the publisher has written to some lanes (reading one takes its time), before anybody else writes.
    void read_genuine() {
        constexpr int kStep = 12;
        constexpr std::size_t kEnough = 4;
        for (int nth = 0; nth < kLanes && genuine_.size() < kEnough; ++nth) {
            const int lane = nth * kStep % kLanes + nth * kStep / kLanes;
            auto records = stack().broker().read(kTopic, lane);
            if (!records.empty()) genuine_.emplace_back(lane, std::move(records));
        }
        LEDGERLINE_ASSERT(!genuine_.empty());
    }
    Record genuine() {
        const auto& [lane, records] = genuine_[random().below(genuine_.size())];
        return {lane, records[random().below(records.size())]};
    }
    static std::string event_id_of(const Record& record) {
        const std::size_t at = record.raw.value->find("\"event_id\":\"") + 12;
        return record.raw.value->substr(at, 36);
    }
    // The same under another event id and seq.
    Record forged(Record record, std::int64_t seq) {
        const std::string id = UuidGenerator(clock_, random()).next().to_string();
        record.raw.value = replaced(*record.raw.value, event_id_of(record), id);
        set_header(record.raw, "ce_id", id);
        set_header(record.raw, "seq", std::to_string(seq));
        return record;
    }
    std::int64_t applied_of(int lane) {
        return std::stoll(stack().value(fmt::format("SELECT applied_seq FROM lane_cursors WHERE lane = {}", lane)));
    }
    // The event that its lane will apply next, announced with a thousand times its amount: all of it but the amount is
    // true, and the amount is not read from here.
    std::optional<Record> next_with_other_amount(Record record) {
        // Both in one look: with the seq of a moment later it would announce no event of ours.
        const std::string next = stack().value(
            fmt::format("SELECT a.event_id || ' ' || a.seq FROM accepted a JOIN lane_cursors l USING (lane) "
                        "WHERE a.lane = {} AND a.seq = l.applied_seq + 1",
                        record.partition));
        if (next.empty()) return std::nullopt;
        const std::size_t space = next.find(' ');
        record.raw.value = replaced(*record.raw.value, event_id_of(record), next.substr(0, space));
        record.raw.value = replaced(*record.raw.value, "\"amount_cents\":", "\"amount_cents\":9");
        set_header(record.raw, "ce_id", next.substr(0, space));
        set_header(record.raw, "seq", next.substr(space + 1));
        return record;
    }
    // Each with a value of its own, which nobody reads: one that comes again while its lane's head is missing is taken
    // for the same message.
    void add_foreign(Record record) {
        record.raw.value = record.raw.value.value_or("") + ' ' + std::to_string(random().next());
        injected_.foreign.push_back(*record.raw.value);
        batch_.push_back(std::move(record));
    }
    void add_any() {
        Record record = genuine();
        switch (random().below(9)) {
            case 0:  // old, again
                return batch_.push_back(record);
            case 1:  // many old ones in any order
                for (int i = 0; i < 10; ++i) batch_.push_back(genuine());
                return;
            case 2:  // old, with a value that is cut off: nobody reads it
                record.raw.value->resize(random().below(record.raw.value->size()));
                return batch_.push_back(record);
            case 3:  // in another lane's partition
                record.partition = (record.partition + 1) % kLanes;
                return add_foreign(record);
            case 4:
                record.raw.headers.clear();
                return add_foreign(record);
            case 5:
                record.raw.value = std::string("\0\xff\xfe not JSON", 12);
                set_header(record.raw, "ce_id", "no id");
                return add_foreign(record);
            case 6:
                return add_foreign(forged(record, applied_of(record.partition) + kFarAhead));
            case 7:  // in the place of the next event
                record = forged(record, applied_of(record.partition) + random_between(1, 3));
                injected_.perhaps_foreign.push_back(*record.raw.value);
                return batch_.push_back(record);
            default:
                if (auto next = next_with_other_amount(record)) batch_.push_back(*next);
        }
    }
    void write() { StaleProducer(stack().broker().address()).write(kTopic, std::exchange(batch_, {})); }

    const SystemClock clock_;
    std::vector<std::pair<int, std::vector<RawRecord>>> genuine_;  // by lane
    std::vector<Record> batch_;
    Injected injected_;
};

TEST_F(StaleProducerFaults, UnderLoad) {
    start_stack({.apis = 1, .publishers = 2, .workers = 2});
    start_load({.seed = random().next()}, kClients);
    ASSERT_TRUE(wait_applied(kSome));
    read_genuine();
    for (int round = 0; round < fault_rounds({.few = 5, .many = 30}); ++round) {
        for (int i = 0; i < 20; ++i) add_any();
        write();
        EXPECT_TRUE(load().wait_accepted(1));
    }
    note(fmt::format("{} foreign messages, {} perhaps", injected_.foreign.size(), injected_.perhaps_foreign.size()));
    EXPECT_TRUE(wait_applied(kSome));
    finish(injected_);
}

// Nobody races: each message in the place of the next event is found out, and the real one is applied afterwards.
TEST_F(StaleProducerFaults, ForgedNextEventWhileIdle) {
    start_stack({.apis = 1, .publishers = 1, .workers = 2});
    start_load({.seed = random().next()}, kClients);
    for (int round = 0; round < fault_rounds({.few = 1, .many = 5}); ++round) {
        ASSERT_TRUE(load().wait_accepted(kSome));
        load().stop();
        ASSERT_TRUE(wait_applied_all());
        if (round == 0) read_genuine();
        for (const auto& [lane, records] : genuine_) add_foreign(forged({lane, records.front()}, applied_of(lane) + 1));
        write();
        load().start();
        EXPECT_TRUE(load().wait_accepted(kSome));
    }
    finish(injected_);
}

}  // namespace
}  // namespace ledgerline::test
