#include "bus/kafka_topics.h"

#include <fmt/format.h>

#include <algorithm>

#include "observe/exceptions.h"
#include "observe/log.h"

namespace ledgerline {
namespace {

constexpr std::size_t kErrorChars = 512;  // what the library asks for

using Metadata = std::unique_ptr<const rd_kafka_metadata_t, KafkaDeleter<rd_kafka_metadata_destroy>>;
using AdminOptions = std::unique_ptr<rd_kafka_AdminOptions_t, KafkaDeleter<rd_kafka_AdminOptions_destroy>>;
using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, KafkaDeleter<rd_kafka_NewTopic_destroy>>;
using NewPartitions = std::unique_ptr<rd_kafka_NewPartitions_t, KafkaDeleter<rd_kafka_NewPartitions_destroy>>;

int milliseconds_of(milliseconds wait) { return static_cast<int>(wait.count()); }

std::unexpected<Error> unreachable(std::string message) {
    return failure(Disposition::retry, "kafka_unreachable", std::move(message));
}

std::unexpected<Error> topic_failure(const std::string& topic, const char* what, std::string_view reason) {
    return failure(Disposition::retry, "kafka_topic", fmt::format("topic {} {}: {}", topic, what, reason));
}

AdminOptions admin_options(rd_kafka_t* client, rd_kafka_admin_op_t operation) {
    AdminOptions options(rd_kafka_AdminOptions_new(client, operation));
    const int wait_ms = milliseconds_of(KafkaTopics::change_wait_max);
    char ignored[kErrorChars];
    rd_kafka_AdminOptions_set_request_timeout(options.get(), wait_ms, ignored, sizeof ignored);
    rd_kafka_AdminOptions_set_operation_timeout(options.get(), wait_ms, ignored, sizeof ignored);
    return options;
}

// The answer to the one request that was sent with the queue.
KafkaEvent answer_of(rd_kafka_queue_t* queue) {
    return KafkaEvent(rd_kafka_queue_poll(queue, milliseconds_of(KafkaTopics::change_wait_max) + 500));
}

const rd_kafka_metadata_topic_t* find(const rd_kafka_metadata_t& metadata, const std::string& name) {
    for (int i = 0; i < metadata.topic_cnt; ++i)
        if (metadata.topics[i].topic == name) return &metadata.topics[i];
    return nullptr;
}

rd_kafka_resp_err_t partition_error(const rd_kafka_metadata_topic_t& topic) {
    for (int i = 0; i < topic.partition_cnt; ++i)
        if (topic.partitions[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) return topic.partitions[i].err;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

}  // namespace

bool is_missing(rd_kafka_resp_err_t error) {
    return error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

KafkaTopics::KafkaTopics(const KafkaConfig& config, Metrics& metrics, std::function<void()> on_look)
    : partitions_(config.partitions),
      replication_factor_(config.replication_factor > 0 ? config.replication_factor : -1),
      metrics_(metrics),
      on_look_(std::move(on_look)),
      topics_{{.name = config.topic, .may_grow = true}, {.name = config.dead_letter_topic}} {}

Result<std::unique_ptr<KafkaTopics>> KafkaTopics::start(const KafkaConfig& config, Metrics& metrics,
                                                        KafkaReaper& reaper, std::function<void()> on_look) {
    std::unique_ptr<KafkaTopics> topics(new KafkaTopics(config, metrics, std::move(on_look)));
    LEDGERLINE_TRY(topics->client_,
                   KafkaClient::open(RD_KAFKA_PRODUCER, "topics", config, {}, nullptr, metrics, reaper));
    for (Topic& topic : topics->topics_)
        topic.handle.reset(rd_kafka_topic_new(topics->client_->get(), topic.name.c_str(), nullptr));
    topics->thread_ = std::thread([self = topics.get()] { self->run(); });
    return topics;
}

KafkaTopics::~KafkaTopics() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
}

Result<void> KafkaTopics::wait_right(KafkaTopic which, SteadyTime deadline) {
    std::unique_lock lock(mutex_);
    const Topic& topic = topics_[std::to_underlying(which)];
    const std::uint64_t wanted = topic.doubts;
    if (topic.settled >= wanted) return {};
    ++waiting_;
    wake_.notify_all();
    const bool right = looked_.wait_until(lock, deadline, [&] { return topic.settled >= wanted; });
    --waiting_;
    if (right) return {};
    return topic.error.message.empty() ? unreachable("the Kafka broker has not answered yet")
                                       : std::unexpected(topic.error);
}

void KafkaTopics::doubt(KafkaTopic topic) {
    const std::lock_guard lock(mutex_);
    ++topics_[std::to_underlying(topic)].doubts;
}

rd_kafka_resp_err_t KafkaTopics::ask_ends(rd_kafka_topic_partition_list_t* list, milliseconds wait) const {
    // The library sends the "time" as it is, and the end has a number among the times.
    for (int i = 0; i < list->cnt; ++i) list->elems[i].offset = RD_KAFKA_OFFSET_END;
    return rd_kafka_offsets_for_times(client_->get(), list, milliseconds_of(wait));
}

bool KafkaTopics::reachable() const {
    const std::lock_guard lock(mutex_);
    return reachable_.value_or(false);
}

int KafkaTopics::partitions(KafkaTopic topic) const {
    const std::lock_guard lock(mutex_);
    return topics_[std::to_underlying(topic)].partitions;
}

bool KafkaTopics::somebody_waits() const {
    return waiting_ > 0 && std::any_of(std::begin(topics_), std::end(topics_),
                                       [](const Topic& topic) { return topic.settled < topic.doubts; });
}

void KafkaTopics::run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        lock.unlock();
        try {
            look();
            on_look_();
        } catch (const std::exception& exception) {
            note_exception(metrics_, "kafka-topics", exception.what());
        }
        lock.lock();
        // What somebody waits for is asked again soon, but not at once.
        const SteadyTime looked_at = std::chrono::steady_clock::now();
        wake_.wait_until(lock, looked_at + retry_interval, [&] { return stopping_; });
        wake_.wait_until(lock, looked_at + look_interval, [&] { return stopping_ || somebody_waits(); });
    }
}

void KafkaTopics::look() {
    std::uint64_t doubts[topics_count];
    bool is_doubted[topics_count];
    {
        const std::lock_guard lock(mutex_);
        for (std::size_t i = 0; i < topics_count; ++i) {
            doubts[i] = topics_[i].doubts;
            is_doubted[i] = topics_[i].settled < topics_[i].doubts;
        }
    }
    const rd_kafka_metadata_t* answer = nullptr;
    const auto error = rd_kafka_metadata(client_->get(), 0, nullptr, &answer, milliseconds_of(answer_wait_max));
    const Metadata metadata(answer);
    rd_kafka_poll(client_->get(), 0);  // errors and statistics
    const bool answered = error == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->broker_cnt > 0;
    const std::string last_error = client_->last_error();
    const std::string reason = last_error.empty() ? rd_kafka_err2str(error) : last_error;
    set_reachable(answered, reason);
    for (std::size_t i = 0; i < topics_count; ++i) {
        const Result<void> right = answered ? look_at(topics_[i], find(*metadata, topics_[i].name), is_doubted[i])
                                            : Result<void>(unreachable("the Kafka broker does not answer: " + reason));
        settle(topics_[i], doubts[i], right);
    }
    looked_.notify_all();
}

// Looks at the topic and mends what is wrong. What was mended is right only when a later look finds it so.
Result<void> KafkaTopics::look_at(Topic& topic, const rd_kafka_metadata_topic_t* found, bool is_doubted) {
    const int partitions = found ? found->partition_cnt : 0;
    if (partitions != topic.partitions_found) topic.changed = true;
    topic.partitions_found = partitions;
    auto error = found ? found->err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = partition_error(*found);
    LEDGERLINE_CHECK(mend(topic, error));
    const SteadyTime now = std::chrono::steady_clock::now();
    if (!is_doubted && !topic.changed && now < topic.full_look_due) return {};
    LEDGERLINE_CHECK(check_open(topic));
    topic.changed = false;
    topic.full_look_due = now + full_look_interval;
    return {};
}

void KafkaTopics::settle(Topic& topic, std::uint64_t doubts, const Result<void>& right) {
    const SteadyTime now = std::chrono::steady_clock::now();
    if (right) topic.right_at = now;
    // What passes by itself in a moment is not worth a line.
    const bool is_problem = !right && (right.error().code == "kafka_topic" || now - topic.right_at >= silence_max);
    const std::string problem = is_problem ? right.error().message : "";
    if (!problem.empty() && problem != topic.logged_error) log::warn("kafka: " + problem);
    topic.logged_error = problem;
    const std::lock_guard lock(mutex_);
    topic.partitions = topic.partitions_found;
    if (right)
        topic.settled = std::max(topic.settled, doubts);
    else
        topic.error = right.error();
}

Result<void> KafkaTopics::mend(Topic& topic, rd_kafka_resp_err_t error) {
    if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) return create(topic);
    if (error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE)
        return unreachable(fmt::format("topic {} has no leader yet", topic.name));
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return topic_failure(topic.name, "is not ready", rd_kafka_err2str(error));
    if (!topic.may_grow) return {};
    if (topic.partitions_found < partitions_) return grow(topic);
    const bool has_more = topic.partitions_found > partitions_;
    if (has_more && !topic.warned)
        log::warn("kafka: the topic has more partitions than there are lanes; the others stay empty",
                  {{"topic", topic.name}, {"partitions", topic.partitions_found}, {"lanes", partitions_}});
    topic.warned = has_more;
    return {};
}

