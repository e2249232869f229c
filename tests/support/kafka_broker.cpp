#include "support/kafka_broker.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <thread>

namespace ledgerline::test {
namespace {

constexpr int kScriptSecondsMax = 180;
constexpr int kAnswerMsMax = 30'000;
constexpr std::chrono::seconds kPatience{60};

// Waits until its standard input ends, which is when the test program has ended, and then ends the broker of the
// directory. The command line proves that the pid is still the broker's.
constexpr char kGuard[] =
    "read -r _; pid=$(cat \"$1/broker.pid\" 2>/dev/null) || exit 0; "
    "grep -qF \"$1\" \"/proc/$pid/cmdline\" 2>/dev/null && kill -KILL \"$pid\"";

[[noreturn]] void give_up(const std::string& reason) {
    std::fprintf(stderr, "test broker: %s\n", reason.c_str());
    std::_Exit(1);
}

// Taken by nobody at this moment, and below the range from which the kernel gives ports to clients.
int free_port() {
    constexpr int kFirst = 20'000, kCount = 12'000;
    for (int i = 0; i < 1000; ++i) {
        const int port =
            kFirst +
            static_cast<int>((static_cast<unsigned>(getpid()) * 37u + static_cast<unsigned>(i) * 101u) % kCount);
        const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const bool taken = bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0;
        close(descriptor);
        if (!taken) return port;
    }
    give_up("no free port");
}

void wait_until(const char* what, const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!done()) {
        if (std::chrono::steady_clock::now() >= deadline)
            give_up(fmt::format("{}: not within {} s", what, kPatience.count()));
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

struct Destroy {
    void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
};
using Client = std::unique_ptr<rd_kafka_t, Destroy>;

Client open(rd_kafka_type_t type, const std::string& address) {
    rd_kafka_conf_t* config = rd_kafka_conf_new();
    const std::pair<const char*, std::string> settings[] = {
        {"bootstrap.servers", address},      {"allow.auto.create.topics", "false"},
        {"group.id", "test-reader"},         {"log_level", "0"},
        {"reconnect.backoff.max.ms", "200"}, {"enable.partition.eof", "true"},
        {"fetch.wait.max.ms", "10"},         {"auto.offset.reset", "earliest"}};
    char reason[512];
    for (const auto& [name, value] : settings)
        if (rd_kafka_conf_set(config, name, value.c_str(), reason, sizeof reason) != RD_KAFKA_CONF_OK) give_up(reason);
    Client client(rd_kafka_new(type, config, reason, sizeof reason));
    if (!client) give_up(reason);
    return client;
}

int count_partitions(rd_kafka_t* client, const std::string& topic) {
    const rd_kafka_metadata_t* metadata = nullptr;
    if (const auto error = rd_kafka_metadata(client, 1, nullptr, &metadata, kAnswerMsMax); error)
        give_up(fmt::format("metadata: {}", rd_kafka_err2str(error)));
    int count = 0;
    for (int i = 0; i < metadata->topic_cnt; ++i)
        if (metadata->topics[i].topic == topic) count = metadata->topics[i].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    return count;
}

// Sends one administrative request and expects its answer to be without an error, or with the one given.
void administer(rd_kafka_t* client, const std::function<void(rd_kafka_queue_t*)>& send, rd_kafka_resp_err_t accepted) {
    rd_kafka_queue_t* queue = rd_kafka_queue_new(client);
    send(queue);
    rd_kafka_event_t* answer = rd_kafka_queue_poll(queue, kAnswerMsMax);
    if (!answer) give_up("an administrative request was not answered");
    std::size_t count = 0;
    const rd_kafka_topic_result_t** results = nullptr;
    if (const auto* created = rd_kafka_event_CreateTopics_result(answer))
        results = rd_kafka_CreateTopics_result_topics(created, &count);
    else if (const auto* deleted = rd_kafka_event_DeleteTopics_result(answer))
        results = rd_kafka_DeleteTopics_result_topics(deleted, &count);
    if (count != 1) give_up(fmt::format("an administrative request failed: {}", rd_kafka_event_error_string(answer)));
    const auto error = rd_kafka_topic_result_error(results[0]);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR && error != accepted)
        give_up(fmt::format("an administrative request failed: {}", rd_kafka_err2str(error)));
    rd_kafka_event_destroy(answer);
    rd_kafka_queue_destroy(queue);
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
        record.headers.emplace_back(name, std::string(static_cast<const char*>(value), size));
    return record;
}

}  // namespace

KafkaBroker& KafkaBroker::shared() {
    static KafkaBroker broker;
    return broker;
}

KafkaBroker::KafkaBroker() : port_(free_port()), owner_pid_(getpid()) {
    start_guard();
    start();
}

// A forked copy of the test program (a death test) leaves the broker alone.
KafkaBroker::~KafkaBroker() {
    if (getpid() != owner_pid_) std::_Exit(1);
    ::close(guard_pipe_);
    waitpid(guard_pid_, nullptr, 0);
}

std::string KafkaBroker::address() const { return fmt::format("127.0.0.1:{}", port_); }

void KafkaBroker::start_guard() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) give_up("pipe");
    guard_pipe_ = ends[1];
    guard_pid_ = fork();
    if (guard_pid_ == 0) {
        setsid();  // an interrupt at the terminal ends the test program first
        dup2(ends[0], STDIN_FILENO);
        execl("/bin/sh", "sh", "-c", kGuard, "guard", dir_.path().c_str(), nullptr);
        std::_Exit(127);
    }
    if (guard_pid_ < 0) give_up("fork");
    ::close(ends[0]);
}

