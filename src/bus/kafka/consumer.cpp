#include "bus/kafka/consumer.h"

#include <algorithm>

#include "base/text.h"
#include "observe/log.h"

namespace ledgerline::bus {
namespace {

KafkaClient::Properties consumer_properties(const KafkaConfig& config) {
    return {{"group.id", config.group},
            // Round-robin, because a topic may have more partitions than there are lanes, and by range the first
            // members would get all partitions with a lane. Range as well, so that members of both versions share a
            // strategy.
            {"partition.assignment.strategy", "roundrobin,range"},
            {"enable.auto.commit", "false"},
            {"enable.auto.offset.store", "false"},
            {"auto.offset.reset", "earliest"},
            {"enable.partition.eof", "true"},
            {"session.timeout.ms", "6000"},
            {"heartbeat.interval.ms", "500"},
            // A member whose loop hangs, or which alone has lost its database, leaves its partitions to others.
            {"max.poll.interval.ms", "60000"},
            {"queued.min.messages", std::to_string(KafkaConsumer::fetched_messages_max)},
            {"queued.max.messages.kbytes", std::to_string(KafkaConsumer::fetched_kilobytes_max)},
            {"fetch.max.bytes", std::to_string(fetch_bytes_max)}};
}

// Null, as in tombstones, becomes empty.
std::string bytes_of(const void* data, std::size_t size) {
    return data ? std::string(static_cast<const char*>(data), size) : std::string();
}

Incoming incoming_from(const rd_kafka_message_t& message) {
    Incoming incoming{message.rkt ? rd_kafka_topic_name(message.rkt) : "", message.partition, message.offset, {}};
    incoming.message.key = bytes_of(message.key, message.key_len);
    incoming.message.value = bytes_of(message.payload, message.len);
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return incoming;
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i)
        incoming.message.headers.emplace_back(name ? name : "", bytes_of(value, size));
    return incoming;
}

}  // namespace

KafkaConsumer::KafkaConsumer(const KafkaConfig& config, KafkaTopics& topics, const Clock& clock, Metrics& metrics,
                             KafkaReaper& reaper)
    : config_(config), topics_(topics), clock_(clock), metrics_(metrics), reaper_(reaper) {}

KafkaConsumer::~KafkaConsumer() {
    if (!client_) return;
    flush_commits(true);
    close();
}

Result<Polled> KafkaConsumer::poll(milliseconds wait, std::size_t messages_max) {
    const SteadyTime began_at = clock_.steady_now();
    if (client_ && (client_->is_fatal() || stands_still_)) restart_client();
    if (!client_) {
        // A group that knows the topic from the start assigns partitions once. After a long wait this member joins
        // anyway, and gets partitions when the topic exists.
        if (join_by_ == SteadyTime()) join_by_ = began_at + topic_wait_max;
        if (!topics_.wait_there(KafkaTopic::events, began_at + wait) && clock_.steady_now() < join_by_) return Polled{};
        LEDGERLINE_CHECK(join());
    }
    if (clock_.steady_now() >= commit_due_) flush_commits(false);

    changed_hands_ = false;
    fetch(began_at + wait);
    Polled polled;
    report_assignment(polled);
    hand_out(polled, messages_max);
    find_ends(polled, began_at);
    return polled;
}

void KafkaConsumer::commit(int partition, std::int64_t next_offset) {
    if (held_.contains(partition)) to_commit_[partition] = next_offset;
}

Result<void> KafkaConsumer::join() {
    LEDGERLINE_TRY(
        client_,
        KafkaClient::open(
            {.type = RD_KAFKA_CONSUMER, .role = "worker", .properties = consumer_properties(config_), .listener = this},
            config_, metrics_, reaper_));
    const KafkaPartitionList list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), config_.topic.c_str(), RD_KAFKA_PARTITION_UA);
    const auto error = rd_kafka_subscribe(client_->get(), list.get());
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    client_.reset();
    return failure(Disposition::retry, "kafka_group", rd_kafka_err2str(error));
}

