// MemoryBus: the bus within one process. It holds messages in memory only; the lane protocol notices what a restart
// loses and asks for it again.
//
// Each partition is a bounded log. Messages stay until the consumer group has committed past them, so the next owner of
// a partition gets the unfinished work of a member that leaves. There is one group.
//
// The bus itself is thread-safe; each producer and consumer it makes belongs to one thread at a time.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/wakeup.h"
#include "bus/bus.h"

namespace ledgerline::bus {

class MemoryBus {
public:
    // A partition accepts nothing more once it holds either of these.
    static constexpr std::size_t partition_messages_max = 8192;
    static constexpr std::size_t partition_bytes_max = limits::memory_bus_partition_bytes_max;

    struct Options {
        std::string topic = "transactions";
        int partitions = 0;
        // Offset of the first message in each partition. A different one in each run keeps dead letters of different
        // runs apart.
        std::int64_t first_offset = 0;
        std::size_t messages_max = partition_messages_max;  // per partition
        std::size_t bytes_max = partition_bytes_max;        // per partition; one message may exceed it
        std::size_t message_bytes_max = partition_bytes_max;
        std::size_t poll_bytes_max = limits::memory_bus_poll_bytes_max;  // one message may exceed it
        // Notified when a partition that refused a message has room again. May be null. Must outlive the bus.
        Wakeup* space_freed = nullptr;
    };

    explicit MemoryBus(Options options);
    MemoryBus(const MemoryBus&) = delete;
    MemoryBus& operator=(const MemoryBus&) = delete;

    // Both must be destroyed before the bus. A consumer is a member of the group from its creation to its destruction.
    // Joins and departures reassign the partitions by range; members learn of it at their next poll.
    std::unique_ptr<Producer> make_producer();
    std::unique_ptr<Consumer> make_consumer();

private:
    class MemoryProducer;
    class MemoryConsumer;

    // What a member has been told that it holds.
    struct Held {
        std::int64_t generation = 0;
        std::int64_t position = 0;  // the next offset to hand out
    };
    struct Member {
        std::map<int, Held> held;
        int first_partition = 0;  // where the next poll begins, so that no partition starves
    };
    struct Partition {
        std::deque<Message> messages;
        std::int64_t committed = 0;  // the offset of messages.front()
        std::size_t bytes = 0;
        bool refused = false;  // whether it refused a message since it last had room
        const Member* owner = nullptr;
        std::int64_t generation = 0;  // incremented when the owner changes

        std::int64_t end() const { return committed + static_cast<std::int64_t>(messages.size()); }
    };

    // The caller holds mutex_.
    bool is_full(const Partition& partition) const;
    Fate append(const Outgoing& outgoing, std::string& reason);
    void share_out();
    bool holds(const Member& member, int partition) const;
    bool has_report(const Member& member) const;
    void report_assignment(Member& member, Polled& polled) const;
    void report_messages(Member& member, std::size_t messages_max, Polled& polled) const;
    bool commit(Member& member, int partition, std::int64_t next_offset);

    const Options options_;
    std::mutex mutex_;
    std::condition_variable changed_;  // messages arrived, or partitions changed hands
    std::vector<Partition> partitions_;
    std::list<Member> members_;  // in order of joining
};

}  // namespace ledgerline::bus
