// KafkaTopics: keeps the topics as the lane protocol wants them, and knows whether the broker answers.
//
// One thread asks the broker every second for its metadata. A topic that is missing is created, and the topic of events
// grown when it has fewer partitions than lanes; more partitions are a warning, said once. Then every partition is
// asked for its end: until its log is open, a broker may acknowledge records that it does not keep.
//
// Safe to use from any thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "bus/kafka_client.h"

namespace ledgerline {

// Whether the error says that a topic or partition does not exist.
bool is_missing(rd_kafka_resp_err_t error);

enum class KafkaTopic { events, dead_letters };

class KafkaTopics {
public:
    static constexpr milliseconds look_interval{1000};
    static constexpr milliseconds full_look_interval{30'000};  // with the question to every partition
    static constexpr milliseconds retry_interval{50};          // while somebody waits
    static constexpr milliseconds answer_wait_max{2000};       // for the broker's metadata
    static constexpr milliseconds silence_max{10'000};         // before something that should pass is logged
    static constexpr milliseconds change_wait_max{3000};       // for a topic to be created or grown

    // Checks the configuration; waits for nobody. on_look is called on the keeper's thread after every look.
    static Result<std::unique_ptr<KafkaTopics>> start(const KafkaConfig& config, Metrics& metrics, KafkaReaper& reaper,
                                                      std::function<void()> on_look);
    ~KafkaTopics();  // within answer_wait_max + change_wait_max
    KafkaTopics(const KafkaTopics&) = delete;
    KafkaTopics& operator=(const KafkaTopics&) = delete;

    // Waits until the topic was found right since the last doubt() about it, at most until deadline. Error
    // kafka_unreachable or kafka_topic, retry, says what stands in the way.
    Result<void> wait_right(KafkaTopic topic, SteadyTime deadline);
    // Somebody has seen a delivery fail or the topic missing: have a full look soon.
    void doubt(KafkaTopic topic);

    // Fills in the end of each partition that list names, or its own error. Asked over the keeper's connection: on a
    // consumer's, the broker answers only when the fetch before it has, which takes up to half a second. Returns the
    // error of the request as a whole; is_missing() when not one of the partitions is there.
    rd_kafka_resp_err_t ask_ends(rd_kafka_topic_partition_list_t* list, milliseconds wait) const;

    bool reachable() const;
    // At the last look; 0: missing, or not known.
    int partitions(KafkaTopic topic) const;

private:
    static constexpr std::size_t topics_count = 2;

    struct Topic {
        // Of the thread alone.
        std::string name;
        KafkaTopicHandle handle = nullptr;  // makes the topic part of what the metadata request asks for
        bool may_grow = false;
        bool warned = false;
        bool changed = true;  // since the last full look
        int partitions_found = 0;
        SteadyTime full_look_due = {};
        SteadyTime right_at = std::chrono::steady_clock::now();  // at last, or since the start
        std::string logged_error = {};
        // Under mutex_.
        std::uint64_t doubts = 1;   // raised by doubt()
        std::uint64_t settled = 0;  // the value of doubts before the last look that found the topic right
        int partitions = 0;
        Error error = {};  // of the last look
    };

    KafkaTopics(const KafkaConfig& config, Metrics& metrics, std::function<void()> on_look);
    void run();
    bool somebody_waits() const;
    void look();
    Result<void> look_at(Topic& topic, const rd_kafka_metadata_topic_t* found, bool is_doubted);
    Result<void> mend(Topic& topic, rd_kafka_resp_err_t error);
    Result<void> create(Topic& topic);
    Result<void> grow(Topic& topic);
    Result<void> check_open(const Topic& topic);
    void settle(Topic& topic, std::uint64_t doubts, const Result<void>& right);
    void set_reachable(bool reachable, const std::string& reason);

    const int partitions_;
    const int replication_factor_;
    Metrics& metrics_;
    const std::function<void()> on_look_;
    std::unique_ptr<KafkaClient> client_;

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable looked_;
    Topic topics_[topics_count];
    bool stopping_ = false;
    std::size_t waiting_ = 0;  // callers in wait_right
    std::optional<bool> reachable_;

    std::thread thread_;
};

}  // namespace ledgerline