void KafkaConsumer::close() {
    const KafkaQueue queue(rd_kafka_queue_new(client_->get()));
    if (KafkaErrorPtr(rd_kafka_consumer_close_queue(client_->get(), queue.get()))) return;
    const SteadyTime deadline = std::chrono::steady_clock::now() + close_wait_max;
    while (!rd_kafka_consumer_closed(client_->get())) {
        const SteadyTime now = std::chrono::steady_clock::now();
        if (now >= deadline) return;
        const KafkaEvent event(
            rd_kafka_queue_poll(queue.get(), kafka_wait_ms(now, std::min(deadline, now + milliseconds(50)))));
        if (event && rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_REBALANCE)
            rd_kafka_assign(client_->get(), nullptr);
    }
}

// Gives up everything held. What was not returned to the caller is fetched again by another member.
void KafkaConsumer::give_up() {
    for (const auto& [partition, held] : held_)
        metrics_.kafka_consumer_lag_messages.Add({{"partition", std::to_string(partition)}}).Set(0);
    held_.clear();
    to_commit_.clear();
    kept_messages_ = kept_bytes_ = 0;
    changed_hands_ = true;
}

void KafkaConsumer::rebalanced(rd_kafka_t* client, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* list) {
    metrics_.kafka_rebalances_total.Increment();
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        give_up();
        ++assignments_;
        for (int i = 0; i < list->cnt; ++i)
            if (list->elems[i].topic == config_.topic) held_[list->elems[i].partition].assignment = assignments_;
        rd_kafka_assign(client, list);
        log::info("kafka: partitions assigned", {{"partitions", list->cnt}});
        return;
    }
    const bool is_lost = rd_kafka_assignment_lost(client) != 0;
    log::info("kafka: partitions revoked", {{"partitions", list->cnt}, {"lost", is_lost}});
    // The next owner continues from this commit.
    if (!is_lost) flush_commits(true);
    give_up();
    rd_kafka_assign(client, nullptr);
}

// Takes what the client has fetched. Waits only while there is nothing to report.
void KafkaConsumer::fetch(SteadyTime deadline) {
    while (!is_full()) {
        const bool may_wait = kept_messages_ == 0 && !changed_hands_;
        const SteadyTime now = clock_.steady_now();
        KafkaMessage message(rd_kafka_consumer_poll(client_->get(), may_wait ? kafka_wait_ms(now, deadline) : 0));
        if (message)
            take(std::move(message));
        else if (!may_wait || clock_.steady_now() >= deadline)
            return;
    }
}

bool KafkaConsumer::is_full() const { return kept_messages_ >= kept_messages_max || kept_bytes_ >= kept_bytes_max; }

void KafkaConsumer::take(KafkaMessage message) {
    const auto held = held_.find(message->partition);
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (held == held_.end()) return;
        held->second.position = message->offset;
        held->second.still_since = {};
        return;
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (is_missing(message->err)) topics_.doubt(KafkaTopic::events, message->partition);
        log::debug("kafka: consumer", {{"error", peer_text(rd_kafka_message_errstr(message.get()))}});
        return;
    }
    if (held == held_.end()) return;  // fetched before the partition was given up
    held->second.position = message->offset + 1;
    held->second.still_since = {};
    held->second.messages.push_back(incoming_from(*message));
    ++kept_messages_;
    kept_bytes_ += wire_bytes_max(held->second.messages.back().message);
}

void KafkaConsumer::report_assignment(Polled& polled) {
    for (const auto& [partition, assignment] : reported_) {
        const auto held = held_.find(partition);
        if (held == held_.end() || held->second.assignment != assignment) polled.revoked.push_back(partition);
    }
    for (const int partition : polled.revoked) reported_.erase(partition);
    for (const auto& [partition, held] : held_)
        if (reported_.try_emplace(partition, held.assignment).second) polled.assigned.push_back(partition);
}

// Returns one message of each partition in turn.
void KafkaConsumer::hand_out(Polled& polled, std::size_t messages_max) {
    const std::size_t count = std::min(messages_max, kept_messages_);
    polled.messages.reserve(count);
    auto next = held_.upper_bound(last_partition_);
    while (polled.messages.size() < count) {
        if (next == held_.end()) next = held_.begin();
        auto& messages = next->second.messages;
        if (!messages.empty()) {
            last_partition_ = next->first;
            kept_bytes_ -= wire_bytes_max(messages.front().message);
            --kept_messages_;
            polled.messages.push_back(std::move(messages.front()));
            messages.pop_front();
        }
        ++next;
    }
}

