#include "letters/dead_letter_feed.h"

#include <algorithm>

#include "base/failpoint.h"

namespace ledgerline::letters {
namespace {

std::size_t bytes_of(const std::vector<DeadLetter>& letters) {
    std::size_t bytes = 0;
    for (const DeadLetter& letter : letters) bytes += letter.original.value.size();
    return bytes;
}

}  // namespace

DeadLetterFeed::DeadLetterFeed(std::string owner, DeadLetterStore& store, bus::Producer& producer,
                               const ProcessContext& context)
    : owner_(std::move(owner)),
      store_(store),
      producer_(producer),
      clock_(context.clock),
      probe_(context.metrics),
      database_backoff_(outage_backoff, context.random),
      bus_backoff_(outage_backoff, context.random) {}

Result<milliseconds> DeadLetterFeed::step() {
    const SteadyTime now = clock_.steady_now();
    if (now < retry_at_) return std::chrono::ceil<milliseconds>(retry_at_ - now);
    auto idle = run_round();
    if (!idle) return pause_for_database(idle.error());
    database_backoff_.reset();
    probe_.database_answered();
    return idle;
}

// One round. Returns only errors of the store.
Result<milliseconds> DeadLetterFeed::run_round() {
    if (clock_.steady_now() >= measure_at_) LEDGERLINE_CHECK(measure());
    take_reports(clock_.steady_now());
    LEDGERLINE_CHECK(mark());
    std::vector<DeadLetter> letters;
    if (under_way_.size() < letters_under_way_max) {
        LEDGERLINE_TRY(letters, store_.read_unannounced(owner_, after_, letters_per_round_max, bytes_per_round_max));
    }
    const bool more = letters.size() == letters_per_round_max || bytes_of(letters) > bytes_per_round_max;
    const Uuid last = letters.empty() ? Uuid() : letters.back().id;
    std::erase_if(letters, [this](const DeadLetter& letter) { return !may_send(letter.id); });
    after_ = more ? last : Uuid();
    if (letters.empty()) {
        idle_ = std::min(idle_ * 2, idle_max);
        return more ? milliseconds(0) : idle_;
    }
    failure_.clear();
    const std::size_t before = taken_.size(), waiting = send(letters);
    const SteadyTime deadline = clock_.steady_now() + round_wait_max;
    while (under_way_.size() > waiting && clock_.steady_now() < deadline) take_reports(deadline);
    const bool any_taken = taken_.size() > before;
    failpoint("dead_letters.produced");
    LEDGERLINE_CHECK(mark());
    if (!any_taken && !failure_.empty()) return pause_for_bus(failure_);
    bus_backoff_.reset();
    probe_.bus_accepted();
    idle_ = idle_min;
    return more ? milliseconds(0) : idle_;
}

Result<void> DeadLetterFeed::measure() {
    LEDGERLINE_TRY(const auto unannounced, store_.count_unannounced());
    probe_.waiting(unannounced);
    measure_at_ = clock_.steady_now() + measure_interval;
    return {};
}

bool DeadLetterFeed::may_send(const Uuid& letter) const {
    if (letters_under_way_.contains(letter)) return false;
    const auto refused = refused_.find(letter);
    return refused == refused_.end() || clock_.steady_now() >= refused->second.retry_at;
}

// Returns how many letters were already under way.
std::size_t DeadLetterFeed::send(const std::vector<DeadLetter>& letters) {
    const std::size_t before = under_way_.size();
    std::vector<bus::Outgoing> batch;
    std::vector<Sent> sent;
    for (const DeadLetter& letter : letters) {
        const auto refused = refused_.find(letter.id);
        const std::size_t known = producer_.message_bytes_max();
        sent.push_back({letter.id, refused == refused_.end() ? known : std::min(known, refused->second.bytes_max)});
        batch.push_back({letter.partition, encode(letter, sent.back().bytes_max)});
    }
    std::uint64_t number = producer_.send(batch);
    for (const Sent& one : sent) {
        under_way_.emplace(number++, one);
        letters_under_way_.insert(one.letter);
    }
    return before;
}

void DeadLetterFeed::take_reports(SteadyTime deadline) {
    for (const bus::Report& report : producer_.collect(deadline)) {
        const auto found = under_way_.find(report.number);
        LEDGERLINE_ASSERT(found != under_way_.end());
        const Sent sent = found->second;
        under_way_.erase(found);
        letters_under_way_.erase(sent.letter);
        if (report.fate == bus::Fate::refused) {
            note_refused(sent.letter, sent.bytes_max, report.reason);
            continue;
        }
        if (report.fate == bus::Fate::delivered) {
            taken_.push_back(sent.letter);
            refused_.erase(sent.letter);
        } else {
            failure_ = "the bus did not take letter " + sent.letter.to_string() + ": " + report.reason;
        }
    }
}

void DeadLetterFeed::note_refused(const Uuid& letter, std::size_t bytes_max, const std::string& reason) {
    if (refused_.size() >= refused_letters_max && !refused_.contains(letter)) refused_.erase(refused_.begin());
    Refused& refused = refused_[letter];
    refused.bytes_max = std::max(cut_bytes_min, std::min(bytes_max, dead_letter_value_bytes_max) / 2);
    if (bytes_max > cut_bytes_min) return;
    if (refused.retry_at == SteadyTime()) probe_.refused(letter, reason);
    refused.retry_at = clock_.steady_now() + refused_retry_interval;
}

Result<void> DeadLetterFeed::mark() {
    if (taken_.empty()) return {};
    LEDGERLINE_CHECK(store_.mark_announced(taken_));
    probe_.published(taken_.size());
    taken_.clear();
    return {};
}

Result<milliseconds> DeadLetterFeed::pause_for_database(const Error& error) {
    if (error.disposition == Disposition::stop) return std::unexpected(error);
    probe_.database_away(error);
    return pause(database_backoff_);
}

milliseconds DeadLetterFeed::pause_for_bus(const std::string& reason) {
    probe_.bus_away(reason);
    return pause(bus_backoff_);
}

milliseconds DeadLetterFeed::pause(Backoff& backoff) {
    const milliseconds idle = backoff.next();
    retry_at_ = clock_.steady_now() + idle;
    return idle;
}

}  // namespace ledgerline::letters
