#include "bus/memory/bus.h"

#include <algorithm>
#include <set>
#include <utility>

namespace ledgerline::bus {
class MemoryBus::MemoryProducer final : public Producer {
public:
    explicit MemoryProducer(MemoryBus& bus) : bus_(bus) {}

    std::uint64_t send(std::span<const Outgoing> messages) override {
        const std::uint64_t first = next_number_;
        std::set<int> closed;  // partitions that did not accept a message of this call
        {
            std::lock_guard lock(bus_.mutex_);
            for (const Outgoing& outgoing : messages) {
                Report report{next_number_++, Fate::failed, "an earlier message was not accepted"};
                if (!closed.contains(outgoing.partition)) report.fate = bus_.append(outgoing, report.reason);
                if (report.fate != Fate::delivered) closed.insert(outgoing.partition);
                reports_.push_back(std::move(report));
            }
        }
        bus_.changed_.notify_all();
        return first;
    }

    std::vector<Report> collect(SteadyTime) override { return std::exchange(reports_, {}); }
    std::string obstacle(int) const override { return {}; }
    std::size_t message_bytes_max() const override { return bus_.options_.message_bytes_max; }

private:
    MemoryBus& bus_;
    std::uint64_t next_number_ = 0;
    std::vector<Report> reports_;
};

class MemoryBus::MemoryConsumer final : public Consumer {
public:
    explicit MemoryConsumer(MemoryBus& bus) : bus_(bus) {
        {
            std::lock_guard lock(bus_.mutex_);
            self_ = bus_.members_.emplace(bus_.members_.end());
            bus_.share_out();
        }
        bus_.changed_.notify_all();
    }

    ~MemoryConsumer() override {
        {
            std::lock_guard lock(bus_.mutex_);
            bus_.members_.erase(self_);
            bus_.share_out();
        }
        bus_.changed_.notify_all();
    }

    Result<Polled> poll(milliseconds wait, std::size_t messages_max) override {
        Polled polled;
        std::unique_lock lock(bus_.mutex_);
        bus_.changed_.wait_for(lock, wait, [this] { return bus_.has_report(*self_); });
        bus_.report_assignment(*self_, polled);
        bus_.report_messages(*self_, messages_max, polled);
        return polled;
    }

    void commit(int partition, std::int64_t next_offset) override {
        bool space_freed = false;
        {
            std::lock_guard lock(bus_.mutex_);
            space_freed = bus_.commit(*self_, partition, next_offset);
        }
        if (space_freed && bus_.options_.space_freed) bus_.options_.space_freed->notify();
    }

private:
    MemoryBus& bus_;
    std::list<Member>::iterator self_;
};

MemoryBus::MemoryBus(Options options) : options_(std::move(options)) {
    LEDGERLINE_ASSERT(options_.partitions > 0 && options_.messages_max > 0);
    partitions_.resize(static_cast<std::size_t>(options_.partitions));
    for (Partition& partition : partitions_) partition.committed = options_.first_offset;
}

std::unique_ptr<Producer> MemoryBus::make_producer() { return std::make_unique<MemoryProducer>(*this); }
std::unique_ptr<Consumer> MemoryBus::make_consumer() { return std::make_unique<MemoryConsumer>(*this); }

bool MemoryBus::is_full(const Partition& partition) const {
    return partition.messages.size() >= options_.messages_max || partition.bytes >= options_.bytes_max;
}

Fate MemoryBus::append(const Outgoing& outgoing, std::string& reason) {
    const std::size_t bytes = wire_bytes_max(outgoing.message);
    reason = "there is no such partition";
    if (outgoing.partition < 0 || outgoing.partition >= options_.partitions) return Fate::failed;
    reason = "the message is larger than the bus accepts";
    if (bytes > options_.message_bytes_max) return Fate::refused;
    Partition& partition = partitions_[static_cast<std::size_t>(outgoing.partition)];
    reason = "the partition is full";
    if (is_full(partition)) {
        partition.refused = true;
        return Fate::full;
    }
    reason.clear();
    partition.bytes += bytes;
    partition.messages.push_back(outgoing.message);
    return Fate::delivered;
}

void MemoryBus::share_out() {
    // By range: the first (partitions mod members) members get one partition more than the rest.
    std::size_t next = 0, member_index = 0;
    for (const Member& member : members_) {
        const std::size_t share =
            partitions_.size() / members_.size() + (member_index++ < partitions_.size() % members_.size() ? 1 : 0);
        for (const std::size_t end = next + share; next < end; ++next) {
            Partition& partition = partitions_[next];
            if (partition.owner == &member) continue;
            partition.owner = &member;
            ++partition.generation;
        }
    }
    for (; next < partitions_.size(); ++next) partitions_[next].owner = nullptr;
}

bool MemoryBus::holds(const Member& member, int partition) const {
    const auto held = member.held.find(partition);
    const Partition& log = partitions_[static_cast<std::size_t>(partition)];
    return held != member.held.end() && log.owner == &member && log.generation == held->second.generation;
}

bool MemoryBus::has_report(const Member& member) const {
    for (int i = 0; i < options_.partitions; ++i) {
        const Partition& partition = partitions_[static_cast<std::size_t>(i)];
        const bool held = holds(member, i);
        if (held && member.held.at(i).position < partition.end()) return true;
        if (!held && (partition.owner == &member || member.held.contains(i))) return true;
    }
    return false;
}

void MemoryBus::report_assignment(Member& member, Polled& polled) const {
    for (int i = 0; i < options_.partitions; ++i) {
        if (holds(member, i)) continue;
        if (member.held.erase(i) > 0) polled.revoked.push_back(i);
        const Partition& partition = partitions_[static_cast<std::size_t>(i)];
        if (partition.owner != &member) continue;
        member.held[i] = {partition.generation, partition.committed};
        polled.assigned.push_back(i);
    }
}

void MemoryBus::report_messages(Member& member, std::size_t messages_max, Polled& polled) const {
    std::size_t bytes = 0;
    for (int step = 0; step < options_.partitions; ++step) {
        const int i = (member.first_partition + step) % options_.partitions;
        const auto held = member.held.find(i);
        if (held == member.held.end()) continue;
        const Partition& partition = partitions_[static_cast<std::size_t>(i)];
        std::int64_t& position = held->second.position;
        for (; position < partition.end() && polled.messages.size() < messages_max && bytes < options_.poll_bytes_max;
             ++position) {
            const Message& message = partition.messages[static_cast<std::size_t>(position - partition.committed)];
            bytes += wire_bytes_max(message);
            polled.messages.push_back({options_.topic, i, position, message});
        }
        if (position == partition.end()) polled.ended.push_back(i);
    }
    member.first_partition = (member.first_partition + 1) % options_.partitions;
}

bool MemoryBus::commit(Member& member, int partition_number, std::int64_t next_offset) {
    // If the partition has changed hands meanwhile, only its new owner may commit.
    if (partition_number < 0 || partition_number >= options_.partitions || !holds(member, partition_number))
        return false;
    Partition& partition = partitions_[static_cast<std::size_t>(partition_number)];
    const std::int64_t upto = std::min(next_offset, member.held.at(partition_number).position);
    for (; partition.committed < upto; ++partition.committed) {
        partition.bytes -= wire_bytes_max(partition.messages.front());
        partition.messages.pop_front();
    }
    return partition.refused && !is_full(partition) && std::exchange(partition.refused, false);
}

}  // namespace ledgerline::bus
