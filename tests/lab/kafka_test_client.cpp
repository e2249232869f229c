#include "lab/kafka_test_client.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

namespace ledgerline::test {
namespace {

constexpr int kScriptSecondsMax = 300;

// Waits until its standard input ends, which is when the test program has ended, and then ends the brokers of the
// directory. The command line proves that a pid is still a broker's.
constexpr char kGuard[] =
    "read -r _; for file in \"$1\"/broker.pid \"$1\"/broker-*/broker.pid; do pid=$(cat \"$file\" 2>/dev/null) || "
    "continue; "
    "grep -qF \"$1\" \"/proc/$pid/cmdline\" 2>/dev/null && kill -KILL \"$pid\"; done";

std::string text_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

BrokerGuard::BrokerGuard(const std::filesystem::path& directory) : owner_pid_(getpid()) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) give_up(kafka, "pipe");
    pipe_ = ends[1];
    guard_pid_ = fork();
    if (guard_pid_ == 0) {
        setsid();  // an interrupt at the terminal ends the test program first
        dup2(ends[0], STDIN_FILENO);
        execl("/bin/sh", "sh", "-c", kGuard, "guard", directory.c_str(), nullptr);
        std::_Exit(127);
    }
    if (guard_pid_ < 0) give_up(kafka, "fork");
    ::close(ends[0]);
}

// A forked copy of the test program (a death test) leaves the brokers alone.
BrokerGuard::~BrokerGuard() {
    if (getpid() != owner_pid_) std::_Exit(1);
    ::close(pipe_);
    waitpid(guard_pid_, nullptr, 0);
}

std::string run_kafka_script(const std::filesystem::path& directory, const std::string& arguments) {
    const std::filesystem::path log = directory / "script.log", out = directory / "script.out";
    const std::string command =
        fmt::format("timeout {} {} {} --dir {} >{} 2>>{} </dev/null", kScriptSecondsMax, LEDGERLINE_KAFKA_SCRIPT,
                    arguments, directory.string(), out.string(), log.string());
    if (std::system(command.c_str()) != 0) give_up(kafka, fmt::format("{}\n{}", command, text_of(log)));
    return text_of(out);
}

KafkaTestClient open_kafka(rd_kafka_type_t type, const std::string& addresses) {
    rd_kafka_conf_t* config = rd_kafka_conf_new();
    const std::pair<const char*, std::string> settings[] = {
        {"bootstrap.servers", addresses},    {"allow.auto.create.topics", "false"},
        {"group.id", "test-reader"},         {"log_level", "0"},
        {"reconnect.backoff.max.ms", "200"}, {"enable.partition.eof", "true"},
        {"fetch.wait.max.ms", "10"},         {"auto.offset.reset", "earliest"}};
    char reason[512];
    for (const auto& [name, value] : settings)
        if (rd_kafka_conf_set(config, name, value.c_str(), reason, sizeof reason) != RD_KAFKA_CONF_OK)
            give_up(kafka, reason);
    KafkaTestClient client(rd_kafka_new(type, config, reason, sizeof reason));
    if (!client) give_up(kafka, reason);
    return client;
}

rd_kafka_resp_err_t ask_admin(rd_kafka_t* client, const std::function<void(rd_kafka_queue_t*)>& send) {
    rd_kafka_queue_t* queue = rd_kafka_queue_new(client);
    send(queue);
    rd_kafka_event_t* answer = rd_kafka_queue_poll(queue, kafka_answer_ms_max);
    if (!answer) give_up(kafka, "an administrative request was not answered");
    std::size_t count = 0;
    const rd_kafka_topic_result_t** results = nullptr;
    if (const auto* created = rd_kafka_event_CreateTopics_result(answer))
        results = rd_kafka_CreateTopics_result_topics(created, &count);
    else if (const auto* deleted = rd_kafka_event_DeleteTopics_result(answer))
        results = rd_kafka_DeleteTopics_result_topics(deleted, &count);
    if (count != 1)
        give_up(kafka, fmt::format("an administrative request failed: {}", rd_kafka_event_error_string(answer)));
    const auto error = rd_kafka_topic_result_error(results[0]);
    rd_kafka_event_destroy(answer);
    rd_kafka_queue_destroy(queue);
    return error;
}

void administer(rd_kafka_t* client, const std::function<void(rd_kafka_queue_t*)>& send, rd_kafka_resp_err_t accepted) {
    const auto error = ask_admin(client, send);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR && error != accepted)
        give_up(kafka, fmt::format("an administrative request failed: {}", rd_kafka_err2str(error)));
}

}  // namespace ledgerline::test
