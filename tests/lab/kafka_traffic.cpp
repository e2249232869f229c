#include "lab/kafka_traffic.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>

#include "lab/publishing.h"

namespace ledgerline::test {
namespace {

// Short, so that a round with the broker away does not take long.
constexpr milliseconds kPublishTimeout{1000};
constexpr milliseconds kPollWait{20};
constexpr std::size_t kMessagesMax = 500;

int number_in(const std::string& text) {
    int number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

}  // namespace

KafkaTraffic::KafkaTraffic(const std::string& addresses, int partitions) {
    static int topics = 0;
    config_.brokers = addresses;
    config_.topic = fmt::format("traffic-{}", ++topics);
    config_.dead_letter_topic = config_.topic + ".dlq";
    config_.group = config_.topic;
    config_.partitions = partitions;
    lanes_.resize(static_cast<std::size_t>(partitions));
}

bus::KafkaBus& KafkaTraffic::bus() {
    if (!bus_) {
        auto made = bus::KafkaBus::create(config_, clock_, metrics_);
        LEDGERLINE_ASSERT(made);
        bus_ = std::move(*made);
    }
    return *bus_;
}

void KafkaTraffic::open() {
    if (!producer_) producer_ = bus().make_producer();
    if (!consumer_) consumer_ = bus().make_consumer();
}

void KafkaTraffic::add(int messages) {
    for (Lane& lane : lanes_) lane.wanted += messages;
}

void KafkaTraffic::publish_only(int messages) {
    add(messages);
    open();
    const auto behind = [](const Lane& lane) { return lane.published < lane.wanted; };
    const auto deadline = clock_.steady_now() + patience;
    while (std::any_of(lanes_.begin(), lanes_.end(), behind)) {
        ASSERT_LT(clock_.steady_now(), deadline) << "never published";
        publish();
    }
}

void KafkaTraffic::replace_producer() {
    producer_.reset();
    open();
}

void KafkaTraffic::replace_consumer() {
    consumer_.reset();
    assigned_.clear();
    ended_.clear();
    open();
}

void KafkaTraffic::round() {
    open();
    publish();
    poll();
}

void KafkaTraffic::publish() {
    std::vector<bus::Outgoing> batch;
    for (std::size_t i = 0; i < lanes_.size(); ++i)
        for (int number = lanes_[i].published + 1; number <= lanes_[i].wanted; ++number)
            batch.push_back({static_cast<int>(i), {"key", std::to_string(number), {}}});
    if (batch.empty()) return;
    const auto fates = test::publish(*producer_, batch, clock_.steady_now() + kPublishTimeout);
    // Only what is acknowledged up to the first hole counts.
    std::set<int> holed;
    for (std::size_t i = 0; i < batch.size(); ++i) {
        const int partition = batch[i].partition;
        if (fates[i] != bus::Fate::delivered && holed.insert(partition).second)
            publish_error_ = fmt::format("partition {}: {}", partition, producer_->obstacle(partition));
        if (!holed.contains(partition)) ++lanes_[static_cast<std::size_t>(partition)].published;
    }
}

void KafkaTraffic::poll() {
    ended_.clear();
    auto polled = consumer_->poll(kPollWait, kMessagesMax);
    ASSERT_TRUE(polled) << polled.error().message;
    for (const int partition : polled->revoked) EXPECT_EQ(assigned_.erase(partition), 1u);
    for (const int partition : polled->assigned) EXPECT_TRUE(assigned_.insert(partition).second);
    for (const bus::Incoming& incoming : polled->messages) {
        EXPECT_TRUE(assigned_.contains(incoming.partition));
        Lane& lane = lanes_.at(static_cast<std::size_t>(incoming.partition));
        if (number_in(incoming.message.value) == lane.taken + 1) ++lane.taken;
        consumer_->commit(incoming.partition, incoming.offset + 1);
    }
    ended_ = {polled->ended.begin(), polled->ended.end()};
    for (const int partition : ended_) {
        EXPECT_TRUE(assigned_.contains(partition));
        if (partition >= std::ssize(lanes_)) continue;
        Lane& lane = lanes_[static_cast<std::size_t>(partition)];
        if (lane.taken == lane.published) continue;
        ++rewinds_;
        lane.published = lane.taken;
    }
}

std::string KafkaTraffic::state() const {
    std::string text;
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
        const Lane& lane = lanes_[i];
        const int partition = static_cast<int>(i);
        text += fmt::format("; partition {}: wanted {}, published {}, taken {}{}{}", i, lane.wanted, lane.published,
                            lane.taken, assigned_.contains(partition) ? ", assigned" : "",
                            ended_.contains(partition) ? ", ended" : "");
    }
    return text + (publish_error_.empty() ? "" : "; last publish: " + publish_error_);
}

void KafkaTraffic::rounds_until(const char* what, const std::function<bool()>& done) {
    const auto deadline = clock_.steady_now() + patience;
    while (!done()) {
        ASSERT_LT(clock_.steady_now(), deadline) << "never happened: " << what << state();
        ASSERT_NO_FATAL_FAILURE(round());
    }
}

void KafkaTraffic::settle() {
    rounds_until("everything is taken", [this] {
        return std::all_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.taken == lane.wanted; });
    });
}

}  // namespace ledgerline::test
