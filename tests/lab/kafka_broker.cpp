#include "lab/kafka_broker.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <csignal>
#include <fstream>
#include <numeric>
#include <set>
#include <utility>

namespace ledgerline::test {
namespace {

int count_partitions(rd_kafka_t* client, const std::string& topic) {
    const rd_kafka_metadata_t* metadata = nullptr;
    if (const auto error = rd_kafka_metadata(client, 1, nullptr, &metadata, kafka_answer_ms_max); error)
        give_up(kafka, fmt::format("metadata: {}", rd_kafka_err2str(error)));
    int count = 0;
    for (int i = 0; i < metadata->topic_cnt; ++i)
        if (metadata->topics[i].topic == topic) count = metadata->topics[i].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    return count;
}

std::optional<std::string> optional_bytes(const void* data, std::size_t size) {
    if (!data) return std::nullopt;
    return std::string(static_cast<const char*>(data), size);
}

RawRecord record_of(const rd_kafka_message_t& message) {
    RawRecord record{
        optional_bytes(message.key, message.key_len), optional_bytes(message.payload, message.len), {}, message.offset};
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return record;
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i)
        record.headers.emplace_back(name, optional_bytes(value, size).value_or(""));
    return record;
}

}  // namespace

KafkaBroker& KafkaBroker::shared() {
    static KafkaBroker broker;
    return broker;
}

KafkaBroker::KafkaBroker(std::uint16_t port, std::vector<std::string> settings)
    : port_(port), settings_(std::move(settings)), guard_(dir_.path()) {
    start();
}

KafkaBroker::KafkaBroker(const Secure& secure)
    : port_(free_port(PortUse::restarted)),
      secure_port_(free_port(PortUse::restarted)),
      settings_{"ssl.keystore.type=PEM", "ssl.keystore.location=" + secure.certificate, "ssl.truststore.type=PEM",
                "ssl.truststore.location=" + secure.authorities, "ssl.client.auth=required",
                // SCRAM is not tried: librdkafka before 2.6.1 cannot log in by it to Kafka 4.
                "sasl.enabled.mechanisms=PLAIN",
                fmt::format("'listener.name.secure.plain.sasl.jaas.config="
                            "org.apache.kafka.common.security.plain.PlainLoginModule required user_{}=\"{}\";'",
                            secure.user, secure.password)},
      guard_(dir_.path()) {
    start();
}

std::string KafkaBroker::secure_address() const { return fmt::format("127.0.0.1:{}", secure_port_); }

std::string KafkaBroker::address() const { return fmt::format("127.0.0.1:{}", port_); }

void KafkaBroker::run_script(const std::string& arguments) const { run_kafka_script(dir_.path(), arguments); }

void KafkaBroker::start() {
    std::string arguments = fmt::format("start --port {}", port_);
    if (secure_port_ != 0) arguments += fmt::format(" --secure-port {}", secure_port_);
    for (const std::string& setting : settings_) arguments += " --set " + setting;
    run_script(arguments);
}
void KafkaBroker::stop() {
    paused_ = false;
    run_script("stop");
}

pid_t KafkaBroker::pid() const {
    pid_t pid = 0;
    std::ifstream(dir_.path() / "broker.pid") >> pid;
    if (pid <= 0) give_up(kafka, "the broker does not run");
    return pid;
}

void KafkaBroker::signal(int number) const {
    if (::kill(pid(), number) != 0) give_up(kafka, "the broker has ended");
}

void KafkaBroker::kill() {
    const pid_t killed = pid();
    signal(SIGKILL);
    // Its parent may not have collected it yet: a process without a command line has ended.
    await(kafka, "the killed broker ends", [&] {
        std::ifstream file(fmt::format("/proc/{}/cmdline", killed));
        return !file || file.peek() == std::ifstream::traits_type::eof();
    });
}

void KafkaBroker::pause() {
    signal(SIGSTOP);
    paused_ = true;
}

void KafkaBroker::resume() {
    if (std::exchange(paused_, false)) signal(SIGCONT);
}

void KafkaBroker::wipe() {
    stop();
    std::filesystem::remove_all(dir_.path() / "data");
    start();
}

