// A bus that loses, repeats, reorders and forges messages, and lies about what it has taken.
#pragma once

#include <memory>

#include "bus/bus.h"
#include "faults.h"

namespace ledgerline::test {

class FaultyProducer final : public Producer {
public:
    // lanes: how many there are. Everything must outlive the producer.
    FaultyProducer(std::unique_ptr<Producer> bus, Faults& faults, int lanes)
        : bus_(std::move(bus)), faults_(faults), lanes_(lanes) {}

    Result<std::vector<bool>> publish(std::span<const Outgoing> messages, SteadyTime deadline) override;

private:
    // A message on its way, and whose delivery it decides: an index of the caller's messages, or nobody's.
    struct Sent {
        Outgoing outgoing;
        std::optional<std::size_t> index;
    };
    Outgoing forge(const Outgoing& model);

    std::unique_ptr<Producer> bus_;
    Faults& faults_;
    int lanes_;
};

class FaultyConsumer final : public Consumer {
public:
    FaultyConsumer(std::unique_ptr<Consumer> bus, Faults& faults) : bus_(std::move(bus)), faults_(faults) {}

    Result<Polled> poll(milliseconds wait, std::size_t messages_max) override;
    void commit(int partition, std::int64_t next_offset) override;

private:
    std::unique_ptr<Consumer> bus_;
    Faults& faults_;
};

}  // namespace ledgerline::test
