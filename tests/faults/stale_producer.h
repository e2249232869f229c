// StaleProducer: writes whatever it is given straight to a topic, as nobody of ours would.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lab/kafka_broker.h"

struct rd_kafka_s;

namespace ledgerline::test {

class StaleProducer {
public:
    struct Record {
        int partition = 0;
        RawRecord raw;
    };

    explicit StaleProducer(const std::string& brokers);

    // Returns when the broker has them all, in this order within a partition. Ends the test program when it does not
    // take them.
    void write(const std::string& topic, const std::vector<Record>& records);

private:
    void produce(const std::string& topic, const Record& record);

    struct Destroy {
        void operator()(rd_kafka_s* client) const;
    };
    std::unique_ptr<rd_kafka_s, Destroy> client_;
    int failed_ = 0;
};

}  // namespace ledgerline::test
