// The keeper's thread: what it asks the brokers, and what it repairs.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "bus/kafka/topics.h"
#include "domain/event.h"
#include "observe/exceptions.h"
#include "observe/log.h"

namespace ledgerline::bus {
namespace {

using Metadata = std::unique_ptr<const rd_kafka_metadata_t, KafkaDeleter<rd_kafka_metadata_destroy>>;

const rd_kafka_metadata_topic_t* find(const rd_kafka_metadata_t& metadata, const std::string& name) {
    for (int i = 0; i < metadata.topic_cnt; ++i)
        if (metadata.topics[i].topic == name) return &metadata.topics[i];
    return nullptr;
}

// The brokers that hold the topic's partitions.
std::set<int> brokers_of(const rd_kafka_metadata_topic_t& topic) {
    std::set<int> brokers;
    for (int i = 0; i < topic.partition_cnt; ++i)
        brokers.insert(topic.partitions[i].replicas, topic.partitions[i].replicas + topic.partitions[i].replica_cnt);
    return brokers;
}

// What the metadata alone says about a partition; empty: nothing wrong.
std::string problem_of(const rd_kafka_metadata_partition_t& partition, const KafkaTopicLimits& limits) {
    if (partition.leader < 0) return "has no leader";
    if (limits.replicas_in_sync_min && partition.isr_cnt < *limits.replicas_in_sync_min)
        return fmt::format("has only {} of the {} replicas in sync that it needs", partition.isr_cnt,
                           *limits.replicas_in_sync_min);
    return {};
}

}  // namespace

void KafkaTopics::run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        in_doubt_ = false;
        lock.unlock();
        try {
            look();
            on_look_();
        } catch (const std::exception& exception) {
            note_exception(metrics_, "kafka-topics", exception.what());
        }
        lock.lock();
        // When a caller waits or a partition is in doubt, the next check comes soon, but not at once.
        const SteadyTime looked_at = std::chrono::steady_clock::now();
        wake_.wait_until(lock, looked_at + retry_interval, [&] { return stopping_; });
        wake_.wait_until(lock, looked_at + look_interval, [&] { return stopping_ || waiting_ > 0 || is_in_hurry(); });
    }
}

// A topic that was in order a moment ago, or is being created, will soon be in order.
bool KafkaTopics::is_in_hurry() const {
    const SteadyTime now = std::chrono::steady_clock::now();
    return in_doubt_ || std::ranges::any_of(topics_, [&](const Topic& topic) {
               return topic.unsettled && now - topic.right_at < silence_max;
           });
}

void KafkaTopics::look() {
    const rd_kafka_metadata_t* answer = nullptr;
    const auto error =
        rd_kafka_metadata(client_->get(), 0, nullptr, &answer, static_cast<int>(answer_wait_max.count()));
    const Metadata metadata(answer);
    rd_kafka_poll(client_->get(), 0);  // errors and statistics
    const bool answered = error == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->broker_cnt > 0;
    const std::string last_error = client_->last_error();
    set_reachable(answered, last_error.empty() ? rd_kafka_err2str(error) : last_error);
    if (answered)
        for (Topic& topic : topics_) look_at(topic, find(*metadata, topic.name));
    looked_.notify_all();
}

// Checks the topic and repairs what is wrong. A repair counts only when a later check finds the topic in order.
void KafkaTopics::look_at(Topic& topic, const rd_kafka_metadata_topic_t* found) {
    const auto repaired = repair(topic, found);
    const SteadyTime now = std::chrono::steady_clock::now();
    const bool is_there = found && found->err == RD_KAFKA_RESP_ERR_NO_ERROR;
    const bool is_full = now >= topic.full_look_due;
    bool limits_doubted = false;
    {
        const std::lock_guard lock(mutex_);
        limits_doubted = std::exchange(topic.limits_doubted, false);
    }
    if (is_there && (is_full || limits_doubted)) read_limits(topic, *found);
    take_metadata(topic, is_there ? found : nullptr);
    if (is_there) ask_partitions(topic, is_full);
    if (is_there && is_full) topic.full_look_due = now + full_look_interval;
    {
        const std::lock_guard lock(mutex_);
        topic.looked = true;
        topic.problem = repaired ? "" : repaired.error().message;
    }
    report(topic);
}

