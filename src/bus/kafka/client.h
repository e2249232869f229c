// KafkaClient: one handle of the Kafka client library (librdkafka), made from the user's properties and Ledgerline's,
// with its logs, errors and statistics translated. The producer, the consumer and the topic keeper are built on it.
//
// Destroying a handle may never return once a partition that it knew has vanished, so handles are given to the
// KafkaReaper.
#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "base/result.h"
#include "bus/kafka/config.h"
#include "bus/kafka/reaper.h"
#include "observe/metrics.h"

namespace ledgerline::bus {

template <auto destroy>
struct KafkaDeleter {
    template <class T>
    void operator()(T* handle) const {
        destroy(handle);
    }
};
using KafkaPartitionList =
    std::unique_ptr<rd_kafka_topic_partition_list_t, KafkaDeleter<rd_kafka_topic_partition_list_destroy>>;
using KafkaMessage = std::unique_ptr<rd_kafka_message_t, KafkaDeleter<rd_kafka_message_destroy>>;
using KafkaQueue = std::unique_ptr<rd_kafka_queue_t, KafkaDeleter<rd_kafka_queue_destroy>>;
using KafkaEvent = std::unique_ptr<rd_kafka_event_t, KafkaDeleter<rd_kafka_event_destroy>>;
using KafkaErrorPtr = std::unique_ptr<rd_kafka_error_t, KafkaDeleter<rd_kafka_error_destroy>>;
using KafkaTopicHandle = std::unique_ptr<rd_kafka_topic_t, KafkaDeleter<rd_kafka_topic_destroy>>;

// How much a consumer requests from a broker in one answer, in bytes.
inline constexpr std::size_t fetch_bytes_max = limits::kafka_fetch_bytes_max;

// Whether the error says that a topic or partition does not exist.
constexpr bool is_missing(rd_kafka_resp_err_t error) {
    return error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}
// Whether the error says that a broker has not answered.
constexpr bool is_silence(rd_kafka_resp_err_t error) {
    return error == RD_KAFKA_RESP_ERR__TIMED_OUT || error == RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE ||
           error == RD_KAFKA_RESP_ERR__TRANSPORT;
}

// The library takes whole milliseconds, as int. Zero when the deadline has passed.
int kafka_wait_ms(SteadyTime now, SteadyTime deadline);

// Lets one line of each kind through per interval. Thread-safe.
class LogLimiter {
public:
    static constexpr std::chrono::seconds interval{30};
    static constexpr std::size_t kinds_max = 64;

    // The number of lines of that kind held back since the last one let through; empty: hold this one back.
    std::optional<std::uint64_t> admit(const std::string& kind, SteadyTime now);

private:
    struct Kind {
        SteadyTime admitted_at;
        std::uint64_t held_back = 0;
    };
    std::mutex mutex_;
    std::map<std::string, Kind> kinds_;
};

// What a client reports to its owner. Called on the thread that polls the client, from within the poll.
class KafkaListener {
public:
    virtual ~KafkaListener() = default;
    virtual void delivered(const rd_kafka_message_t&) {}
    virtual void rebalanced(rd_kafka_t*, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t*) {}
};

// The size limits in the client's settings, with the user's properties: of a producer's message (message.max.bytes),
// and of a broker's answer to a consumer (receive.message.max.bytes). Error bad_usage, refuse, names a property that
// the library does not accept, or whose limit is too small for an event of the largest size.
struct KafkaClientLimits {
    std::size_t message_bytes_max = 0;
    std::size_t answer_bytes_max = 0;
};
Result<KafkaClientLimits> read_kafka_client_limits(const KafkaConfig& config);

class KafkaClient {
public:
    using Properties = std::vector<std::pair<const char*, std::string>>;
    struct Config {
        rd_kafka_type_t type = RD_KAFKA_PRODUCER;
        std::string role;                   // names the client in logs and metrics
        Properties properties{};            // Ledgerline's; they override the user's
        KafkaListener* listener = nullptr;  // may be null
    };

    // user holds the brokers and the user's properties. Connects to brokers only in the background. Error bad_usage,
    // refuse, names the property that the library does not accept, and never shows a secret.
    static Result<std::unique_ptr<KafkaClient>> open(const Config& config, const KafkaConfig& user, Metrics& metrics,
                                                     KafkaReaper& reaper);
    // Hands the handle to the reaper; never blocks.
    ~KafkaClient();
    KafkaClient(const KafkaClient&) = delete;
    KafkaClient& operator=(const KafkaClient&) = delete;

    rd_kafka_t* get() const { return handle_; }
    // Whether the client has met an error that makes it unusable.
    bool is_fatal() const;
    // The last error that the client reported; empty: none.
    std::string last_error() const;
    // Whether a quota makes the client wait for that broker, according to the broker's last answer.
    bool is_throttled(int broker) const;

private:
    struct Callbacks;
    KafkaClient(rd_kafka_t* handle, std::shared_ptr<Callbacks> callbacks, KafkaReaper& reaper);

    rd_kafka_t* handle_;
    std::shared_ptr<Callbacks> callbacks_;
    KafkaReaper& reaper_;
};

}  // namespace ledgerline::bus
