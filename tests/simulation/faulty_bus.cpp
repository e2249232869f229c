#include "faulty_bus.h"

#include <algorithm>

namespace ledgerline::test {
namespace {

// Likelihoods, in thousandths: of a call, or of a message.
constexpr unsigned kCallFails = 20;
constexpr unsigned kHeldUp = 30;
constexpr unsigned kRefused = 15;
constexpr unsigned kLostThoughAcknowledged = 15;
constexpr unsigned kRepeated = 20;
constexpr unsigned kSwapped = 15;
constexpr unsigned kForged = 10;
constexpr unsigned kTruncated = 15;
constexpr unsigned kCommitLost = 100;
constexpr unsigned kLate = 200;

void set_header(Message& message, const std::string& name, const std::string& value) {
    for (auto& [header, text] : message.headers)
        if (header == name) text = value;
}

}  // namespace

std::uint64_t FaultyProducer::send(std::span<const bus::Outgoing> messages) {
    const std::uint64_t first = next_number_;
    next_number_ += messages.size();
    if (faults_.happen(kCallFails)) {
        fail(messages, first, "simulated outage of the bus");
        return first;
    }
    faults_.maybe_interleave(kHeldUp);
    const bool answer_lost = faults_.happen(kCallFails);

    std::vector<Sent> sent;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        const std::uint64_t number = first + i;
        if (faults_.happen(kRefused)) {
            reports_.push_back({number, bus::Fate::failed, "simulated refusal"});
            continue;
        }
        if (faults_.happen(kLostThoughAcknowledged)) {
            reports_.push_back({number, bus::Fate::delivered, ""});
            continue;
        }
        if (faults_.happen(kForged)) sent.push_back({forge(messages[i]), std::nullopt});
        sent.push_back({messages[i], number});
        if (faults_.happen(kRepeated)) sent.push_back({messages[i], std::nullopt});
        if (sent.size() > 1 && faults_.happen(kSwapped)) std::swap(sent[sent.size() - 2], sent.back());
    }
    std::vector<bus::Outgoing> batch;
    for (const Sent& one : sent) batch.push_back(one.outgoing);
    const std::uint64_t first_sent = bus_->send(batch);
    for (bus::Report& report : bus_->collect({})) {
        const auto number = sent.at(report.number - first_sent).number;
        if (number) reports_.push_back({*number, report.fate, std::move(report.reason)});
    }
    if (answer_lost) {
        std::erase_if(reports_, [first](const bus::Report& report) { return report.number >= first; });
        fail(messages, first, "simulated loss of the answer");
    }
    return first;
}

void FaultyProducer::fail(std::span<const bus::Outgoing> messages, std::uint64_t first, const char* reason) {
    for (std::size_t i = 0; i < messages.size(); ++i) reports_.push_back({first + i, bus::Fate::failed, reason});
}

// Acknowledgements may come late, and not all at once.
std::vector<bus::Report> FaultyProducer::collect(SteadyTime deadline) {
    faults_.maybe_interleave(kHeldUp);
    const bool late = !reports_.empty() && faults_.happen(kLate);
    if (!late) return std::exchange(reports_, {});
    if (deadline > clock_.steady_now()) clock_.advance(std::chrono::ceil<milliseconds>(deadline - clock_.steady_now()));
    const std::size_t count = faults_.random().below(reports_.size());
    const auto end = reports_.begin() + static_cast<std::ptrdiff_t>(count);
    std::vector<bus::Report> early(std::make_move_iterator(reports_.begin()), std::make_move_iterator(end));
    reports_.erase(reports_.begin(), end);
    return early;
}

// Something like model that nobody accepted.
bus::Outgoing FaultyProducer::forge(const bus::Outgoing& model) {
    bus::Outgoing forged = model;
    const std::int64_t seq = std::stoll(*model.message.header("seq"));
    switch (faults_.random().below(6)) {
        case 0:  // another event in its place
            set_header(forged.message, "ce_id", "deadbeef" + model.message.header("ce_id")->substr(8));
            break;
        case 1:  // the same event elsewhere in its lane
            set_header(forged.message, "seq",
                       std::to_string(seq + 1 + static_cast<std::int64_t>(faults_.random().below(3))));
            break;
        case 2:  // in another lane's partition
            forged.partition = (forged.partition + 1) % lanes_;
            break;
        case 3:  // claiming to belong to the lane of the partition it is in
            forged.partition = (forged.partition + 1) % lanes_;
            set_header(forged.message, "lane", std::to_string(forged.partition));
            break;
        case 4:  // the same event, with a value that nobody can read
            forged.message.value = "nonsense";
            break;
        default:
            forged.message.headers.clear();
    }
    return forged;
}

Result<bus::Polled> FaultyConsumer::poll(milliseconds wait, std::size_t messages_max) {
    if (faults_.happen(kCallFails)) return failure(Disposition::retry, "bus_down", "simulated outage of the bus");
    auto polled = bus_->poll(wait, messages_max);
    if (!polled || polled->messages.empty()) return polled;
    // The log of one partition is cut off behind what was about to be read. It is gone from the bus itself, too: left
    // there unseen, it would fill the partition forever.
    if (faults_.happen(kTruncated)) {
        const int partition = polled->messages.front().partition;
        const auto is_cut = [partition](const bus::Incoming& incoming) { return incoming.partition == partition; };
        const auto last = std::find_if(polled->messages.rbegin(), polled->messages.rend(), is_cut);
        bus_->commit(partition, last->offset + 1);
        std::erase_if(polled->messages, is_cut);
    }
    return polled;
}

void FaultyConsumer::commit(int partition, std::int64_t next_offset) {
    if (!faults_.happen(kCommitLost)) bus_->commit(partition, next_offset);
}

}  // namespace ledgerline::test
