#include "lab/kafka_cluster.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <csignal>
#include <functional>

#include "lab/sockets.h"

namespace ledgerline::test {
namespace {

using Config = std::vector<std::pair<std::string, std::string>>;

void await_partition(const std::string& addresses, const std::string& topic, int partition, const char* what,
                     const std::function<bool(const rd_kafka_metadata_partition_t&)>& is_right) {
    const KafkaTestClient client = open_kafka(RD_KAFKA_PRODUCER, addresses);
    await(kafka, what, [&] {
        const rd_kafka_metadata_t* metadata = nullptr;
        if (rd_kafka_metadata(client.get(), 1, nullptr, &metadata, 5000) != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
        bool right = false;
        for (int i = 0; i < metadata->topic_cnt; ++i)
            for (int p = 0; metadata->topics[i].topic == topic && p < metadata->topics[i].partition_cnt; ++p)
                if (metadata->topics[i].partitions[p].id == partition)
                    right = is_right(metadata->topics[i].partitions[p]);
        rd_kafka_metadata_destroy(metadata);
        return right;
    });
}

struct DestroyNewTopic {
    void operator()(rd_kafka_NewTopic_t* topic) const { rd_kafka_NewTopic_destroy(topic); }
};
using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, DestroyNewTopic>;

// replicas: the brokers of each partition.
NewTopic new_topic(const std::string& name, const std::vector<std::vector<int>>& replicas) {
    char reason[512];
    NewTopic wish(rd_kafka_NewTopic_new(name.c_str(), static_cast<int>(replicas.size()), -1, reason, sizeof reason));
    for (std::size_t i = 0; i < replicas.size(); ++i) {
        std::vector<std::int32_t> ids(replicas[i].begin(), replicas[i].end());
        rd_kafka_NewTopic_set_replica_assignment(wish.get(), static_cast<std::int32_t>(i), ids.data(), ids.size(),
                                                 reason, sizeof reason);
    }
    return wish;
}

void send_wish(rd_kafka_t* client, rd_kafka_NewTopic_t* wish, bool validate_only, rd_kafka_queue_t* queue) {
    char reason[512];
    rd_kafka_AdminOptions_t* options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_validate_only(options, validate_only ? 1 : 0, reason, sizeof reason);
    rd_kafka_CreateTopics(client, &wish, 1, options, queue);
    rd_kafka_AdminOptions_destroy(options);
}

// The controller gives no partition to a broker that it does not take for alive yet, such as one just thawed.
void await_brokers(rd_kafka_t* client) {
    const NewTopic wish = new_topic("on-every-broker", {{1}, {2}, {3}});
    static_assert(KafkaCluster::brokers == 3);
    await(kafka, "all brokers are alive", [&] {
        const auto send = [&](rd_kafka_queue_t* queue) { send_wish(client, wish.get(), true, queue); };
        return ask_admin(client, send) == RD_KAFKA_RESP_ERR_NO_ERROR;
    });
}

std::string trimmed(std::string text) {
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

}  // namespace

KafkaCluster& KafkaCluster::shared() {
    static KafkaCluster cluster;
    return cluster;
}

KafkaCluster::KafkaCluster() : guard_(dir_.path()) {
    addresses_ = trimmed(
        run_kafka_script(dir_.path(), fmt::format("start --port {} --brokers {} --set controlled.shutdown.enable=true",
                                                  free_port(PortUse::restarted), brokers)));
}

void KafkaCluster::stop(int broker) { run_kafka_script(dir_.path(), fmt::format("stop --broker {}", broker)); }
void KafkaCluster::start(int broker) { run_kafka_script(dir_.path(), fmt::format("start --broker {}", broker)); }

void KafkaCluster::signal(int broker, int number) const {
    const std::string pid = run_kafka_script(dir_.path(), fmt::format("pid --broker {}", broker));
    if (pid.empty() || ::kill(std::stoi(pid), number) != 0) give_up(kafka, "a broker of the cluster does not run");
}
void KafkaCluster::freeze(int broker) const { signal(broker, SIGSTOP); }
void KafkaCluster::thaw(int broker) const { signal(broker, SIGCONT); }

void KafkaCluster::create_topic(const std::string& topic, const std::vector<std::vector<int>>& replicas,
                                const Config& config) const {
    const KafkaTestClient client = open_kafka(RD_KAFKA_PRODUCER, addresses_);
    await_brokers(client.get());
    const NewTopic wish = new_topic(topic, replicas);
    for (const auto& [name, value] : config) rd_kafka_NewTopic_set_config(wish.get(), name.c_str(), value.c_str());
    administer(
        client.get(), [&](rd_kafka_queue_t* queue) { send_wish(client.get(), wish.get(), false, queue); },
        RD_KAFKA_RESP_ERR_NO_ERROR);
    for (std::size_t i = 0; i < replicas.size(); ++i) await_leader(topic, static_cast<int>(i), replicas[i].front());
}

// The client library cannot set quotas.
void KafkaCluster::limit_clients(int bytes_per_second) const {
    run_kafka_script(dir_.path(), bytes_per_second > 0 ? fmt::format("quota {}", bytes_per_second) : "quota none");
}

void KafkaCluster::await_leader(const std::string& topic, int partition, int leader) const {
    await_partition(addresses_, topic, partition, "the leader changes", [&](const auto& described) {
        return leader == 0 ? described.leader < 0 : described.leader == leader;
    });
}

void KafkaCluster::await_in_sync(const std::string& topic, int partition, int replicas) const {
    await_partition(addresses_, topic, partition, "the replicas in sync change",
                    [&](const auto& described) { return described.isr_cnt == replicas; });
}

}  // namespace ledgerline::test
