// Brokers that are slow: late acknowledgements, quotas, ends that nobody tells, requests that must be small.
#include <gmock/gmock.h>

#include "bus/kafka/consumer.h"
#include "integration/kafka_publisher_fixture.h"
#include "lab/kafka_cluster.h"
#include "lab/tcp_proxy.h"

namespace ledgerline::test {
namespace {

using testing::Contains;
using testing::HasSubstr;

// A broker whose clients are told to reach it through a proxy.
struct BrokerBehindProxy {
    const std::uint16_t port = free_port(PortUse::restarted);
    TcpProxy proxy{TcpProxy::to_port(port)};
    KafkaBroker broker{port, {fmt::format("advertised.listeners=PLAINTEXT://127.0.0.1:{}", proxy.port())}};
};

class KafkaLateAnswersTest : private BrokerBehindProxy, public KafkaPublisherTest {
protected:
    KafkaLateAnswersTest() : KafkaPublisherTest(fmt::format("127.0.0.1:{}", proxy.port())) {}
    TcpProxy& proxy_ = proxy;
};

// Later than any round waits. What is acknowledged then counts, and the next events follow it.
TEST_F(KafkaLateAnswersTest, AcknowledgementsThatTakeSecondsAreWaitedForAndNothingIsRepeated) {
    start_publisher();
    measure({0, 1, 2}, 20);
    proxy_.delay_answers(milliseconds(3500));
    measure({0, 1}, 100);
    EXPECT_GE(metrics_.publish_duration_seconds.Collect().histogram.sample_sum, 3.5);
    measure({0}, 20);
    proxy_.delay_answers(milliseconds(0));
    expect_nothing_repeated();
}

// The machine's clock, ahead of it by what the test adds.
class JumpingClock final : public Clock {
public:
    WallTime wall_now() const override { return clock_.wall_now(); }
    SteadyTime steady_now() const override { return clock_.steady_now() + ahead_.load(); }
    void jump(milliseconds by) { ahead_ = ahead_.load() + by; }

private:
    SystemClock clock_;
    std::atomic<milliseconds> ahead_ = milliseconds(0);
};

class KafkaSlowTest : public KafkaPublisherTest {
protected:
    KafkaSlowTest() : KafkaPublisherTest(KafkaCluster::shared().addresses()) {}

    bus::KafkaConfig config() const {
        bus::KafkaConfig config;
        config.brokers = cluster_.addresses();
        config.topic = traffic_.topic();
        config.dead_letter_topic = traffic_.dead_letter_topic();
        config.group = traffic_.topic() + "-others";
        config.partitions = lanes;
        return config;
    }

