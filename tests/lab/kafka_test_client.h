// What the brokers of tests are started and administered with. Everything ends the program when it fails: a test cannot
// go on without its broker.
#pragma once

#include <librdkafka/rdkafka.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace ledgerline::test {

inline constexpr int kafka_answer_ms_max = 30'000;

[[noreturn]] void give_up(const std::string& reason);

// Polls until done() holds, for a minute at most.
void wait_until(const char* what, const std::function<bool()>& done);

// Taken by nobody at this moment, and below the range from which the kernel gives ports to clients.
int free_kafka_port();

// scripts/kafka with these arguments and the directory's. Returns what it printed on its standard output.
std::string run_kafka_script(const std::filesystem::path& directory, const std::string& arguments);

struct DestroyKafkaTestClient {
    void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
};
using KafkaTestClient = std::unique_ptr<rd_kafka_t, DestroyKafkaTestClient>;
KafkaTestClient open_kafka(rd_kafka_type_t type, const std::string& addresses);

// Sends one administrative request and expects its answer to be without an error, or with the one given.
void administer(rd_kafka_t* client, const std::function<void(rd_kafka_queue_t*)>& send, rd_kafka_resp_err_t accepted);

}  // namespace ledgerline::test
