// The bus between publisher and worker: a log of messages in numbered partitions, one a lane.
//
// Nothing about correctness rests on it. It may lose, repeat and reorder messages, and deliver ones that nobody here
// sent; the lane protocol finds out. What the seams below promise is only what makes the flow fast.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "event/event.h"

namespace ledgerline {

// One message on its way out.
struct Outgoing {
    int partition = 0;
    Message message;
};

// Not thread-safe: one thread at a time.
class Producer {
public:
    virtual ~Producer() = default;

    // Hands the messages to the bus in order and waits until each is acknowledged or has failed, at most until
    // deadline. Returns one flag a message: true only for those that the bus has certainly taken. A full partition is a
    // failed delivery, not a reason to wait. An Error means that none is known to be delivered, and that the producer
    // has recovered itself as far as it can: call again later.
    virtual Result<std::vector<bool>> publish(std::span<const Outgoing> messages, SteadyTime deadline) = 0;
};

// One message as it came in.
struct Incoming {
    std::string topic;
    int partition = 0;
    std::int64_t offset = 0;
    Message message;
};

// What a poll brought. Partitions named in ended hold nothing further at this moment (a partition or topic that does
// not exist counts as empty): whatever was in them when the poll began has been handed out, in messages of this poll or
// before. Assigned and revoked partitions changed hands during the poll; both take effect before the messages.
struct Polled {
    std::vector<int> assigned;
    std::vector<int> revoked;
    std::vector<Incoming> messages;
    std::vector<int> ended;
};

// One member of the consumer group. Not thread-safe: one thread at a time.
class Consumer {
public:
    virtual ~Consumer() = default;

    // Waits up to wait for something to report, then returns at most messages_max messages. With nothing to deliver,
    // the assigned partitions are all reported as ended, at every poll. While some bring messages, those that bring
    // none are reported as ended now and then, at least a few times a second.
    virtual Result<Polled> poll(milliseconds wait, std::size_t messages_max) = 0;

    // Marks everything below next_offset as dealt with, for this group. Best effort and asynchronous: a lost commit
    // only means that messages come again.
    virtual void commit(int partition, std::int64_t next_offset) = 0;
};

}  // namespace ledgerline
