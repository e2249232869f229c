// KafkaTopics: keeps the topics as the lane protocol needs them, and knows the state of the broker and of each
// partition.
//
// One thread asks the broker for its metadata every second. A missing topic is created, and those of events and
// outcomes are grown when they have fewer partitions than lanes; more partitions are a warning, logged once. Nothing is
// sent to a partition while it has no leader, has fewer replicas in sync than its minimum, or has not yet reported its
// end: until its log is open, a broker may acknowledge records that it does not keep. A partition that is away holds up
// no other.
//
// Each full check also reads the limits that topics and their brokers set to the size of a message or request
// (DescribeConfigs), and compares them with what an event needs (kafka/limits.h). A limit that is too small is a
// problem that health() names; limits that may not be read are a warning.
//
// Thread-safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bus/kafka/admin.h"
#include "bus/kafka/client.h"
#include "bus/kafka/health.h"

namespace ledgerline::bus {

enum class KafkaTopic { events, dead_letters, outcomes };

// Where a partition ends, or why that is unknown.
struct KafkaEnd {
    int partition = 0;
    std::int64_t offset = -1;
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__TIMED_OUT;
};

class KafkaTopics {
public:
    static constexpr milliseconds look_interval{1000};
    static constexpr milliseconds full_look_interval{30'000};  // which asks every partition
    static constexpr milliseconds retry_interval{50};          // while a caller waits or a partition is in doubt
    static constexpr milliseconds answer_wait_max{5000};  // for the broker's metadata, or a broker's answer about ends
    static constexpr milliseconds silence_max{10'000};    // before a problem that should pass is logged
    // A broker that did not report its partitions' ends is not asked again for this long.
    static constexpr milliseconds silent_broker_pause{5'000};
    // How long a topic that was created or grown may take to show in the metadata before that is asked for again.
    static constexpr milliseconds change_seen_max{2'000};

    // Checks the configuration; does not wait for the broker. on_look is called on the keeper's thread after every
    // check.
    static Result<std::unique_ptr<KafkaTopics>> start(const KafkaConfig& config, Metrics& metrics, KafkaReaper& reaper,
                                                      std::function<void()> on_look);
    ~KafkaTopics();  // takes a few times answer_wait_max when brokers are silent
    KafkaTopics(const KafkaTopics&) = delete;
    KafkaTopics& operator=(const KafkaTopics&) = delete;

    // Waits until the topic has been checked once, or until deadline.
    void wait_looked(KafkaTopic topic, SteadyTime deadline);
    // Waits until the topic has its partitions, in whatever state, or until deadline. Returns whether it has them.
    bool wait_there(KafkaTopic topic, SteadyTime deadline);

    // Why nothing can be sent to the partition now. Empty: no known obstacle.
    std::string obstacle(KafkaTopic topic, int partition) const;
    // Whether the partition has no problem at all, as far as known.
    bool is_sound(KafkaTopic topic, int partition) const;
    // A caller has seen the partition fail: nothing is sent to it until a check that begins after this call finds it
    // sound.
    void doubt(KafkaTopic topic, int partition);
    // A caller has seen a message refused for its size: read the limits again soon.
    void doubt_limits(KafkaTopic topic);

    // Where the partitions end now. Uses the keeper's connection: on a consumer's, the broker answers only after the
    // preceding fetch, which takes up to half a second. Waits for each broker's answer, at most for `wait`, and not for
    // brokers that have not answered recently; partitions without a leader are not asked. Error is_missing() for a
    // partition that does not exist.
    std::vector<KafkaEnd> ask_ends(KafkaTopic topic, const std::vector<int>& partitions, milliseconds wait);

    KafkaHealth health() const;
    bool reachable() const;
    // Why the broker is not reachable; empty when it is.
    std::string silence() const;
    // At the last check; 0: missing or unknown.
    int partitions(KafkaTopic topic) const;
    // The id of the broker that led the partition at the last check; -1: none or unknown.
    int leader(KafkaTopic topic, int partition) const;
    // The largest message, or batch of messages, that the topic accepts, in bytes; a large number while that is
    // unknown.
    std::size_t message_bytes_max(KafkaTopic topic) const;

private:
    static constexpr std::size_t topics_count = 3;

    struct Partition {
        int leader = -1;            // broker id
        bool whole = false;         // all its replicas are in sync
        std::string problem = {};   // empty: none
        std::uint64_t doubts = 1;   // raised by doubt()
        std::uint64_t settled = 0;  // the value of doubts before the last check that asked it
    };
    struct Topic {
        // Written only by the keeper's thread.
        std::string name;
        KafkaTopicHandle handle = nullptr;  // includes the topic in the metadata request
        bool by_lane = false;               // each lane has its partition
        bool vital = false;                 // the topic of events: nothing moves without it
        bool warned_of_more = false;
        bool warned_of_limits = false;
        SteadyTime full_look_due = {};
        SteadyTime change_due = {};                              // when it may be created or grown again
        bool unsettled = true;                                   // something is wrong, or not yet known to be in order
        SteadyTime right_at = std::chrono::steady_clock::now();  // last time in order, or the start
        std::string logged = {};
        // Under mutex_.
        bool looked = false;
        bool limits_doubted = true;
        std::string problem = {};  // with the topic as a whole
        KafkaTopicLimits limits = {};
        std::map<int, KafkaBrokerLimits> brokers = {};   // the last answer of each
        std::optional<KafkaLimitsVerdict> verdict = {};  // empty: unknown
        std::vector<Partition> partitions = {};
    };

    KafkaTopics(const KafkaConfig& config, Metrics& metrics, std::function<void()> on_look);
    void run();
    bool is_in_hurry() const;
    void look();
    void look_at(Topic& topic, const rd_kafka_metadata_topic_t* found);
    Result<void> repair(Topic& topic, const rd_kafka_metadata_topic_t* found);
    void read_limits(Topic& topic, const rd_kafka_metadata_topic_t& found);
    void take_metadata(Topic& topic, const rd_kafka_metadata_topic_t* found);
    void ask_partitions(Topic& topic, bool all);
    void report(Topic& topic);
    void set_reachable(bool reachable, const std::string& reason);
    std::vector<int> partitions_away(const Topic& topic) const;
    std::map<int, std::vector<int>> by_leader(const Topic& topic, const std::vector<int>& partitions,
                                              std::vector<KafkaEnd>& ends) const;
    void ask_broker(const std::string& topic, int broker, const std::vector<int>& partitions, milliseconds wait,
                    std::vector<KafkaEnd>& ends);
    Topic& at(KafkaTopic topic) { return topics_[static_cast<std::size_t>(topic)]; }
    const Topic& at(KafkaTopic topic) const { return topics_[static_cast<std::size_t>(topic)]; }

    const int partitions_;
    const int replication_factor_;
    const std::size_t answer_bytes_max_;
    Metrics& metrics_;
    const std::function<void()> on_look_;
    std::unique_ptr<KafkaClient> client_;

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable looked_;
    Topic topics_[topics_count];
    std::map<int, SteadyTime> silent_until_;  // by broker
    bool stopping_ = false;
    bool in_doubt_ = false;    // since the last check began
    std::size_t waiting_ = 0;  // callers in wait_there
    std::optional<bool> reachable_;
    std::string silence_ = "the Kafka broker has not answered yet";

    std::thread thread_;
};

}  // namespace ledgerline::bus