void KafkaConsumer::find_ends(Polled& polled, SteadyTime began_at) {
    if (held_.empty() || (!polled.messages.empty() && began_at < ends_due_)) return;
    ends_due_ = began_at + end_ask_interval;
    std::vector<int> partitions;
    for (const auto& [partition, held] : held_) partitions.push_back(partition);
    for (const KafkaEnd& end : topics_.ask_ends(KafkaTopic::events, partitions, end_wait_max))
        if (has_ended(held_.at(end.partition), end)) polled.ended.push_back(end.partition);
    std::ranges::sort(polled.ended);
}

bool KafkaConsumer::has_ended(Held& held, const KafkaEnd& end) {
    const int partition = end.partition;
    // One that seems to be missing has not ended: a broker that comes back may not know it for a moment.
    if (is_missing(end.error)) topics_.doubt(KafkaTopic::events, partition);
    if (end.error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        held.still_since = {};
        return false;
    }
    const auto kept = static_cast<std::int64_t>(held.messages.size());
    const std::int64_t position = held.position.value_or(end.offset);
    metrics_.kafka_consumer_lag_messages.Add({{"partition", std::to_string(partition)}})
        .Set(static_cast<double>(std::max<std::int64_t>(0, end.offset - position) + kept));
    const bool ended = held.messages.empty() && held.position == end.offset;
    if (ended)
        held.still_since = {};
    else if (held.messages.empty())
        watch(partition, held, end.offset);
    return ended;
}

// The broker has messages that the client does not bring. For a moment that is normal.
void KafkaConsumer::watch(int partition, Held& held, std::int64_t end) {
    const SteadyTime now = clock_.steady_now();
    // A client delayed by a quota does not count as stuck.
    if (held.still_since == SteadyTime() || client_->is_throttled(topics_.leader(KafkaTopic::events, partition))) {
        held.still_since = now;
        held.sought = false;
    }
    // The partition was deleted and created again. The client usually notices; if not, seek.
    if (held.position > end && !held.sought && now - held.still_since >= beyond_end_max) {
        held.sought = true;
        read_from_beginning(partition);
    }
    if (now - held.still_since >= still_max) stands_still_ = true;
}

// Leaves the group first: otherwise it would stay a member until its session times out.
void KafkaConsumer::restart_client() {
    log::error("kafka: the consumer is stuck and rejoins the group",
               {{"reason", client_->is_fatal() ? client_->last_error() : "messages are waiting but none arrives"}});
    if (!client_->is_fatal()) close();
    give_up();
    client_.reset();
    stands_still_ = false;
    metrics_.kafka_consumer_resets_total.Increment();
}

void KafkaConsumer::read_from_beginning(int partition) {
    log::warn("kafka: a partition ends before the position already read; reading it from its beginning",
              {{"partition", partition}});
    const KafkaPartitionList list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), config_.topic.c_str(), partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
    const KafkaErrorPtr error(
        rd_kafka_seek_partitions(client_->get(), list.get(), static_cast<int>(end_wait_max.count())));
    if (error) log::warn("kafka: seek", {{"error", peer_text(rd_kafka_error_string(error.get()))}});
}

// Offsets of partitions given up meanwhile are committed by their new owner, and are no longer here.
void KafkaConsumer::flush_commits(bool wait) {
    commit_due_ = clock_.steady_now() + commit_interval;
    if (to_commit_.empty()) return;
    const KafkaPartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(to_commit_.size())));
    for (const auto& [partition, offset] : std::exchange(to_commit_, {}))
        rd_kafka_topic_partition_list_add(list.get(), config_.topic.c_str(), partition)->offset = offset;
    if (!wait) {
        rd_kafka_commit(client_->get(), list.get(), 1);
        return;
    }
    const KafkaQueue answers(rd_kafka_queue_new(client_->get()));
    rd_kafka_commit_queue(client_->get(), list.get(), answers.get(), nullptr, nullptr);
    const KafkaEvent answer(rd_kafka_queue_poll(answers.get(), static_cast<int>(commit_wait_max.count())));
}

}  // namespace ledgerline::bus
