// A bus that loses, repeats, reorders and forges messages, and lies about what it has taken.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bus/bus.h"
#include "faults.h"

namespace ledgerline::test {

class FaultyProducer final : public bus::Producer {
public:
    // lanes: how many there are. Everything must outlive the producer.
    FaultyProducer(std::unique_ptr<bus::Producer> bus, Faults& faults, ManualClock& clock, int lanes)
        : bus_(std::move(bus)), faults_(faults), clock_(clock), lanes_(lanes) {}

    std::uint64_t send(std::span<const bus::Outgoing> messages) override;
    std::vector<bus::Report> collect(SteadyTime deadline) override;
    std::string obstacle(int partition) const override { return bus_->obstacle(partition); }
    std::size_t message_bytes_max() const override { return bus_->message_bytes_max(); }

private:
    // A message on its way, and whose delivery it decides: a number of the caller's messages, or nobody's.
    struct Sent {
        bus::Outgoing outgoing;
        std::optional<std::uint64_t> number;
    };
    void fail(std::span<const bus::Outgoing> messages, std::uint64_t first, const char* reason);
    bus::Outgoing forge(const bus::Outgoing& model);

    std::unique_ptr<bus::Producer> bus_;
    Faults& faults_;
    ManualClock& clock_;  // which a wait for reports moves on
    int lanes_;
    std::uint64_t next_number_ = 0;
    std::vector<bus::Report> reports_;
};

class FaultyConsumer final : public bus::Consumer {
public:
    FaultyConsumer(std::unique_ptr<bus::Consumer> bus, Faults& faults) : bus_(std::move(bus)), faults_(faults) {}

    Result<bus::Polled> poll(milliseconds wait, std::size_t messages_max) override;
    void commit(int partition, std::int64_t next_offset) override;

private:
    std::unique_ptr<bus::Consumer> bus_;
    Faults& faults_;
};

}  // namespace ledgerline::test
