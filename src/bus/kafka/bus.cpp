#include "bus/kafka/bus.h"

#include <mutex>
#include <set>

#include "bus/kafka/client.h"
#include "bus/kafka/consumer.h"
#include "bus/kafka/producer.h"
#include "bus/kafka/topics.h"

namespace ledgerline::bus {

struct KafkaBus::Impl {
    Impl(KafkaConfig the_config, const Clock& the_clock, Metrics& the_metrics)
        : config(std::move(the_config)), clock(the_clock), metrics(the_metrics), reaper(the_metrics) {}

    std::unique_ptr<Producer> make_producer(KafkaTopic topic);
    void look_after();

    const KafkaConfig config;
    const Clock& clock;
    Metrics& metrics;
    KafkaReaper reaper;
    std::mutex mutex;
    std::set<KafkaProducer*> producers;   // under mutex
    std::unique_ptr<KafkaTopics> topics;  // last: its thread uses the others
};

namespace {

// A producer that is registered with the bus while it exists.
class KnownProducer final : public Producer {
public:
    KnownProducer(std::unique_ptr<KafkaProducer> producer, std::mutex& mutex, std::set<KafkaProducer*>& known)
        : producer_(std::move(producer)), mutex_(mutex), known_(known) {
        const std::lock_guard lock(mutex_);
        known_.insert(producer_.get());
    }
    ~KnownProducer() override {
        const std::lock_guard lock(mutex_);
        known_.erase(producer_.get());
    }
    std::uint64_t send(std::span<const Outgoing> messages) override { return producer_->send(messages); }
    std::vector<Report> collect(SteadyTime deadline) override { return producer_->collect(deadline); }
    std::string obstacle(int partition) const override { return producer_->obstacle(partition); }
    std::size_t message_bytes_max() const override { return producer_->message_bytes_max(); }

private:
    const std::unique_ptr<KafkaProducer> producer_;
    std::mutex& mutex_;
    std::set<KafkaProducer*>& known_;
};

}  // namespace

std::unique_ptr<Producer> KafkaBus::Impl::make_producer(KafkaTopic topic) {
    return std::make_unique<KnownProducer>(std::make_unique<KafkaProducer>(topic, config, *topics, metrics, reaper),
                                           mutex, producers);
}

// Runs once a second on the topic keeper's thread: otherwise the reports of an idle client would pile up in it.
void KafkaBus::Impl::look_after() {
    reaper.look();
    const std::lock_guard lock(mutex);
    for (KafkaProducer* producer : producers) producer->serve();
}

Result<std::unique_ptr<KafkaBus>> KafkaBus::create(KafkaConfig config, const Clock& clock, Metrics& metrics) {
    LEDGERLINE_ASSERT(config.partitions > 0);
    LEDGERLINE_TRY(const KafkaClientLimits limits, read_kafka_client_limits(config));
    config.message_bytes_max = limits.message_bytes_max;
    config.answer_bytes_max = limits.answer_bytes_max;
    auto impl = std::make_unique<Impl>(std::move(config), clock, metrics);
    LEDGERLINE_TRY(impl->topics, KafkaTopics::start(impl->config, metrics, impl->reaper,
                                                    [self = impl.get()] { self->look_after(); }));
    return std::unique_ptr<KafkaBus>(new KafkaBus(std::move(impl)));
}

KafkaBus::KafkaBus(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KafkaBus::~KafkaBus() = default;

std::unique_ptr<Producer> KafkaBus::make_producer() { return impl_->make_producer(KafkaTopic::events); }
std::unique_ptr<Producer> KafkaBus::make_dead_letter_producer() {
    return impl_->make_producer(KafkaTopic::dead_letters);
}
std::unique_ptr<Producer> KafkaBus::make_outcome_producer() { return impl_->make_producer(KafkaTopic::outcomes); }
std::unique_ptr<Consumer> KafkaBus::make_consumer() {
    return std::make_unique<KafkaConsumer>(impl_->config, *impl_->topics, impl_->clock, impl_->metrics, impl_->reaper);
}

bool KafkaBus::reachable() const { return impl_->topics->reachable(); }
KafkaHealth KafkaBus::health() const { return impl_->topics->health(); }
bool KafkaBus::abandoned_clients() const { return impl_->reaper.any_left_behind(); }

}  // namespace ledgerline::bus