    KafkaCluster& cluster_ = KafkaCluster::shared();
};

// One that is made to wait stands still for longer than a consumer may that has no reason to.
TEST_F(KafkaSlowTest, AQuotaSlowsBothSidesDownAndNeitherStartsAnew) {
    // The broker holds back what exceeds 250 kB in 10 s, each way: of 300 kB that are published, and of 1 MB to read.
    constexpr int kEvents = 450, kEarlierEvents = 1500;
    cluster_.create_topic(traffic_.topic(), {{1}, {2}, {3}}, {{"max.message.bytes", "100000"}});
    start_publisher();
    accept(0, kEarlierEvents);
    publish_all({0});
    cluster_.limit_clients(25'000);
    accept(0, kEvents);
    publish_all({0});

    JumpingClock clock;
    Metrics metrics{"test"};
    const auto bus = bus::KafkaBus::create(config(), clock, metrics).value();
    const auto consumer = bus->make_consumer();
    const auto& throttled_seconds = metrics.kafka_throttled_seconds.Add({{"client", "worker"}});
    const SteadyTime deadline = patience();
    // The last poll is the one after the third jump.
    for (int jumps = 0; jumps < 4;) {
        ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the quota holds nothing up";
        const auto polled = consumer->poll(milliseconds(100), 1000);
        ASSERT_TRUE(polled);
        // All that is missing is what the quota holds back, and it does for all four polls: what the metric says may be
        // 5 s old.
        const bool waits = polled->messages.empty() && polled->ended == std::vector{1, 2};
        if (!waits || throttled_seconds.Value() < 6) continue;
        clock.jump(bus::KafkaConsumer::still_max);
        ++jumps;
    }
    cluster_.limit_clients(0);
    EXPECT_EQ(metrics.kafka_consumer_resets_total.Value(), 0);
    expect_nothing_repeated();
}

// A broker that was silent is not asked for a while, though it would answer by now: each question costs all partitions
// of a worker the time that it waits.
TEST_F(KafkaSlowTest, ABrokerThatDidNotTellItsEndsIsLeftAloneForAWhile) {
    cluster_.create_topic(traffic_.topic(), {{1}, {2}, {3}});
    Metrics metrics{"test"};
    bus::KafkaReaper reaper(metrics);
    const auto topics = bus::KafkaTopics::start(config(), metrics, reaper, [] {}).value();
    const auto ask = [&](milliseconds wait) {
        std::map<int, rd_kafka_resp_err_t> errors;
        for (const bus::KafkaEnd& end : topics->ask_ends(bus::KafkaTopic::events, {0, 1, 2}, wait))
            errors[end.partition] = end.error;
        return errors;
    };
    const std::map<int, rd_kafka_resp_err_t> all_told{
        {0, RD_KAFKA_RESP_ERR_NO_ERROR}, {1, RD_KAFKA_RESP_ERR_NO_ERROR}, {2, RD_KAFKA_RESP_ERR_NO_ERROR}};
    auto third_silent = all_told;
    third_silent[2] = RD_KAFKA_RESP_ERR__TIMED_OUT;
    ASSERT_TRUE(topics->wait_there(bus::KafkaTopic::events, patience()));
    ASSERT_TRUE(eventually([&] { return ask(milliseconds(1000)) == all_told; })) << "all ends are told";
    // What the keeper still has to ask would show it that the broker answers again.
    for (const bus::KafkaTopic topic : {bus::KafkaTopic::events, bus::KafkaTopic::dead_letters})
        for (int partition = 0; partition < lanes; ++partition)
            ASSERT_TRUE(eventually([&] { return topics->obstacle(topic, partition).empty(); }))
                << "the keeper has asked";

    cluster_.freeze(3);
    EXPECT_EQ(ask(milliseconds(300)), third_silent);
    cluster_.thaw(3);
    EXPECT_EQ(ask(milliseconds(10'000)), third_silent);
    ASSERT_TRUE(eventually([&] { return ask(milliseconds(1000)) == all_told; })) << "it is asked again";
}

struct NarrowBroker {
    KafkaBroker broker{free_port(PortUse::restarted),
                       {"socket.request.max.bytes=150000", "replica.fetch.max.bytes=50000"}};
};
class KafkaNarrowBrokerTest : private NarrowBroker, public KafkaPublisherTest {
protected:
    KafkaNarrowBrokerTest() : KafkaPublisherTest(broker.address()) {}
};

// It hangs up on a request that is larger, and would do so forever.
TEST_F(KafkaNarrowBrokerTest, RequestsAreWhatTheBrokerTakesAndItsLimitsAreKnownBeforeItIsSaidToBeInOrder) {
    bus::KafkaBus& bus = traffic_.bus();
    for (const SteadyTime deadline = patience(); !bus.health().problems.empty(); std::this_thread::yield())
        ASSERT_LT(std::chrono::steady_clock::now(), deadline) << bus.health().problems.front();
    EXPECT_THAT(bus.health().degraded,
                Contains(HasSubstr("50000 bytes of a partition at once (replica.fetch.max.bytes)")));
    start_publisher();
    accept(0, 400, 1000);
    accept(0, 1, 60'000);
    publish_all({0, 1, 2});
    expect_nothing_repeated();
}

}  // namespace
}  // namespace ledgerline::test
