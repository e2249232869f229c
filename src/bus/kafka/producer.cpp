#include "bus/kafka/producer.h"

#include <algorithm>

#include "domain/schema_frame.h"
#include "observe/log.h"

namespace ledgerline::bus {
namespace {

// The wait for reports is split, to notice a client that fails by itself.
constexpr milliseconds kReportWaitMax{100};

using Headers = std::unique_ptr<rd_kafka_headers_t, KafkaDeleter<rd_kafka_headers_destroy>>;

const std::string& name_of(KafkaTopic topic, const KafkaConfig& config) {
    if (topic == KafkaTopic::outcomes) return config.outcomes_topic;
    return topic == KafkaTopic::events ? config.topic : config.dead_letter_topic;
}

const char* role_of(KafkaTopic topic) {
    if (topic == KafkaTopic::outcomes) return "outcomes";
    return topic == KafkaTopic::events ? "publisher" : "dead-letters";
}

KafkaClient::Properties producer_properties(std::size_t batch_bytes) {
    return {{"enable.idempotence", "true"},
            {"acks", "all"},
            {"max.in.flight", "1"},
            {"message.timeout.ms", "0"},
            {"linger.ms", "0"},
            // A metadata refresh takes the place of the one request in flight, and goes before the others: refreshing
            // more often than the broker answers would let no message through. A partition that fails causes a refresh
            // at once anyway.
            {"topic.metadata.refresh.interval.ms", "10000"},
            // A broker refuses a batch as a whole.
            {"batch.size", std::to_string(batch_bytes)},
            {"queue.buffering.max.messages", std::to_string(KafkaProducer::queued_messages_max)},
            {"queue.buffering.max.kbytes", std::to_string(KafkaProducer::queued_kilobytes_max)}};
}

// Errors that sending the same message again cannot cure.
bool is_refusal(rd_kafka_resp_err_t error) {
    return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || error == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE ||
           error == RD_KAFKA_RESP_ERR_INVALID_RECORD || error == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP ||
           error == RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT;
}

rd_kafka_vu_t bytes_field(rd_kafka_vtype_t type, const std::string& bytes) {
    rd_kafka_vu_t field{};
    field.vtype = type;
    field.u.mem.ptr = const_cast<char*>(bytes.data());  // the library only reads and copies it
    field.u.mem.size = bytes.size();
    return field;
}

void purge(rd_kafka_t* client) {
    rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
}

void add_header(rd_kafka_headers_t* headers, std::string_view name, std::string_view value) {
    rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
}

// Of what its header weighs, which is more than the frame does.
constexpr std::size_t kSchemaMarkBytesMax = 10 + schema_id_header.size() + 10;

std::optional<std::uint32_t> schema_of(KafkaTopic topic, const KafkaConfig& config) {
    if (!config.schemas) return std::nullopt;
    if (topic == KafkaTopic::outcomes) return config.schemas->outcomes;
    return topic == KafkaTopic::events ? config.schemas->events : config.schemas->dead_letters;
}

}  // namespace

Fate fate_of(const rd_kafka_message_t& report) {
    if (report.err == RD_KAFKA_RESP_ERR_NO_ERROR) return report.offset >= 0 ? Fate::delivered : Fate::failed;
    return is_refusal(report.err) ? Fate::refused : Fate::failed;
}

KafkaProducer::KafkaProducer(KafkaTopic topic, const KafkaConfig& config, KafkaTopics& topics, Metrics& metrics,
                             KafkaReaper& reaper)
    : topic_(topic),
      topic_name_(name_of(topic, config)),
      role_(role_of(topic)),
      schema_id_(schema_of(topic, config)),
      config_(config),
      topics_(topics),
      metrics_(metrics),
      reaper_(reaper) {}

KafkaProducer::~KafkaProducer() {
    if (client_ && !under_way_.empty()) purge(client_->get());
}

std::uint64_t KafkaProducer::send(std::span<const Outgoing> messages) {
    const std::lock_guard lock(mutex_);
    const std::uint64_t first = next_number_;
    next_number_ += messages.size();
    if (const auto ready = prepare(); !ready) {
        for (std::size_t i = 0; i < messages.size(); ++i) settle(first + i, Fate::failed, ready.error().message);
        return first;
    }
    std::set<int> closed;  // partitions that did not accept a message of this call
    for (std::size_t i = 0; i < messages.size(); ++i) hand_over(first + i, messages[i], closed);
    return first;
}

std::vector<Report> KafkaProducer::collect(SteadyTime deadline) {
    const std::lock_guard lock(mutex_);
    do {
        if (client_) drop_if_useless();
        if (!reports_.empty() || under_way_.empty()) break;
        const SteadyTime now = std::chrono::steady_clock::now();
        rd_kafka_poll(client_->get(), kafka_wait_ms(now, std::min(deadline, now + kReportWaitMax)));
    } while (std::chrono::steady_clock::now() < deadline);
    // Reports that have come in the meantime.
    if (client_ && !under_way_.empty()) rd_kafka_poll(client_->get(), 0);
    return std::exchange(reports_, {});
}

std::string KafkaProducer::obstacle(int partition) const {
    const std::lock_guard lock(mutex_);
    // What is known of a partition is old while no broker answers.
    std::string silence = topics_.silence();
    return silence.empty() ? topics_.obstacle(topic_, partition_of({partition, {}})) : silence;
}

std::size_t KafkaProducer::message_bytes_max() const {
    const std::size_t most = std::min(config_.message_bytes_max, topics_.message_bytes_max(topic_));
    return schema_id_ ? most - std::min(most, kSchemaMarkBytesMax) : most;
}

void KafkaProducer::serve() {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (lock && client_) rd_kafka_poll(client_->get(), 0);
}

int KafkaProducer::partition_of(const Outgoing& outgoing) const {
    if (topic_ == KafkaTopic::events) return outgoing.partition;
    return outgoing.partition % std::max(1, topics_.partitions(topic_));
}

Result<void> KafkaProducer::prepare() {
    if (!std::exchange(looked_, true))
        topics_.wait_looked(topic_, std::chrono::steady_clock::now() + first_look_wait_max);
    if (client_) drop_if_useless();
    const std::size_t batch_bytes = std::min(batch_bytes_max, topics_.message_bytes_max(topic_));
    // The topic's limit has changed, so the client must be made with another batch size.
    if (client_ && batch_bytes != batch_bytes_ && under_way_.empty()) client_.reset();
    if (client_) return {};
    batch_bytes_ = batch_bytes;
    LEDGERLINE_TRY(client_, KafkaClient::open({.type = RD_KAFKA_PRODUCER,
                                               .role = role_,
                                               .properties = producer_properties(batch_bytes),
                                               .listener = this},
                                              config_, metrics_, reaper_));
    return {};
}

void KafkaProducer::hand_over(std::uint64_t number, const Outgoing& outgoing, std::set<int>& closed) {
    const int partition = partition_of(outgoing);
    if (closed.contains(partition)) return settle(number, Fate::failed, "an earlier message was not accepted");
    std::string obstacle = topics_.obstacle(topic_, partition);
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (obstacle.empty()) {
        error = enqueue(number, partition, outgoing.message);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) obstacle = rd_kafka_err2str(error);
    }
    if (!obstacle.empty()) {
        closed.insert(partition);
        if (is_missing(error)) topics_.doubt(topic_, partition);
        const Fate fate = error == RD_KAFKA_RESP_ERR__QUEUE_FULL ? Fate::full
                          : is_refusal(error)                    ? Fate::refused
                                                                 : Fate::failed;
        return settle(number, fate, std::move(obstacle));
    }
    under_way_.emplace(number, partition);
    Way& way = ways_[partition];
    if (way.messages++ == 0) way.still_since = std::chrono::steady_clock::now();
}

