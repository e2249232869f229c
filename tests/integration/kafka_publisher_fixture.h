// The real publisher on the real bus; the database is in memory.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "lab/kafka_traffic.h"
#include "lab/memory_database.h"
#include "lab/publishing.h"
#include "publish/publisher.h"

namespace ledgerline::test {

class KafkaPublisherTest : public testing::Test {
protected:
    static constexpr int lanes = 3;

    explicit KafkaPublisherTest(const std::string& addresses) : traffic_(addresses, lanes) {}

    static SteadyTime patience() { return std::chrono::steady_clock::now() + KafkaTraffic::patience; }

    void start_publisher() {
        producer_ = traffic_.bus().make_producer();
        await_no_obstacle(*producer_, lanes, patience());
        publisher_.emplace(publish::Publisher::Options{"me"}, *store_, *producer_,
                           ProcessContext{clock_, random_, ids_, metrics_});
    }

    void accept(int lane, int events, std::size_t metadata_bytes = 100) {
        for (int i = 0; i < events; ++i) {
            Event event;
            event.event_id = ids_.next();
            event.lane = lane;
            event.seq = database_.tables.lanes.at(lane).last_seq + 1;
            event.transaction_id = ids_.next();
            event.amount_cents = 1;
            event.currency = "EUR";
            event.idempotency_key = event.event_id.to_string();
            event.metadata = fmt::format(R"({{"text":"{}"}})", std::string(metadata_bytes, 'x'));
            database_.insert(event);
        }
    }

    void accept(const std::set<int>& of_lanes, int events) {
        for (const int lane : of_lanes) accept(lane, events);
    }

    bool is_published(int lane) const {
        const MemoryTables::Lane& state = database_.tables.lanes.at(lane);
        return state.published_seq == state.last_seq;
    }

    void step_until(const char* what, const std::function<bool()>& done) {
        const SteadyTime deadline = patience();
        while (!done()) {
            ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "never happened: " << what;
            const auto idle = publisher_->step();
            ASSERT_TRUE(idle) << idle.error().message;
            std::this_thread::sleep_for(std::min(*idle, milliseconds(20)));
        }
    }
    void publish_all(const std::set<int>& of_lanes) {
        step_until("everything is published",
                   [&] { return std::ranges::all_of(of_lanes, [this](int lane) { return is_published(lane); }); });
    }

    // Events a second that the lanes publish.
    double measure(const std::set<int>& of_lanes, int events) {
        accept(of_lanes, events);
        const SteadyTime begun = std::chrono::steady_clock::now();
        publish_all(of_lanes);
        return static_cast<double>(events) * static_cast<double>(of_lanes.size()) /
               std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    }

    // Nothing was given up, so nothing was sent twice.
    void expect_nothing_repeated() {
        EXPECT_EQ(traffic_.metrics().kafka_producer_resets_total.Value(), 0);
        EXPECT_EQ(metrics_.publish_errors_total.Value(), 0);
        expect_each_once({0, 1, 2});
    }
    // Each event of the lanes lies in its partition exactly once, in order.
    void expect_each_once(const std::set<int>& of_lanes) {
        const auto seqs = read_to_end(of_lanes);
        for (const int lane : of_lanes) {
            std::int64_t expected = 0;
            for (const std::int64_t seq : seqs.at(lane)) EXPECT_EQ(seq, ++expected) << "lane " << lane;
            EXPECT_EQ(expected, database_.tables.lanes.at(lane).last_seq) << "lane " << lane;
        }
    }
    // The seqs that lie in the partitions of the lanes, until they have ended.
    std::map<int, std::vector<std::int64_t>> read_to_end(const std::set<int>& of_lanes) {
        const auto consumer = traffic_.bus().make_consumer();
        std::map<int, std::vector<std::int64_t>> seqs;
        std::set<int> open = of_lanes;
        for (const int lane : of_lanes) seqs[lane];
        for (const SteadyTime deadline = patience(); !open.empty() && std::chrono::steady_clock::now() < deadline;) {
            const auto polled = consumer->poll(milliseconds(100), 1000);
            EXPECT_TRUE(polled);
            for (const bus::Incoming& incoming : polled->messages)
                seqs[incoming.partition].push_back(std::stoll(*incoming.message.header("seq")));
            for (const int lane : polled->ended) open.erase(lane);
        }
        EXPECT_TRUE(open.empty()) << "the ends of the partitions are not found";
        return seqs;
    }

    KafkaTraffic traffic_;
    SystemClock clock_;
    SeededRandom random_{1};
    UuidGenerator ids_{clock_, random_};
    MemoryDatabase database_{clock_, lanes};
    std::unique_ptr<publish::OutboxStore> store_ = database_.make_outbox_store();
    Metrics metrics_{"test"};
    std::unique_ptr<bus::Producer> producer_;
    std::optional<publish::Publisher> publisher_;
};

}  // namespace ledgerline::test