void KafkaBroker::run_script(const std::string& arguments) const {
    const std::string log = (dir_.path() / "script.log").string();
    const std::string command = fmt::format("timeout {} {} {} --dir {} >>{} 2>&1 </dev/null", kScriptSecondsMax,
                                            LEDGERLINE_KAFKA_SCRIPT, arguments, dir_.path().string(), log);
    if (std::system(command.c_str()) == 0) return;
    std::ifstream file(log);
    give_up(fmt::format("{}\n{}", command, std::string(std::istreambuf_iterator<char>(file), {})));
}

void KafkaBroker::start() { run_script(fmt::format("start --port {}", port_)); }
void KafkaBroker::stop() {
    paused_ = false;
    run_script("stop");
}

pid_t KafkaBroker::pid() const {
    pid_t pid = 0;
    std::ifstream(dir_.path() / "broker.pid") >> pid;
    if (pid <= 0) give_up("the broker does not run");
    return pid;
}

void KafkaBroker::signal(int number) const {
    if (::kill(pid(), number) != 0) give_up("the broker has ended");
}

void KafkaBroker::kill() {
    const pid_t killed = pid();
    signal(SIGKILL);
    // Its parent may not have collected it yet: a process without a command line has ended.
    wait_until("the killed broker ends", [&] {
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
    const Client client = open(RD_KAFKA_PRODUCER, address());
    char reason[512];
    rd_kafka_NewTopic_t* wish = rd_kafka_NewTopic_new(topic.c_str(), partitions, 1, reason, sizeof reason);
    administer(
        client.get(), [&](rd_kafka_queue_t* queue) { rd_kafka_CreateTopics(client.get(), &wish, 1, nullptr, queue); },
        RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_NewTopic_destroy(wish);
    wait_until("the created topic appears", [&] { return count_partitions(client.get(), topic) == partitions; });
}

void KafkaBroker::delete_topic(const std::string& topic) const {
    const Client client = open(RD_KAFKA_PRODUCER, address());
    rd_kafka_DeleteTopic_t* wish = rd_kafka_DeleteTopic_new(topic.c_str());
    administer(
        client.get(), [&](rd_kafka_queue_t* queue) { rd_kafka_DeleteTopics(client.get(), &wish, 1, nullptr, queue); },
        RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    rd_kafka_DeleteTopic_destroy(wish);
}

int KafkaBroker::partitions(const std::string& topic) const {
    return count_partitions(open(RD_KAFKA_PRODUCER, address()).get(), topic);
}

std::vector<RawRecord> KafkaBroker::read(const std::string& topic, int partition) const {
    const Client client = open(RD_KAFKA_CONSUMER, address());
    rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic.c_str(), partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(client.get(), list);
    rd_kafka_topic_partition_list_destroy(list);
    std::vector<RawRecord> records;
    for (bool ended = false; !ended;) {
        rd_kafka_message_t* message = rd_kafka_consumer_poll(client.get(), kAnswerMsMax);
        if (!message) give_up(fmt::format("{}[{}] cannot be read", topic, partition));
        ended = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) records.push_back(record_of(*message));
        rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(client.get());
    return records;
}

void KafkaBroker::write(const std::string& topic, int partition, const RawRecord& record) const {
    const Client client = open(RD_KAFKA_PRODUCER, address());
    rd_kafka_headers_t* headers = rd_kafka_headers_new(record.headers.size());
    for (const auto& [name, value] : record.headers)
        rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
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
        give_up("a record was not taken");
    }
    if (rd_kafka_flush(client.get(), kAnswerMsMax) != RD_KAFKA_RESP_ERR_NO_ERROR) give_up("a record was not written");
}

}  // namespace ledgerline::test
