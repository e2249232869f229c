// FailingProducer: a producer of a topic that all share, which does not lie but fails as Kafka's does: reports come
// late; once a partition fails, everything after it fails as well, whether or not it has arrived, until all was
// reported on, as of a client that is dropped. What is under way when it is destroyed arrives in part.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "bus/bus.h"

namespace ledgerline::test {

// By partition, in the order of arrival.
using SharedTopic = std::map<int, std::vector<Message>>;

class FailingProducer final : public bus::Producer {
public:
    // fails: whether the next message that is reported on is not taken. Everything must outlive the producer.
    FailingProducer(SharedTopic& topic, Random& random, ManualClock& clock, std::function<bool()> fails)
        : topic_(topic), random_(random), clock_(clock), fails_(std::move(fails)) {}
    ~FailingProducer() override {
        for (std::uint64_t left = random_.below(pending_.size() + 1); left > 0; --left, pending_.pop_front())
            if (!broken_.contains(pending_.front().partition)) arrive(pending_.front());
    }

    std::uint64_t send(std::span<const bus::Outgoing> messages) override {
        const std::uint64_t first = next_;
        for (const bus::Outgoing& outgoing : messages)
            pending_.push_back({next_++, outgoing.partition, outgoing.message});
        return first;
    }

    std::vector<bus::Report> collect(SteadyTime deadline) override {
        std::vector<bus::Report> reports;
        if ((silent || pending_.empty()) && deadline > clock_.steady_now())
            clock_.advance(std::chrono::ceil<std::chrono::microseconds>(deadline - clock_.steady_now()));
        for (std::size_t left = silent ? 0 : 1 + random_.below(10); left > 0 && !pending_.empty(); --left) {
            const Pending sent = std::move(pending_.front());
            pending_.pop_front();
            if (fails_()) broken_.insert(sent.partition);
            const bool fails = broken_.contains(sent.partition);
            const bool arrives =
                !fails || (arrived_after_failure_.insert(sent.partition).second && random_.below(2) == 0);
            if (arrives) arrive(sent);
            reports.push_back({sent.number, fails ? bus::Fate::failed : bus::Fate::delivered, fails ? "broken" : ""});
        }
        std::erase_if(broken_, [&](int partition) {
            const bool over = std::ranges::find(pending_, partition, &Pending::partition) == pending_.end();
            if (over) arrived_after_failure_.erase(partition);
            return over;
        });
        return reports;
    }
    std::string obstacle(int) const override { return ""; }
    std::size_t message_bytes_max() const override { return 10'000; }

    bool silent = false;

private:
    struct Pending {
        std::uint64_t number;
        int partition;
        Message message;
    };
    void arrive(const Pending& sent) { topic_[sent.partition].push_back(sent.message); }

    SharedTopic& topic_;
    Random& random_;
    ManualClock& clock_;
    const std::function<bool()> fails_;
    std::uint64_t next_ = 7;
    std::deque<Pending> pending_;
    std::set<int> broken_, arrived_after_failure_;
};

}  // namespace ledgerline::test
