// KafkaConsumer: one member of the consumer group on Kafka.
//
// Fetched messages are kept by partition and returned in turns, so that a partition with a long backlog does not starve
// the others. A partition has ended when everything fetched from it was returned and the broker, asked after the poll
// began, has nothing more: the client's own end-of-partition notice comes only once and becomes stale. While messages
// come, the broker is asked at most every end_ask_interval. A partition without a leader, or whose broker is silent,
// has not ended, and does not delay finding where the others end.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/limits.h"
#include "bus/bus.h"
#include "bus/kafka/client.h"
#include "bus/kafka/topics.h"

namespace ledgerline::bus {

class KafkaConsumer final : public Consumer, private KafkaListener {
public:
    // How much is fetched ahead: by the client, and kept here to be returned. A client that reaches its limit fetches
    // nothing for a second, so the limit must exceed what a worker takes in a second.
    static constexpr int fetched_kilobytes_max = limits::kafka_fetched_bytes_max / limits::kibibyte;
    static constexpr int fetched_messages_max = 100'000;
    static constexpr std::size_t kept_messages_max = 5000;
    static constexpr std::size_t kept_bytes_max = limits::kafka_kept_bytes_max;
    static constexpr milliseconds topic_wait_max{3000};  // before joining the group without it
    static constexpr milliseconds end_ask_interval{100};
    static constexpr milliseconds end_wait_max{500};      // for the broker's answer
    static constexpr milliseconds commit_interval{100};   // one request for all partitions
    static constexpr milliseconds commit_wait_max{1000};  // for its answer, when partitions are given up
    static constexpr milliseconds close_wait_max{3000};
    // How long a position may be beyond its partition's end before the partition is read from its beginning.
    static constexpr milliseconds beyond_end_max{1500};
    // How long a partition that has more may bring nothing before the client is replaced.
    static constexpr milliseconds still_max{15'000};

    // Arguments passed by reference must outlive the consumer. The configuration has been checked.
    KafkaConsumer(const KafkaConfig& config, KafkaTopics& topics, const Clock& clock, Metrics& metrics,
                  KafkaReaper& reaper);
    // Commits and leaves the group, within commit_wait_max + close_wait_max.
    ~KafkaConsumer() override;

    Result<Polled> poll(milliseconds wait, std::size_t messages_max) override;
    void commit(int partition, std::int64_t next_offset) override;

private:
    // An assigned partition.
    struct Held {
        std::int64_t assignment = 0;           // number of this assignment
        std::deque<Incoming> messages = {};    // fetched, not returned
        std::optional<std::int64_t> position;  // of the next message to fetch; empty: not known yet
        SteadyTime still_since = {};           // since when the broker has more and nothing comes; zero: not so
        bool sought = false;                   // whether it has sought since then
    };

    void rebalanced(rd_kafka_t* client, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* list) override;
    Result<void> join();
    void close();
    void give_up();
    void fetch(SteadyTime deadline);
    bool is_full() const;
    void take(KafkaMessage message);
    void report_assignment(Polled& polled);
    void hand_out(Polled& polled, std::size_t messages_max);
    void find_ends(Polled& polled, SteadyTime began_at);
    bool has_ended(Held& held, const KafkaEnd& end);
    void watch(int partition, Held& held, std::int64_t end);
    void read_from_beginning(int partition);
    void restart_client();
    void flush_commits(bool wait);

    const KafkaConfig& config_;
    KafkaTopics& topics_;
    const Clock& clock_;
    Metrics& metrics_;
    KafkaReaper& reaper_;

    std::unique_ptr<KafkaClient> client_;
    std::map<int, Held> held_;
    std::map<int, std::int64_t> reported_;  // by partition, the assignment that was last reported to the caller
    std::int64_t assignments_ = 0;
    bool changed_hands_ = false;  // during this poll
    bool stands_still_ = false;
    std::size_t kept_messages_ = 0;
    std::size_t kept_bytes_ = 0;
    int last_partition_ = -1;  // where the last turn of returning messages ended
    std::map<int, std::int64_t> to_commit_;
    SteadyTime join_by_{};
    SteadyTime commit_due_{};
    SteadyTime ends_due_{};
};

}  // namespace ledgerline::bus
