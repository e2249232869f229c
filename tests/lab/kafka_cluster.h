// KafkaCluster: a real cluster of three brokers of a test's own (scripts/kafka), on loopback, in a directory of its
// own. Brokers are numbered 1 to 3, as they call themselves.
//
//     KafkaCluster& cluster = KafkaCluster::shared();
//     cluster.create_topic("transactions", {{1, 2, 3}, {2, 3, 1}});
//     cluster.stop(1);
//     cluster.await_leader("transactions", 0, 2);
//
// Every call returns when its work is done, and ends the test program if that takes too long. No broker outlives the
// test program, however that ends.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "lab/kafka_test_client.h"
#include "lab/temp_dir.h"

namespace ledgerline::test {

class KafkaCluster {
public:
    static constexpr int brokers = 3;

    KafkaCluster();  // started
    KafkaCluster(const KafkaCluster&) = delete;
    KafkaCluster& operator=(const KafkaCluster&) = delete;

    // One for the whole test program, started at first use.
    static KafkaCluster& shared();

    std::string addresses() const { return addresses_; }  // HOST:PORT,HOST:PORT,HOST:PORT

    void stop(int broker);          // SIGTERM: it gives its partitions up
    void start(int broker);         // goes on with its data
    void freeze(int broker) const;  // SIGSTOP
    void thaw(int broker) const;    // SIGCONT

    // replicas: of each partition, the brokers that hold it; the first one leads.
    void create_topic(const std::string& topic, const std::vector<std::vector<int>>& replicas,
                      const std::vector<std::pair<std::string, std::string>>& config = {}) const;
    // What every client may send to each broker, and fetch of it, in bytes a second; 0: as much as it likes.
    void limit_clients(int bytes_per_second) const;
    // Waits until the partition's leader is that broker; 0: until it has none.
    void await_leader(const std::string& topic, int partition, int leader) const;
    // Waits until that many of the partition's replicas are in sync.
    void await_in_sync(const std::string& topic, int partition, int replicas) const;

private:
    void signal(int broker, int number) const;

    TempDir dir_;
    std::string addresses_;
    BrokerGuard guard_;
};

}  // namespace ledgerline::test
