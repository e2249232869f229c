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
#include "domain/event.h"

namespace ledgerline::bus {

// One message on its way out.
struct Outgoing {
    int partition = 0;
    Message message;
};

// What became of a message.
enum class Fate {
    delivered,  // the bus has certainly taken it
    full,       // there was no room for it at that moment, and it will not arrive
    failed,     // it may arrive or not: send it again
    refused,    // the bus does not take it, however often it is sent: it is too large, or invalid
};

struct Report {
    std::uint64_t number = 0;  // of the message
    Fate fate = Fate::failed;
    std::string reason;  // why it was not delivered, for people
};

// Not thread-safe: one thread at a time.
class Producer {
public:
    virtual ~Producer() = default;

    // Hands the messages to the bus in order; does not wait for what becomes of them. Returns the number of the first;
    // the others follow it, and no number is given twice. Each message gets one report, sooner or later: one whose
    // partition is away, perhaps when that comes back. Those of one partition arrive in the order in which they were
    // sent, but for what failed; behind a message that send() itself could not hand over, the others of its partition
    // fail as well.
    virtual std::uint64_t send(std::span<const Outgoing> messages) = 0;

    // The reports that have come since the last call. Waits for the first of them until deadline at most, and not at
    // all when none is outstanding.
    virtual std::vector<Report> collect(SteadyTime deadline) = 0;

    // What keeps messages from reaching that partition at this moment, for people. Empty: nothing that is known.
    virtual std::string obstacle(int partition) const = 0;

    // What the bus takes of one message, as far as is known, in bytes as wire_bytes_max() counts them.
    virtual std::size_t message_bytes_max() const = 0;
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

}  // namespace ledgerline::bus