Result<void> KafkaTopics::repair(Topic& topic, const rd_kafka_metadata_topic_t* found) {
    const auto error = found ? found->err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    const auto on_its_way = [&](const char* what) {
        return failure(Disposition::retry, "kafka_unreachable", fmt::format("topic {} {}", topic.name, what));
    };
    // What was done shows in the metadata a little later.
    const auto change = [&](const auto& ask) -> Result<bool> {
        const SteadyTime now = std::chrono::steady_clock::now();
        if (now < topic.change_due) return false;
        LEDGERLINE_TRY(const bool done_now, ask());
        topic.change_due = now + change_seen_max;
        return done_now;
    };
    if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        topic.full_look_due = {};
        LEDGERLINE_TRY(const bool created, change([&] {
                           return create_kafka_topic(client_->get(), topic.name, partitions_, replication_factor_);
                       }));
        if (created) log::info("kafka: topic created", {{"topic", topic.name}, {"partitions", partitions_}});
        return on_its_way("is being created");
    }
    if (error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) return on_its_way("has no leader yet");
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        return failure(Disposition::retry, "kafka_topic",
                       fmt::format("topic {} is not ready: {}", topic.name, rd_kafka_err2str(error)));
    if (!topic.by_lane) return {};
    if (found->partition_cnt < partitions_) {
        LEDGERLINE_TRY(const bool grown,
                       change([&] { return grow_kafka_topic(client_->get(), topic.name, partitions_); }));
        if (grown)
            log::info("kafka: topic grown",
                      {{"topic", topic.name}, {"partitions", partitions_}, {"before", found->partition_cnt}});
        return on_its_way("is being grown");
    }
    const bool has_more = found->partition_cnt > partitions_;
    if (has_more && !topic.warned_of_more)
        log::warn("kafka: the topic has more partitions than there are lanes; the extra ones stay empty",
                  {{"topic", topic.name}, {"partitions", found->partition_cnt}, {"lanes", partitions_}});
    topic.warned_of_more = has_more;
    return {};
}

// Limits that are not reported keep their last known value.
void KafkaTopics::read_limits(Topic& topic, const rd_kafka_metadata_topic_t& found) {
    const auto of_topic = describe_kafka_topic(client_->get(), topic.name);
    const std::set<int> brokers = brokers_of(found);
    const auto of_brokers = describe_kafka_brokers(client_->get(), brokers);
    const Error* unknown = !of_topic ? &of_topic.error() : !of_brokers ? &of_brokers.error() : nullptr;
    if (unknown && !std::exchange(topic.warned_of_limits, true))
        log::warn("kafka: not all limits are known, so an event of the largest size may not fit",
                  {{"topic", topic.name}, {"reason", unknown->message}, {"event_bytes_max", event_wire_bytes_max}});
    if (!unknown) topic.warned_of_limits = false;
    const std::lock_guard lock(mutex_);
    if (of_topic) topic.limits = *of_topic;
    std::vector<KafkaBrokerLimits> known;
    if (of_brokers)
        for (const KafkaBrokerLimits& limits : *of_brokers) topic.brokers[limits.broker] = limits;
    for (const int broker : brokers)
        if (const auto limits = topic.brokers.find(broker); limits != topic.brokers.end())
            known.push_back(limits->second);
    topic.verdict = judge_kafka_limits(topic.name, topic.limits, known, answer_bytes_max_);
}

