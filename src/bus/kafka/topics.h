// KafkaTopics: keeps the topics as the lane protocol wants them, and knows what the broker and each partition are
// worth.
//
// One thread asks the broker every second for its metadata. A topic that is missing is created, and the topic of events
// grown when it has fewer partitions than lanes; more partitions are a warning, said once. A partition is sent nothing
// while it has no leader, is below its minimum of replicas in sync, or has not told its end yet: until its log is open,
// a broker may acknowledge records that it does not keep. One partition that is away holds up no other.
//
// With every full look the limits are read that topics and their brokers set to the size of a message or request
// (DescribeConfigs), and compared to what an event takes (kafka_limits.h). What takes too little is a problem that
// health() names; limits that may not be read are a warning.
//
// Safe to use from any thread.
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

enum class KafkaTopic { events, dead_letters };

// Where a partition ends, or why that is not known.
struct KafkaEnd {
    int partition = 0;
    std::int64_t offset = -1;
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__TIMED_OUT;
};

class KafkaTopics {
public:
    static constexpr milliseconds look_interval{1000};
    static constexpr milliseconds full_look_interval{30'000};  // with the questions to every partition
    static constexpr milliseconds retry_interval{50};          // while somebody waits, or has a doubt
    static constexpr milliseconds answer_wait_max{5000};       // for the broker's metadata, or a broker's ends
    static constexpr milliseconds silence_max{10'000};         // before something that should pass is logged
    // How long a broker that did not tell its partitions' ends is not asked again.
    static constexpr milliseconds silent_broker_pause{5'000};

    // Checks the configuration; waits for nobody. on_look is called on the keeper's thread after every look.
    static Result<std::unique_ptr<KafkaTopics>> start(const KafkaConfig& config, Metrics& metrics, KafkaReaper& reaper,
                                                      std::function<void()> on_look);
    ~KafkaTopics();  // within a few times answer_wait_max, when brokers are silent
    KafkaTopics(const KafkaTopics&) = delete;
    KafkaTopics& operator=(const KafkaTopics&) = delete;

    // Waits until the topic was looked at once, at most until deadline.
    void wait_looked(KafkaTopic topic, SteadyTime deadline);
    // Waits until the topic has its partitions, whatever they are worth, at most until deadline. Whether it has.
    bool wait_there(KafkaTopic topic, SteadyTime deadline);

    // Why nothing can be sent to the partition now. Empty: nothing is known that stands in the way.
    std::string obstacle(KafkaTopic topic, int partition) const;
    // Whether nothing at all is wrong with the partition, as far as is known.
    bool is_sound(KafkaTopic topic, int partition) const;
    // Somebody has seen the partition fail: nothing is sent to it until a look that begins now finds it in order.
    void doubt(KafkaTopic topic, int partition);
    // Somebody has seen a message refused for its size: read the limits again soon.
    void doubt_limits(KafkaTopic topic);

    // Where the partitions end now. Asked over the keeper's connection: on a consumer's, the broker answers only when
    // the fetch before it has, which takes up to half a second. Waits for each broker's answer, at most for `wait`, and
    // for none that has not answered lately; a partition without a leader is not asked. is_missing() for one that is
    // not there.
    std::vector<KafkaEnd> ask_ends(KafkaTopic topic, const std::vector<int>& partitions, milliseconds wait);

    KafkaHealth health() const;
    bool reachable() const;
    // Why the broker is not reachable; empty when it is.
    std::string silence() const;
    // At the last look; 0: missing, or not known.
    int partitions(KafkaTopic topic) const;
    // The id of the broker that leads the partition, at the last look; -1: none, or not known.
    int leader(KafkaTopic topic, int partition) const;
    // What the topic takes of a message, or of a batch of them, in bytes; a large number while that is not known.
    std::size_t message_bytes_max(KafkaTopic topic) const;

private:
    static constexpr std::size_t topics_count = 2;

    struct Partition {
        int leader = -1;            // the broker's id
        bool whole = false;         // all its replicas are in sync
        std::string problem = {};   // empty: none
        std::uint64_t doubts = 1;   // raised by doubt()
        std::uint64_t settled = 0;  // the value of doubts before the last look that asked it
    };
    struct Topic {
        // Changed by the thread alone.
        std::string name;
        KafkaTopicHandle handle = nullptr;  // makes the topic part of what the metadata request asks for
        bool may_grow = false;              // the topic of events
        bool warned_of_more = false;
        bool warned_of_limits = false;
        SteadyTime full_look_due = {};
        bool unsettled = true;                                   // something is wrong, or has yet to be seen in order
        SteadyTime right_at = std::chrono::steady_clock::now();  // at last, or since the start
        std::string logged = {};
        // Under mutex_.
        bool looked = false;
        bool limits_doubted = true;
        std::string problem = {};  // of the topic as a whole
        KafkaTopicLimits limits = {};
        std::map<int, KafkaBrokerLimits> brokers = {};   // what each of them said last
        std::optional<KafkaLimitsVerdict> verdict = {};  // nothing: not known
        std::vector<Partition> partitions = {};
    };

    KafkaTopics(const KafkaConfig& config, Metrics& metrics, std::function<void()> on_look);
    void run();
    bool is_in_hurry() const;
    void look();
    void look_at(Topic& topic, const rd_kafka_metadata_topic_t* found);
    Result<void> mend(Topic& topic, const rd_kafka_metadata_topic_t* found);
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
    bool in_doubt_ = false;    // since the last look began
    std::size_t waiting_ = 0;  // callers in wait_there
    std::optional<bool> reachable_;
    std::string silence_ = "the Kafka broker has not answered yet";

    std::thread thread_;
};

}  // namespace ledgerline::bus
