// What KafkaBroker and KafkaCluster start and administer brokers with. Everything ends the program if it fails: a test
// cannot go on without its broker.
#pragma once

#include <librdkafka/rdkafka.h>
#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "lab/eventually.h"

namespace ledgerline::test {

inline constexpr const char* kafka = "Kafka";  // for give_up()
inline constexpr int kafka_answer_ms_max = 30'000;

// scripts/kafka with these arguments and the directory's. Returns what it printed on its standard output.
std::string run_kafka_script(const std::filesystem::path& directory, const std::string& arguments);

// Ends the brokers of a directory of scripts/kafka when the test program ends, however it does.
class BrokerGuard {
public:
    explicit BrokerGuard(const std::filesystem::path& directory);
    ~BrokerGuard();
    BrokerGuard(const BrokerGuard&) = delete;

private:
    pid_t owner_pid_;
    pid_t guard_pid_;
    int pipe_;
};

struct DestroyKafkaTestClient {
    void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
};
using KafkaTestClient = std::unique_ptr<rd_kafka_t, DestroyKafkaTestClient>;
KafkaTestClient open_kafka(rd_kafka_type_t type, const std::string& addresses);

// Sends one administrative request about a topic. Returns its error.
rd_kafka_resp_err_t ask_admin(rd_kafka_t* client, const std::function<void(rd_kafka_queue_t*)>& send);
// The same, and expects its answer to be without an error, or with the one given.
void administer(rd_kafka_t* client, const std::function<void(rd_kafka_queue_t*)>& send, rd_kafka_resp_err_t accepted);

}  // namespace ledgerline::test
