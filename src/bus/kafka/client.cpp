#include "bus/kafka/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/text.h"
#include "bus/kafka/bus.h"
#include "bus/kafka/statistics.h"
#include "domain/event.h"
#include "observe/exceptions.h"
#include "observe/log.h"

namespace ledgerline::bus {
namespace {

constexpr std::size_t kErrorChars = 512;  // buffer size that the library asks for
constexpr char kStatisticsIntervalMs[] = "5000";

// The library uses syslog levels.
log::Level level_of(int syslog_level) {
    if (syslog_level <= 2) return log::Level::error;
    if (syslog_level <= 4) return log::Level::warn;
    return syslog_level <= 6 ? log::Level::info : log::Level::debug;
}

// Messages that every client repeats while a broker is away, and that the topic keeper logs once for all of them; and
// those that are normal when a client is dropped, a commit is lost or a broker is starting.
bool is_routine(std::string_view facility) {
    constexpr std::string_view kFacilities[] = {"FAIL",     "ERROR",     "REQTMOUT",   "BROKERDOWN",
                                                "CONFWARN", "TERMINATE", "COMMITFAIL", "GETPID"};
    return std::find(std::begin(kFacilities), std::end(kFacilities), facility) != std::end(kFacilities);
}

bool is_about_connections(rd_kafka_resp_err_t error) {
    return error == RD_KAFKA_RESP_ERR__TRANSPORT || error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
           error == RD_KAFKA_RESP_ERR__RESOLVE || error == RD_KAFKA_RESP_ERR__TIMED_OUT ||
           error == RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE;
}

std::unexpected<Error> bad_property(const std::string& name, rd_kafka_conf_res_t result, const char* reason) {
    std::string message = result == RD_KAFKA_CONF_UNKNOWN ? fmt::format("there is no Kafka property {}", name)
                          : is_secret_kafka_property(name)
                              ? fmt::format("Kafka property {}: the client does not accept its value", name)
                              : fmt::format("Kafka property {}: {}", name, reason);
    return failure(Disposition::refuse, "bad_usage", std::move(message));
}

using ConfigHandle = std::unique_ptr<rd_kafka_conf_t, KafkaDeleter<rd_kafka_conf_destroy>>;

Result<void> set(rd_kafka_conf_t* config, const std::string& name, const std::string& value) {
    char reason[kErrorChars];
    const auto result = rd_kafka_conf_set(config, name.c_str(), value.c_str(), reason, sizeof reason);
    if (result != RD_KAFKA_CONF_OK) return bad_property(name, result, reason);
    return {};
}

Result<ConfigHandle> make_config(const std::string& role, const KafkaConfig& config,
                                 const KafkaClient::Properties& properties) {
    ConfigHandle handle(rd_kafka_conf_new());
    // Users may choose others. A broker that leaves a request unanswered holds up its messages, and the metadata that
    // another could give, for the first; it waits for other replicas for the second, which must be less.
    for (const auto& [name, value] : {std::pair("socket.timeout.ms", "15000"), {"request.timeout.ms", "10000"}})
        LEDGERLINE_CHECK(set(handle.get(), name, value));
    for (const auto& [name, value] : config.properties) {
        LEDGERLINE_CHECK(check_kafka_property(name));
        LEDGERLINE_CHECK(set(handle.get(), name, value));
    }
    const std::pair<const char*, std::string> common[] = {
        {"bootstrap.servers", config.brokers}, {"client.id", config.client_id + "-" + role},
        {"allow.auto.create.topics", "false"}, {"reconnect.backoff.ms", "50"},
        {"reconnect.backoff.max.ms", "500"},   {"socket.nagle.disable", "true"},
        {"socket.keepalive.enable", "true"},   {"topic.metadata.refresh.interval.ms", "2000"},
        {"log.connection.close", "false"},     {"statistics.interval.ms", kStatisticsIntervalMs},
    };
    for (const auto& [name, value] : common) LEDGERLINE_CHECK(set(handle.get(), name, value));
    for (const auto& [name, value] : properties) LEDGERLINE_CHECK(set(handle.get(), name, value));
    return handle;
}

}  // namespace

Result<KafkaClientLimits> read_kafka_client_limits(const KafkaConfig& config) {
    LEDGERLINE_TRY(const ConfigHandle handle, make_config("limits", config, {}));
    const auto read = [&](const char* name, std::size_t bytes_min) -> Result<std::size_t> {
        char text[kErrorChars];
        std::size_t size = sizeof text;
        std::size_t bytes = 0;
        if (rd_kafka_conf_get(handle.get(), name, text, &size) == RD_KAFKA_CONF_OK)
            std::from_chars(text, text + std::strlen(text), bytes);
        if (bytes >= bytes_min) return bytes;
        return failure(
            Disposition::refuse, "bad_usage",
            fmt::format("Kafka property {}: {} is too small, at least {} bytes are needed", name, bytes, bytes_min));
    };
    KafkaClientLimits limits;
    LEDGERLINE_TRY(limits.message_bytes_max, read("message.max.bytes", event_wire_bytes_max));
    // The client rejects larger answers. The library asks for room for its frame (fetch.max.bytes + 512).
    LEDGERLINE_TRY(limits.answer_bytes_max, read("receive.message.max.bytes", fetch_bytes_max + 512));
    // Brokers exceed this limit for a first message (KIP-74); older brokers would never return it.
    LEDGERLINE_CHECK(read("fetch.message.max.bytes", event_wire_bytes_max));
    return limits;
}

Result<void> check_kafka_client(const KafkaConfig& config) {
    KafkaConfig without_brokers = config;
    without_brokers.brokers.clear();
    LEDGERLINE_TRY(ConfigHandle handle, make_config("check", without_brokers, {}));
    rd_kafka_conf_set_log_cb(handle.get(), nullptr);
    char reason[kErrorChars];
    rd_kafka_t* client = rd_kafka_new(RD_KAFKA_PRODUCER, handle.get(), reason, sizeof reason);
    if (!client)
        return failure(Disposition::refuse, "bad_usage", fmt::format("the Kafka client does not start: {}", reason));
    [[maybe_unused]] const auto* owned_by_client = handle.release();
    rd_kafka_destroy(client);
    return {};
}

int kafka_wait_ms(SteadyTime now, SteadyTime deadline) {
    constexpr milliseconds kLongest{60'000};
    const auto left = std::chrono::ceil<milliseconds>(deadline - now);
    return static_cast<int>(std::clamp(left, milliseconds(0), kLongest).count());
}

std::optional<std::uint64_t> LogLimiter::admit(const std::string& kind, SteadyTime now) {
    const std::lock_guard lock(mutex_);
    if (kinds_.size() >= kinds_max && !kinds_.contains(kind)) return std::nullopt;
    const auto [known, is_new] = kinds_.try_emplace(kind, Kind{now});
    if (is_new) return 0;
    if (now - known->second.admitted_at < interval) {
        ++known->second.held_back;
        return std::nullopt;
    }
    known->second.admitted_at = now;
    return std::exchange(known->second.held_back, 0);
}

// The library calls back through C code, which exceptions must not cross, and from its own threads.
struct KafkaClient::Callbacks {
    std::string role;
    KafkaListener* listener = nullptr;
    Metrics* metrics = nullptr;
    LogLimiter limiter = {};
    std::atomic<bool> fatal = false;
    mutable std::mutex mutex = {};
    std::string last_error = {};                     // under mutex
    std::map<int, SteadyTime> throttled_until = {};  // by broker; under mutex

    static Callbacks& of(void* opaque) { return *static_cast<Callbacks*>(opaque); }
    template <class Work>
    void guard(Work work) noexcept {
        try {
            work();
        } catch (const std::exception& exception) {
            note_exception(*metrics, "kafka-client", exception.what());
        }
    }
    void log(log::Level level, const std::string& kind, std::string_view message, std::string_view text);
    void show_throttled();

    static void on_log(const rd_kafka_t* handle, int level, const char* facility, const char* text);
    static void on_error(rd_kafka_t* handle, int error, const char* reason, void* opaque);
    static int on_statistics(rd_kafka_t*, char* json, std::size_t size, void* opaque);
    static void on_throttle(rd_kafka_t*, const char* name, std::int32_t broker, int wait_ms, void* opaque);
    static void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque);
    static void on_rebalance(rd_kafka_t* handle, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions,
                             void* opaque);
};

void KafkaClient::Callbacks::log(log::Level level, const std::string& kind, std::string_view message,
                                 std::string_view text) {
    const auto held_back = limiter.admit(kind, std::chrono::steady_clock::now());
    if (!held_back) return;
    log::write(level, message, {{"client", role}, {"kind", kind}, {"text", text}, {"held_back", *held_back}});
}

// The longest wait that lasts. Other brokers' answers come meanwhile.
void KafkaClient::Callbacks::show_throttled() {
    const SteadyTime now = std::chrono::steady_clock::now();
    SteadyTime until = now;
    {
        const std::lock_guard lock(mutex);
        for (const auto& [broker, of_broker] : throttled_until) until = std::max(until, of_broker);
    }
    metrics->kafka_throttled_seconds.Add({{"client", role}}).Set(std::chrono::duration<double>(until - now).count());
}

void KafkaClient::Callbacks::on_log(const rd_kafka_t* handle, int level, const char* facility, const char* text) {
    Callbacks& self = of(rd_kafka_opaque(handle));
    self.guard([&] {
        const std::string kind = peer_text(facility), line = peer_text(text);
        const log::Level ours = is_routine(kind) ? log::Level::debug : level_of(level);
        if (ours == log::Level::debug)
            log::debug("kafka client", {{"client", self.role}, {"kind", kind}, {"text", line}});
        else
            self.log(ours, kind, "kafka client", line);
    });
}

void KafkaClient::Callbacks::on_error(rd_kafka_t* handle, int error, const char* reason, void* opaque) {
    Callbacks& self = of(opaque);
    const auto code = static_cast<rd_kafka_resp_err_t>(error);
    if (code == RD_KAFKA_RESP_ERR__FATAL) self.fatal = true;
    self.guard([&] {
        std::string text = peer_text(reason);
        if (code == RD_KAFKA_RESP_ERR__FATAL) {
            char fatal_reason[kErrorChars];
            rd_kafka_fatal_error(handle, fatal_reason, sizeof fatal_reason);
            text = fatal_reason;
        }
        {
            const std::lock_guard lock(self.mutex);
            self.last_error = text;
        }
        if (!is_about_connections(code))
            self.log(log::Level::warn, rd_kafka_err2name(code), "kafka client error", text);
    });
}

int KafkaClient::Callbacks::on_statistics(rd_kafka_t*, char* json, std::size_t size, void* opaque) {
    Callbacks& self = of(opaque);
    self.guard([&] {
        self.show_throttled();
        record_kafka_statistics({json, size}, self.role, *self.metrics);
    });
    return 0;  // the library frees json
}

// Called for every answer after which a quota delays the next one, and for the first answer without a delay.
void KafkaClient::Callbacks::on_throttle(rd_kafka_t*, const char* name, std::int32_t broker, int wait_ms,
                                         void* opaque) {
    Callbacks& self = of(opaque);
    self.guard([&] {
        {
            const std::lock_guard lock(self.mutex);
            self.throttled_until[broker] = std::chrono::steady_clock::now() + milliseconds(wait_ms);
        }
        self.show_throttled();
        if (wait_ms > 0)
            self.log(log::Level::warn, "THROTTLED", "kafka client",
                     fmt::format("a quota makes this client wait {} ms for broker {}", wait_ms, name));
    });
}

void KafkaClient::Callbacks::on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    Callbacks& self = of(opaque);
    self.guard([&] { self.listener->delivered(*message); });
}

