#include "bus/kafka/topics.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <ranges>
#include <utility>

namespace ledgerline::bus {
namespace {

// How many partitions health() names; the rest are counted.
constexpr std::size_t kNamedPartitionsMax = 12;

}  // namespace

KafkaTopics::KafkaTopics(const KafkaConfig& config, Metrics& metrics, std::function<void()> on_look)
    : partitions_(config.partitions),
      replication_factor_(config.replication_factor > 0 ? config.replication_factor : -1),
      answer_bytes_max_(config.answer_bytes_max),
      metrics_(metrics),
      on_look_(std::move(on_look)),
      topics_{{.name = config.topic, .by_lane = true, .vital = true},
              {.name = config.dead_letter_topic},
              {.name = config.outcomes_topic, .by_lane = true}} {}

Result<std::unique_ptr<KafkaTopics>> KafkaTopics::start(const KafkaConfig& config, Metrics& metrics,
                                                        KafkaReaper& reaper, std::function<void()> on_look) {
    std::unique_ptr<KafkaTopics> topics(new KafkaTopics(config, metrics, std::move(on_look)));
    LEDGERLINE_TRY(topics->client_,
                   KafkaClient::open({.type = RD_KAFKA_PRODUCER, .role = "topics"}, config, metrics, reaper));
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

void KafkaTopics::wait_looked(KafkaTopic topic, SteadyTime deadline) {
    std::unique_lock lock(mutex_);
    looked_.wait_until(lock, deadline, [&] { return at(topic).looked; });
}

bool KafkaTopics::wait_there(KafkaTopic topic, SteadyTime deadline) {
    std::unique_lock lock(mutex_);
    const auto is_there = [&] { return std::ssize(at(topic).partitions) >= partitions_; };
    ++waiting_;
    wake_.notify_all();
    const bool there = looked_.wait_until(lock, deadline, is_there);
    --waiting_;
    return there;
}

std::string KafkaTopics::obstacle(KafkaTopic which, int number) const {
    const std::lock_guard lock(mutex_);
    const Topic& topic = at(which);
    if (!topic.looked)
        return silence_.empty() ? fmt::format("topic {} has not been checked yet", topic.name) : silence_;
    if (number < 0 || number >= std::ssize(topic.partitions))
        return topic.problem.empty() ? fmt::format("topic {} has no partition {}", topic.name, number) : topic.problem;
    const Partition& partition = topic.partitions[static_cast<std::size_t>(number)];
    if (!partition.problem.empty())
        return fmt::format("partition {} of topic {} {}", number, topic.name, partition.problem);
    if (partition.settled < partition.doubts)
        return fmt::format("the end of partition {} of topic {} is not known yet", number, topic.name);
    return {};
}

bool KafkaTopics::is_sound(KafkaTopic which, int number) const {
    const std::lock_guard lock(mutex_);
    const Topic& topic = at(which);
    if (!reachable_.value_or(false) || number < 0 || number >= std::ssize(topic.partitions)) return false;
    const Partition& partition = topic.partitions[static_cast<std::size_t>(number)];
    return partition.whole && partition.problem.empty() && partition.settled == partition.doubts;
}

void KafkaTopics::doubt(KafkaTopic which, int number) {
    const std::lock_guard lock(mutex_);
    Topic& topic = at(which);
    if (number >= 0 && number < std::ssize(topic.partitions))
        ++topic.partitions[static_cast<std::size_t>(number)].doubts;
    in_doubt_ = true;
    wake_.notify_all();
}

void KafkaTopics::doubt_limits(KafkaTopic topic) {
    const std::lock_guard lock(mutex_);
    at(topic).limits_doubted = true;
}

KafkaHealth KafkaTopics::health() const {
    const std::lock_guard lock(mutex_);
    KafkaHealth health{.reachable = reachable_.value_or(false), .problems = {}, .degraded = {}};
    if (!health.reachable) health.problems.push_back(silence_);
    for (const Topic& topic : topics_) {
        auto& of_topic = topic.vital ? health.problems : health.degraded;
        if (!topic.problem.empty()) of_topic.push_back(topic.problem);
        if (health.reachable && !topic.looked)
            of_topic.push_back(fmt::format("topic {} has not been checked yet", topic.name));
        if (topic.verdict) {
            std::ranges::copy(topic.verdict->problems, std::back_inserter(of_topic));
            std::ranges::copy(topic.verdict->degraded, std::back_inserter(health.degraded));
        }
        const auto away = partitions_away(topic);
        for (const int number : away | std::views::take(kNamedPartitionsMax))
            health.degraded.push_back(fmt::format("partition {} of topic {} {}", number, topic.name,
                                                  topic.partitions[static_cast<std::size_t>(number)].problem));
        if (away.size() > kNamedPartitionsMax)
            health.degraded.push_back(
                fmt::format("{} more partitions of topic {}", away.size() - kNamedPartitionsMax, topic.name));
    }
    return health;
}

bool KafkaTopics::reachable() const {
    const std::lock_guard lock(mutex_);
    return reachable_.value_or(false);
}

std::string KafkaTopics::silence() const {
    const std::lock_guard lock(mutex_);
    return silence_;
}

int KafkaTopics::partitions(KafkaTopic topic) const {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(at(topic).partitions.size());
}

int KafkaTopics::leader(KafkaTopic topic, int partition) const {
    const std::lock_guard lock(mutex_);
    const auto& partitions = at(topic).partitions;
    return partition >= 0 && partition < std::ssize(partitions) ? partitions[static_cast<std::size_t>(partition)].leader
                                                                : -1;
}

std::size_t KafkaTopics::message_bytes_max(KafkaTopic topic) const {
    const std::lock_guard lock(mutex_);
    const auto& verdict = at(topic).verdict;
    return verdict ? verdict->batch_bytes_max : static_cast<std::size_t>(std::numeric_limits<int>::max());
}

// Partitions with a problem that matters: those beyond the number of lanes hold nothing up.
std::vector<int> KafkaTopics::partitions_away(const Topic& topic) const {
    std::vector<int> away;
    for (int i = 0; i < std::ssize(topic.partitions); ++i)
        if ((!topic.by_lane || i < partitions_) && !topic.partitions[static_cast<std::size_t>(i)].problem.empty())
            away.push_back(i);
    return away;
}

std::vector<KafkaEnd> KafkaTopics::ask_ends(KafkaTopic which, const std::vector<int>& partitions, milliseconds wait) {
    const Topic& topic = at(which);
    std::vector<KafkaEnd> ends;
    for (const auto& [broker, of_broker] : by_leader(topic, partitions, ends))
        ask_broker(topic.name, broker, of_broker, wait, ends);
    return ends;
}

// The partitions by the broker to ask; those that need no request are answered in ends. For partitions with an unknown
// leader (-1) the library finds the broker itself.
std::map<int, std::vector<int>> KafkaTopics::by_leader(const Topic& topic, const std::vector<int>& partitions,
                                                       std::vector<KafkaEnd>& ends) const {
    std::map<int, std::vector<int>> brokers;
    const SteadyTime now = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex_);
    for (const int number : partitions) {
        const bool known = number < std::ssize(topic.partitions);
        const int leader = known ? topic.partitions[static_cast<std::size_t>(number)].leader : -1;
        const auto silent = silent_until_.find(leader);
        if (known && leader < 0)
            ends.push_back({number, -1, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE});
        else if (silent != silent_until_.end() && now < silent->second)
            ends.push_back({number, -1, RD_KAFKA_RESP_ERR__TIMED_OUT});
        else
            brokers[leader].push_back(number);
    }
    return brokers;
}

void KafkaTopics::ask_broker(const std::string& topic, int broker, const std::vector<int>& partitions,
                             milliseconds wait, std::vector<KafkaEnd>& ends) {
    const KafkaPartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
    // The library sends this "time" unchanged; the end of a partition is requested by a special time.
    for (const int number : partitions)
        rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), number)->offset = RD_KAFKA_OFFSET_END;
    const auto error = rd_kafka_offsets_for_times(client_->get(), list.get(), static_cast<int>(wait.count()));
    {
        const std::lock_guard lock(mutex_);
        if (is_silence(error))
            silent_until_[broker] = std::chrono::steady_clock::now() + silent_broker_pause;
        else
            silent_until_.erase(broker);
    }
    // The request as a whole fails with this error only when none of the partitions exists.
    for (int i = 0; i < list->cnt; ++i) {
        const auto& asked = list->elems[i];
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
            ends.push_back({asked.partition, -1, error});
        else
            ends.push_back({asked.partition, asked.offset,
                            asked.err == RD_KAFKA_RESP_ERR_NO_ERROR && asked.offset < 0
                                ? RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE
                                : asked.err});
    }
}

}  // namespace ledgerline::bus
