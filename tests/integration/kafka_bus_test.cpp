// The Kafka bus against the suite of its seam, on a real broker.
#include "bus/kafka/bus.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "lab/bus_conformance.h"
#include "lab/kafka_broker.h"

namespace ledgerline::test {
namespace {

class KafkaBusUnderTest final : public BusUnderTest {
public:
    explicit KafkaBusUnderTest(int partitions) {
        static int topics = 0;
        bus::KafkaConfig config;
        config.brokers = KafkaBroker::shared().address();
        config.topic = fmt::format("conformance-{}", ++topics);
        config.dead_letter_topic = config.topic + ".dlq";
        config.group = config.topic;
        config.partitions = partitions;
        auto bus = bus::KafkaBus::create(std::move(config), clock_, metrics_);
        LEDGERLINE_ASSERT(bus);
        bus_ = std::move(*bus);
    }
    std::unique_ptr<bus::Producer> make_producer() override { return bus_->make_producer(); }
    std::unique_ptr<bus::Consumer> make_consumer() override { return bus_->make_consumer(); }

private:
    SystemClock clock_;
    Metrics metrics_{"test"};
    std::unique_ptr<bus::KafkaBus> bus_;
};

INSTANTIATE_TEST_SUITE_P(Kafka, BusConformance,
                         testing::Values(BusKind{
                             "Kafka", [](int partitions) { return std::make_unique<KafkaBusUnderTest>(partitions); }}));

}  // namespace
}  // namespace ledgerline::test
