#include "lab/kafka_test_client.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

namespace ledgerline::test {
namespace {

constexpr int kScriptSecondsMax = 300;
constexpr std::chrono::seconds kPatience{60};

std::string text_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

void give_up(const std::string& reason) {
    std::fprintf(stderr, "test broker: %s\n", reason.c_str());
    std::_Exit(1);
}

void wait_until(const char* what, const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!done()) {
        if (std::chrono::steady_clock::now() >= deadline)
            give_up(fmt::format("{}: not within {} s", what, kPatience.count()));
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

int free_kafka_port() {
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

std::string run_kafka_script(const std::filesystem::path& directory, const std::string& arguments) {
    const std::filesystem::path log = directory / "script.log", out = directory / "script.out";
    const std::string command =
        fmt::format("timeout {} {} {} --dir {} >{} 2>>{} </dev/null", kScriptSecondsMax, LEDGERLINE_KAFKA_SCRIPT,
                    arguments, directory.string(), out.string(), log.string());
    if (std::system(command.c_str()) != 0) give_up(fmt::format("{}\n{}", command, text_of(log)));
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
        if (rd_kafka_conf_set(config, name, value.c_str(), reason, sizeof reason) != RD_KAFKA_CONF_OK) give_up(reason);
    KafkaTestClient client(rd_kafka_new(type, config, reason, sizeof reason));
    if (!client) give_up(reason);
    return client;
}

void administer(rd_kafka_t* client, const std::function<void(rd_kafka_queue_t*)>& send, rd_kafka_resp_err_t accepted) {
    rd_kafka_queue_t* queue = rd_kafka_queue_new(client);
    send(queue);
    rd_kafka_event_t* answer = rd_kafka_queue_poll(queue, kafka_answer_ms_max);
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

}  // namespace ledgerline::test
