// The bus between publisher and worker: a log of messages in numbered partitions, one per lane.
//
// Correctness does not depend on it. It may lose, repeat and reorder messages, and deliver messages that no publisher
// sent; the lane protocol detects all of that. What the interfaces below promise only makes the flow fast.
//
//     const std::uint64_t first = producer.send(std::vector<Outgoing>{{lane, encode(event)}});
//     for (const Report& report : producer.collect(deadline))  // until each number from first on has its report
//         if (report.fate == Fate::delivered) acknowledged.insert(report.number);
//
//     const auto polled = consumer.poll(milliseconds(100), messages_max);
//     for (const Incoming& incoming : polled->messages) apply(incoming);  // in a database transaction
//     consumer.commit(lane, polled->messages.back().offset + 1);          // after that has committed
//     for (const int lane : polled->ended) rewind_if_behind(lane);        // silence is a gap, too
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

// One message to send.
struct Outgoing {
    int partition = 0;
    Message message;
};

// What became of a message.
enum class Fate {
    delivered,  // the bus has certainly accepted it
    full,       // there was no room for it at that moment, and it will not arrive
    failed,     // it may or may not arrive: send it again
    refused,    // the bus does not accept it, however often it is sent: too large, or invalid
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

    // Hands the messages to the bus in order, without waiting for their fate. Returns the number of the first; the
    // others are numbered consecutively, and no number is used twice. Each message gets one report eventually; if its
    // partition is away, perhaps only when that comes back. Messages of one partition arrive in the order sent, except
    // those that failed. After a message that send() itself could not hand over, the rest for its partition fail as
    // well.
    virtual std::uint64_t send(std::span<const Outgoing> messages) = 0;

    // The reports that have come since the last call. Waits for the first one until deadline at the latest, and not at
    // all when none is outstanding.
    virtual std::vector<Report> collect(SteadyTime deadline) = 0;

    // What keeps messages from reaching that partition now, for people. Empty: no known obstacle.
    virtual std::string obstacle(int partition) const = 0;

    // The largest message that the bus accepts, as far as known, in bytes as wire_bytes_max() counts them.
    virtual std::size_t message_bytes_max() const = 0;
};

// One message as received.
struct Incoming {
    std::string topic;
    int partition = 0;
    std::int64_t offset = 0;
    Message message;
};

// The result of a poll. Partitions named in ended hold nothing more at this moment (a partition or topic that does not
// exist counts as empty): everything that was in them when the poll began has been returned, by this poll or an earlier
// one. Assigned and revoked partitions changed hands during the poll; both take effect before the messages.
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

    // Waits up to `wait` for something to report, then returns at most messages_max messages. With nothing to deliver,
    // every poll reports all assigned partitions as ended. While some bring messages, those without any are reported as
    // ended from time to time, at least a few times per second.
    virtual Result<Polled> poll(milliseconds wait, std::size_t messages_max) = 0;

    // Marks everything below next_offset as handled, for this group. Best effort and asynchronous: if a commit is lost,
    // messages come again.
    virtual void commit(int partition, std::int64_t next_offset) = 0;
};

}  // namespace ledgerline::bus
