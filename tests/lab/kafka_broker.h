// KafkaBroker: a real broker of a test's own (scripts/kafka), on loopback, in a directory of its own.
//
//     KafkaBroker& broker = KafkaBroker::shared();
//     broker.create_topic("transactions", 12);
//     broker.kill();
//     broker.start();  // goes on with its data
//     EXPECT_EQ(broker.read("transactions", 3).size(), 1u);
//
// Every call returns when its work is done, and ends the test program if that takes too long. The broker never outlives
// the test program, however that ends. KafkaCluster has three brokers.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "domain/event.h"
#include "lab/kafka_test_client.h"
#include "lab/sockets.h"
#include "lab/temp_dir.h"

namespace ledgerline::test {

// One record as it lies in a partition. Null key and value are told from empty ones.
struct RawRecord {
    std::optional<std::string> key;
    std::optional<std::string> value;
    std::vector<Header> headers;
    std::int64_t offset = 0;
    bool has_null_headers = false;  // write() makes the values of empty headers null; read() does not tell
};

class KafkaBroker {
public:
    // Started, on that port, with these settings (KEY=VALUE, without quotes) besides the usual ones.
    explicit KafkaBroker(std::uint16_t port = free_port(PortUse::restarted), std::vector<std::string> settings = {});
    // How a broker lets in only one user, with a password and a certificate, within TLS. Files in PEM.
    struct Secure {
        std::string certificate;  // its own, with the key
        std::string authorities;  // of the certificates that clients must show
        std::string user, password;
    };
    // The same with a second listener for those.
    explicit KafkaBroker(const Secure& secure);
    KafkaBroker(const KafkaBroker&) = delete;
    KafkaBroker& operator=(const KafkaBroker&) = delete;

    // One for the whole test program, started at first use.
    static KafkaBroker& shared();

    std::string address() const;  // HOST:PORT
    std::string secure_address() const;

    void start();
    void stop();    // SIGTERM
    void kill();    // SIGKILL; start() goes on with the data
    void pause();   // SIGSTOP
    void resume();  // SIGCONT
    void wipe();    // loses all data and the cluster's id; stopped before and started afterwards

    void create_topic(const std::string& topic, int partitions) const;
    void delete_topic(const std::string& topic) const;  // and waits until no metadata names it
    int partitions(const std::string& topic) const;     // 0: there is no such topic
    // Everything in the partition, by a plain read from its beginning.
    std::vector<RawRecord> read(const std::string& topic, int partition) const;
    // The same of all partitions, by number, in one read.
    std::map<int, std::vector<RawRecord>> read_all(const std::string& topic) const;
    void write(const std::string& topic, int partition, const RawRecord& record) const;

private:
    void run_script(const std::string& arguments) const;
    std::map<int, std::vector<RawRecord>> read(const std::string& topic, const std::vector<int>& partitions) const;
    void signal(int number) const;
    pid_t pid() const;

    TempDir dir_;
    const std::uint16_t port_;
    const std::uint16_t secure_port_ = 0;  // 0: none
    const std::vector<std::string> settings_;
    BrokerGuard guard_;
    bool paused_ = false;
};

}  // namespace ledgerline::test