void KafkaClient::Callbacks::on_rebalance(rd_kafka_t* handle, rd_kafka_resp_err_t what,
                                          rd_kafka_topic_partition_list_t* partitions, void* opaque) {
    Callbacks& self = of(opaque);
    self.guard([&] { self.listener->rebalanced(handle, what, partitions); });
}

Result<std::unique_ptr<KafkaClient>> KafkaClient::open(const Config& config, const KafkaConfig& user, Metrics& metrics,
                                                       KafkaReaper& reaper) {
    LEDGERLINE_TRY(ConfigHandle handle, make_config(config.role, user, config.properties));
    auto callbacks = std::make_shared<Callbacks>(config.role, config.listener, &metrics);
    rd_kafka_conf_set_opaque(handle.get(), callbacks.get());
    rd_kafka_conf_set_log_cb(handle.get(), Callbacks::on_log);
    rd_kafka_conf_set_error_cb(handle.get(), Callbacks::on_error);
    rd_kafka_conf_set_stats_cb(handle.get(), Callbacks::on_statistics);
    rd_kafka_conf_set_throttle_cb(handle.get(), Callbacks::on_throttle);
    if (config.listener && config.type == RD_KAFKA_PRODUCER)
        rd_kafka_conf_set_dr_msg_cb(handle.get(), Callbacks::on_delivery);
    if (config.listener && config.type == RD_KAFKA_CONSUMER)
        rd_kafka_conf_set_rebalance_cb(handle.get(), Callbacks::on_rebalance);

    char reason[kErrorChars];
    rd_kafka_t* client = rd_kafka_new(config.type, handle.get(), reason, sizeof reason);
    if (!client)
        return failure(Disposition::refuse, "bad_usage", fmt::format("the Kafka client does not start: {}", reason));
    [[maybe_unused]] const auto* owned_by_client = handle.release();
    if (config.type == RD_KAFKA_CONSUMER) rd_kafka_poll_set_consumer(client);
    return std::unique_ptr<KafkaClient>(new KafkaClient(client, std::move(callbacks), reaper));
}

KafkaClient::KafkaClient(rd_kafka_t* handle, std::shared_ptr<Callbacks> callbacks, KafkaReaper& reaper)
    : handle_(handle), callbacks_(std::move(callbacks)), reaper_(reaper) {}

KafkaClient::~KafkaClient() { reaper_.destroy(handle_, std::move(callbacks_)); }

bool KafkaClient::is_fatal() const { return callbacks_->fatal; }

std::string KafkaClient::last_error() const {
    const std::lock_guard lock(callbacks_->mutex);
    return callbacks_->last_error;
}

bool KafkaClient::is_throttled(int broker) const {
    const std::lock_guard lock(callbacks_->mutex);
    const auto until = callbacks_->throttled_until.find(broker);
    return until != callbacks_->throttled_until.end() && std::chrono::steady_clock::now() < until->second;
}

}  // namespace ledgerline::bus