rd_kafka_resp_err_t KafkaProducer::enqueue(std::uint64_t number, int partition, const Message& message) {
    Headers headers(rd_kafka_headers_new(message.headers.size() + 1));
    for (const auto& [name, value] : message.headers)
        if (!schema_id_ || name != schema_id_header) add_header(headers.get(), name, value);
    // What is framed already is somebody else's, and names a schema of theirs.
    const bool is_framed = schema_id_ && config_.schemas->mark == KafkaSchemas::Mark::frame;
    const std::string framed =
        is_framed && !has_schema_frame(message.value) ? with_schema_frame(*schema_id_, message.value) : std::string();
    if (schema_id_ && !is_framed) add_header(headers.get(), schema_id_header, std::to_string(*schema_id_));
    rd_kafka_vu_t fields[7];
    fields[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    fields[0].u.cstr = topic_name_.c_str();
    fields[1].vtype = RD_KAFKA_VTYPE_PARTITION;
    fields[1].u.i32 = partition;
    fields[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    fields[2].u.i = RD_KAFKA_MSG_F_COPY;
    fields[3].vtype = RD_KAFKA_VTYPE_OPAQUE;
    fields[3].u.ptr = reinterpret_cast<void*>(number);  // NOLINT(performance-no-int-to-ptr): comes back as it is
    fields[4] = bytes_field(RD_KAFKA_VTYPE_KEY, message.key);
    fields[5] = bytes_field(RD_KAFKA_VTYPE_VALUE, framed.empty() ? message.value : framed);
    fields[6].vtype = RD_KAFKA_VTYPE_HEADERS;
    fields[6].u.headers = headers.get();
    const KafkaErrorPtr error(rd_kafka_produceva(client_->get(), fields, std::size(fields)));
    if (error) return rd_kafka_error_code(error.get());
    [[maybe_unused]] const auto* owned_by_message = headers.release();
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

// Called from within a poll by collect() or serve(), which hold mutex_.
void KafkaProducer::delivered(const rd_kafka_message_t& report) {
    const auto number = reinterpret_cast<std::uint64_t>(report._private);
    const auto sent = under_way_.find(number);
    LEDGERLINE_ASSERT(sent != under_way_.end());
    const int partition = sent->second;
    under_way_.erase(sent);
    const auto way = ways_.find(partition);
    way->second.still_since = std::chrono::steady_clock::now();
    if (--way->second.messages == 0) ways_.erase(way);
    const Fate fate = fate_of(report);
    if (fate == Fate::failed) topics_.doubt(topic_, partition);
    if (fate == Fate::refused) topics_.doubt_limits(topic_);
    settle(number, fate,
           report.err != RD_KAFKA_RESP_ERR_NO_ERROR ? rd_kafka_err2str(report.err)
           : fate == Fate::delivered                ? ""
                                                    : "acknowledged without an offset");
}

void KafkaProducer::settle(std::uint64_t number, Fate fate, std::string reason) {
    reports_.push_back({number, fate, std::move(reason)});
}

void KafkaProducer::drop_if_useless() {
    if (client_->is_fatal()) return drop(client_->last_error());
    const SteadyTime now = std::chrono::steady_clock::now();
    if (now < still_check_due_) return;
    still_check_due_ = now + still_check_interval;
    for (auto& [partition, way] : ways_) {
        if (!topics_.is_sound(topic_, partition) || client_->is_throttled(topics_.leader(topic_, partition)))
            way.still_since = now;
        if (now - way.still_since < still_max) continue;
        return drop("no report about messages sent to partition " + std::to_string(partition));
    }
}

// Drops the client with everything that it still holds, so that none of it is delivered out of order.
void KafkaProducer::drop(const std::string& why) {
    log::warn("kafka: replacing the producer",
              {{"client", role_}, {"reason", why}, {"messages_under_way", under_way_.size()}});
    purge(client_->get());
    client_.reset();
    metrics_.kafka_producer_resets_total.Increment();
    for (const auto& [partition, way] : std::exchange(ways_, {})) topics_.doubt(topic_, partition);
    std::vector<std::uint64_t> numbers;
    for (const auto& [number, partition] : std::exchange(under_way_, {})) numbers.push_back(number);
    std::ranges::sort(numbers);
    for (const std::uint64_t number : numbers) settle(number, Fate::failed, why);
}

}  // namespace ledgerline::bus