void KafkaBroker::create_topic(const std::string& topic, int partitions) const {
    const KafkaTestClient client = open_kafka(RD_KAFKA_PRODUCER, address());
    char reason[512];
    rd_kafka_NewTopic_t* wish = rd_kafka_NewTopic_new(topic.c_str(), partitions, 1, reason, sizeof reason);
    administer(
        client.get(), [&](rd_kafka_queue_t* queue) { rd_kafka_CreateTopics(client.get(), &wish, 1, nullptr, queue); },
        RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_NewTopic_destroy(wish);
    await(kafka, "the created topic appears", [&] { return count_partitions(client.get(), topic) == partitions; });
}

void KafkaBroker::delete_topic(const std::string& topic) const {
    const KafkaTestClient client = open_kafka(RD_KAFKA_PRODUCER, address());
    rd_kafka_DeleteTopic_t* wish = rd_kafka_DeleteTopic_new(topic.c_str());
    administer(
        client.get(), [&](rd_kafka_queue_t* queue) { rd_kafka_DeleteTopics(client.get(), &wish, 1, nullptr, queue); },
        RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    rd_kafka_DeleteTopic_destroy(wish);
}

int KafkaBroker::partitions(const std::string& topic) const {
    return count_partitions(open_kafka(RD_KAFKA_PRODUCER, address()).get(), topic);
}

std::vector<RawRecord> KafkaBroker::read(const std::string& topic, int partition) const {
    return read(topic, std::vector{partition})[partition];
}

std::map<int, std::vector<RawRecord>> KafkaBroker::read_all(const std::string& topic) const {
    std::vector<int> all(static_cast<std::size_t>(partitions(topic)));
    std::iota(all.begin(), all.end(), 0);
    return read(topic, all);
}

std::map<int, std::vector<RawRecord>> KafkaBroker::read(const std::string& topic,
                                                        const std::vector<int>& partitions) const {
    const KafkaTestClient client = open_kafka(RD_KAFKA_CONSUMER, address());
    rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size()));
    for (const int partition : partitions)
        rd_kafka_topic_partition_list_add(list, topic.c_str(), partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(client.get(), list);
    rd_kafka_topic_partition_list_destroy(list);
    std::map<int, std::vector<RawRecord>> records;
    std::set<int> ended;
    while (ended.size() < partitions.size()) {
        rd_kafka_message_t* message = rd_kafka_consumer_poll(client.get(), kafka_answer_ms_max);
        if (!message) give_up(kafka, fmt::format("{} cannot be read", topic));
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) ended.insert(message->partition);
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) records[message->partition].push_back(record_of(*message));
        rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(client.get());
    return records;
}

void KafkaBroker::write(const std::string& topic, int partition, const RawRecord& record) const {
    const KafkaTestClient client = open_kafka(RD_KAFKA_PRODUCER, address());
    rd_kafka_headers_t* headers = rd_kafka_headers_new(record.headers.size());
    for (const auto& [name, value] : record.headers)
        rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()),
                            value.empty() && record.has_null_headers ? nullptr : value.data(),
                            static_cast<ssize_t>(value.size()));
    const auto bytes = [](const std::optional<std::string>& text) {
        return text ? const_cast<char*>(text->data()) : nullptr;
    };
    const auto size = [](const std::optional<std::string>& text) { return text ? text->size() : 0; };
    rd_kafka_vu_t fields[6] = {};
    fields[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    fields[0].u.cstr = topic.c_str();
    fields[1].vtype = RD_KAFKA_VTYPE_PARTITION;
    fields[1].u.i32 = partition;
    fields[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    fields[2].u.i = RD_KAFKA_MSG_F_COPY;
    fields[3].vtype = RD_KAFKA_VTYPE_VALUE;
    fields[3].u.mem = {bytes(record.value), size(record.value)};
    fields[4].vtype = RD_KAFKA_VTYPE_KEY;
    fields[4].u.mem = {bytes(record.key), size(record.key)};
    fields[5].vtype = RD_KAFKA_VTYPE_HEADERS;
    fields[5].u.headers = headers;
    if (rd_kafka_error_t* refused = rd_kafka_produceva(client.get(), fields, std::size(fields))) {
        rd_kafka_error_destroy(refused);
        give_up(kafka, "a record was not taken");
    }
    if (rd_kafka_flush(client.get(), kafka_answer_ms_max) != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up(kafka, "a record was not written");
}

}  // namespace ledgerline::test