// found: null when there is no such topic.
void KafkaTopics::take_metadata(Topic& topic, const rd_kafka_metadata_topic_t* found) {
    const std::lock_guard lock(mutex_);
    topic.partitions.resize(found ? static_cast<std::size_t>(found->partition_cnt) : 0);
    for (int i = 0; found && i < found->partition_cnt; ++i) {
        const rd_kafka_metadata_partition_t& described = found->partitions[i];
        if (described.id < 0 || described.id >= std::ssize(topic.partitions)) continue;
        Partition& partition = topic.partitions[static_cast<std::size_t>(described.id)];
        const std::string problem = problem_of(described, topic.limits);
        // When it comes back, its log must first be seen to be open.
        if (problem.empty() && !partition.problem.empty()) ++partition.doubts;
        partition.problem = problem;
        partition.leader = described.leader;
        partition.whole = described.isr_cnt == described.replica_cnt;
    }
}

// Asks partitions in doubt, or all, for their ends: only a partition that answers has an open log, and only then does
// an acknowledgement mean anything. A partition that was sound and does not answer in time is merely slow.
void KafkaTopics::ask_partitions(Topic& topic, bool all) {
    std::vector<int> asked;
    std::map<int, std::uint64_t> doubts;
    {
        const std::lock_guard lock(mutex_);
        for (int i = 0; i < std::ssize(topic.partitions); ++i) {
            const Partition& partition = topic.partitions[static_cast<std::size_t>(i)];
            if (partition.leader < 0 || (!all && partition.settled == partition.doubts)) continue;
            asked.push_back(i);
            doubts[i] = partition.doubts;
        }
    }
    if (asked.empty()) return;
    std::vector<KafkaEnd> ends;
    for (const auto& [broker, of_broker] : by_leader(topic, asked, ends))
        ask_broker(topic.name, broker, of_broker, answer_wait_max, ends);
    const std::lock_guard lock(mutex_);
    for (const KafkaEnd& end : ends) {
        Partition& partition = topic.partitions[static_cast<std::size_t>(end.partition)];
        if (end.error == RD_KAFKA_RESP_ERR_NO_ERROR)
            partition.settled = std::max(partition.settled, doubts[end.partition]);
        else if (!is_silence(end.error))
            ++partition.doubts;
    }
}

// Logs what is wrong, once; a problem that passes by itself in a moment is not logged.
void KafkaTopics::report(Topic& topic) {
    const SteadyTime now = std::chrono::steady_clock::now();
    std::string problem;
    bool unsettled = false;
    {
        const std::lock_guard lock(mutex_);
        const auto away = partitions_away(topic);
        metrics_.kafka_partitions_unavailable.Add({{"topic", topic.name}}).Set(static_cast<double>(away.size()));
        problem = topic.problem;
        if (problem.empty() && !away.empty())
            problem = fmt::format("topic {}: partition {} {}{}", topic.name, away.front(),
                                  topic.partitions[static_cast<std::size_t>(away.front())].problem,
                                  away.size() > 1 ? fmt::format(", and {} more are away", away.size() - 1) : "");
        unsettled = !problem.empty() || std::ranges::any_of(topic.partitions, [](const Partition& partition) {
            return partition.settled < partition.doubts;
        });
        topic.unsettled = unsettled;
        if (!unsettled) topic.right_at = now;
        if (now - topic.right_at < silence_max) problem.clear();
        if (topic.verdict && !topic.verdict->problems.empty()) problem = topic.verdict->problems.front();
    }
    if (!problem.empty() && problem != topic.logged) log::warn("kafka: " + problem);
    if (problem.empty() && !unsettled && !topic.logged.empty())
        log::info("kafka: the topic is in order again", {{"topic", topic.name}});
    if (!problem.empty() || !unsettled) topic.logged = problem;
}

void KafkaTopics::set_reachable(bool reachable, const std::string& reason) {
    metrics_.kafka_reachable.Add({}).Set(reachable ? 1 : 0);
    const std::lock_guard lock(mutex_);
    const std::optional<bool> before = std::exchange(reachable_, reachable);
    silence_ = reachable ? "" : "the Kafka broker does not answer: " + reason;
    if (before == reachable) return;
    if (!reachable)
        log::warn("kafka: the broker does not answer", {{"reason", reason}});
    else if (before)
        log::info("kafka: the broker answers again");
}

}  // namespace ledgerline::bus