Result<void> KafkaTopics::create(Topic& topic) {
    topic.changed = true;
    char reason[kErrorChars];
    const NewTopic wish(
        rd_kafka_NewTopic_new(topic.name.c_str(), partitions_, replication_factor_, reason, sizeof reason));
    if (!wish) return topic_failure(topic.name, "cannot be created", reason);
    rd_kafka_NewTopic_t* wishes[] = {wish.get()};
    const KafkaQueue queue(rd_kafka_queue_new(client_->get()));
    const AdminOptions options = admin_options(client_->get(), RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_CreateTopics(client_->get(), wishes, 1, options.get(), queue.get());
    const KafkaEvent answer = answer_of(queue.get());
    const auto* result = answer ? rd_kafka_event_CreateTopics_result(answer.get()) : nullptr;
    if (!result) return topic_failure(topic.name, "cannot be created", "no answer");
    if (rd_kafka_event_error(answer.get()) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return topic_failure(topic.name, "cannot be created", rd_kafka_event_error_string(answer.get()));
    std::size_t count = 0;
    const auto* const* created = rd_kafka_CreateTopics_result_topics(result, &count);
    const auto error = count == 1 ? rd_kafka_topic_result_error(created[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        log::info("kafka: topic created", {{"topic", topic.name}, {"partitions", partitions_}});
    else if (error != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return topic_failure(topic.name, "cannot be created", rd_kafka_err2str(error));
    return unreachable(fmt::format("topic {} is being created", topic.name));
}

Result<void> KafkaTopics::grow(Topic& topic) {
    topic.changed = true;
    char reason[kErrorChars];
    const NewPartitions wish(
        rd_kafka_NewPartitions_new(topic.name.c_str(), static_cast<std::size_t>(partitions_), reason, sizeof reason));
    if (!wish) return topic_failure(topic.name, "cannot be grown", reason);
    rd_kafka_NewPartitions_t* wishes[] = {wish.get()};
    const KafkaQueue queue(rd_kafka_queue_new(client_->get()));
    const AdminOptions options = admin_options(client_->get(), RD_KAFKA_ADMIN_OP_CREATEPARTITIONS);
    rd_kafka_CreatePartitions(client_->get(), wishes, 1, options.get(), queue.get());
    const KafkaEvent answer = answer_of(queue.get());
    const auto* result = answer ? rd_kafka_event_CreatePartitions_result(answer.get()) : nullptr;
    if (!result) return topic_failure(topic.name, "cannot be grown", "no answer");
    if (rd_kafka_event_error(answer.get()) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return topic_failure(topic.name, "cannot be grown", rd_kafka_event_error_string(answer.get()));
    std::size_t count = 0;
    const auto* const* grown = rd_kafka_CreatePartitions_result_topics(result, &count);
    const auto error = count == 1 ? rd_kafka_topic_result_error(grown[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        log::info("kafka: topic grown",
                  {{"topic", topic.name}, {"partitions", partitions_}, {"before", topic.partitions_found}});
    // Another instance may have grown it meanwhile.
    else if (error != RD_KAFKA_RESP_ERR_INVALID_PARTITIONS)
        return topic_failure(topic.name, "cannot be grown", rd_kafka_err2str(error));
    return unreachable(fmt::format("topic {} is being grown", topic.name));
}

// Every partition must tell its end: only then is its log open, and an acknowledgement worth something.
Result<void> KafkaTopics::check_open(const Topic& topic) {
    const KafkaPartitionList list(rd_kafka_topic_partition_list_new(topic.partitions_found));
    for (int i = 0; i < topic.partitions_found; ++i)
        rd_kafka_topic_partition_list_add(list.get(), topic.name.c_str(), i);
    const auto error = ask_ends(list.get(), answer_wait_max);
    for (int i = 0; i < list->cnt; ++i) {
        const auto& partition = list->elems[i];
        if (partition.err == RD_KAFKA_RESP_ERR_NO_ERROR && partition.offset >= 0) continue;
        return unreachable(fmt::format("partition {} of topic {} is not open: {}", partition.partition, partition.topic,
                                       rd_kafka_err2str(partition.err)));
    }
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        return unreachable(fmt::format("the ends of the partitions are not known: {}", rd_kafka_err2str(error)));
    return {};
}

void KafkaTopics::set_reachable(bool reachable, const std::string& reason) {
    metrics_.kafka_reachable.Add({}).Set(reachable ? 1 : 0);
    const std::lock_guard lock(mutex_);
    const std::optional<bool> before = std::exchange(reachable_, reachable);
    if (before == reachable) return;
    if (!reachable)
        log::warn("kafka: the broker does not answer", {{"reason", reason}});
    else if (before)
        log::info("kafka: the broker answers again");
}

}  // namespace ledgerline
