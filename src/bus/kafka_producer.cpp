#include "bus/kafka_producer.h"

#include <algorithm>
#include <climits>

namespace ledgerline {
namespace {

// So that a client that ends by itself is noticed while reports are awaited.
constexpr milliseconds kReportWaitMax{100};

using Headers = std::unique_ptr<rd_kafka_headers_t, KafkaDeleter<rd_kafka_headers_destroy>>;

const std::string& name_of(KafkaTopic topic, const KafkaConfig& config) {
    return topic == KafkaTopic::events ? config.topic : config.dead_letter_topic;
}

KafkaClient::Settings producer_settings() {
    return {{"enable.idempotence", "true"},
            {"acks", "all"},
            {"max.in.flight", "1"},
            {"message.timeout.ms", "0"},
            {"linger.ms", "1"},
            {"queue.buffering.max.messages", std::to_string(KafkaProducer::queued_messages_max)},
            {"queue.buffering.max.kbytes", std::to_string(KafkaProducer::queued_kilobytes_max)}};
}

rd_kafka_vu_t bytes_field(rd_kafka_vtype_t type, const std::string& bytes) {
    rd_kafka_vu_t field{};
    field.vtype = type;
    field.u.mem.ptr = const_cast<char*>(bytes.data());  // the library only reads it, and copies it
    field.u.mem.size = bytes.size();
    return field;
}

Headers headers_of(const Message& message) {
    Headers headers(rd_kafka_headers_new(message.headers.size()));
    for (const auto& [name, value] : message.headers)
        rd_kafka_header_add(headers.get(), name.data(), static_cast<ssize_t>(name.size()), value.data(),
                            static_cast<ssize_t>(value.size()));
    return headers;
}

}  // namespace

bool is_delivered(const rd_kafka_message_t& report) {
    return report.err == RD_KAFKA_RESP_ERR_NO_ERROR && report.offset >= 0;
}

KafkaProducer::KafkaProducer(KafkaTopic topic, const KafkaConfig& config, KafkaTopics& topics, Metrics& metrics,
                             KafkaReaper& reaper)
    : topic_(topic),
      topic_name_(name_of(topic, config)),
      role_(topic == KafkaTopic::events ? "publisher" : "dead-letters"),
      config_(config),
      topics_(topics),
      metrics_(metrics),
      reaper_(reaper) {}

KafkaProducer::~KafkaProducer() = default;

Result<std::vector<bool>> KafkaProducer::publish(std::span<const Outgoing> messages, SteadyTime deadline) {
    const std::lock_guard lock(mutex_);
    return publish_locked(messages, deadline);
}

void KafkaProducer::serve() {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (lock && client_) rd_kafka_poll(client_->get(), 0);
}

Result<std::vector<bool>> KafkaProducer::publish_locked(std::span<const Outgoing> messages, SteadyTime deadline) {
    LEDGERLINE_CHECK(topics_.wait_right(topic_, deadline));
    if (!client_) LEDGERLINE_CHECK(open());
    flags_.assign(messages.size(), false);
    outstanding_ = 0;
    for (std::size_t i = 0; i < messages.size(); ++i)
        if (enqueue(i, messages[i])) ++outstanding_;
    await_reports(deadline);

    std::vector<bool> flags = std::exchange(flags_, {});
    const auto count = std::count(flags.begin(), flags.end(), true);
    if (count == std::ssize(flags)) return flags;
    const std::string reason = client_->last_error();
    drop();
    if (count == 0 && !topics_.reachable())
        return failure(Disposition::retry, "kafka_unreachable", "the Kafka broker acknowledges nothing: " + reason);
    return flags;
}

Result<void> KafkaProducer::open() {
    LEDGERLINE_TRY(client_,
                   KafkaClient::open(RD_KAFKA_PRODUCER, role_, config_, producer_settings(), this, metrics_, reaper_));
    return {};
}

// False when the client does not take it: its queue is full, the partition is missing, or the message too large.
bool KafkaProducer::enqueue(std::size_t index, const Outgoing& outgoing) {
    const Message& message = outgoing.message;
    const int modulus = topic_ == KafkaTopic::events ? INT_MAX : std::max(1, topics_.partitions(topic_));
    Headers headers = headers_of(message);
    rd_kafka_vu_t fields[7];
    fields[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    fields[0].u.cstr = topic_name_.c_str();
    fields[1].vtype = RD_KAFKA_VTYPE_PARTITION;
    fields[1].u.i32 = outgoing.partition % modulus;
    fields[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    fields[2].u.i = RD_KAFKA_MSG_F_COPY;
    fields[3].vtype = RD_KAFKA_VTYPE_OPAQUE;
    fields[3].u.ptr = reinterpret_cast<void*>(index);
    fields[4] = bytes_field(RD_KAFKA_VTYPE_KEY, message.key);
    fields[5] = bytes_field(RD_KAFKA_VTYPE_VALUE, message.value);
    fields[6].vtype = RD_KAFKA_VTYPE_HEADERS;
    fields[6].u.headers = headers.get();
    if (KafkaErrorPtr(rd_kafka_produceva(client_->get(), fields, std::size(fields)))) return false;
    [[maybe_unused]] const auto* owned_by_message = headers.release();
    return true;
}

void KafkaProducer::await_reports(SteadyTime deadline) {
    while (outstanding_ > 0 && !client_->is_fatal()) {
        const SteadyTime now = std::chrono::steady_clock::now();
        if (now >= deadline) return;
        rd_kafka_poll(client_->get(), kafka_wait_ms(now, std::min(deadline, now + kReportWaitMax)));
    }
}

void KafkaProducer::delivered(const rd_kafka_message_t& report) {
    const auto index = reinterpret_cast<std::size_t>(report._private);
    LEDGERLINE_ASSERT(index < flags_.size() && outstanding_ > 0);
    flags_[index] = is_delivered(report);
    --outstanding_;
}

// The client goes with all that it still holds, so that nothing of it is delivered out of turn.
void KafkaProducer::drop() {
    rd_kafka_purge(client_->get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
    client_.reset();
    outstanding_ = 0;
    metrics_.kafka_producer_resets_total.Increment();
    topics_.doubt(topic_);
}

}  // namespace ledgerline
