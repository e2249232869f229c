#include "publisher/dead_letter_feed.h"

#include <algorithm>

#include "base/failpoint.h"
#include "observe/log.h"

namespace ledgerline {

DeadLetterFeed::DeadLetterFeed(std::string owner, DeadLetterStore& store, Producer& producer, const Clock& clock,
                               Random& random, Metrics& metrics)
    : owner_(std::move(owner)),
      store_(store),
      producer_(producer),
      clock_(clock),
      metrics_(metrics),
      database_backoff_(outage_backoff, random),
      bus_backoff_(outage_backoff, random) {}

Result<milliseconds> DeadLetterFeed::step() {
    const SteadyTime now = clock_.steady_now();
    if (now < retry_at_) return std::chrono::ceil<milliseconds>(retry_at_ - now);
    auto idle = run_round();
    if (!idle) return pause_for_database(idle.error());
    if (database_backoff_.failures() > 0) log::info("dead letters: the database answers again");
    database_backoff_.reset();
    return idle;
}

// One round. Its errors are the store's, and those of the bus that only somebody can mend.
Result<milliseconds> DeadLetterFeed::run_round() {
    if (clock_.steady_now() >= measure_at_) LEDGERLINE_CHECK(measure());
    LEDGERLINE_TRY(const auto letters, store_.read_unannounced(owner_, after_, letters_per_round_max));
    const bool more = letters.size() == letters_per_round_max;
    if (letters.empty()) {
        after_ = Uuid();
        idle_ = std::min(idle_ * 2, idle_max);
        return idle_;
    }
    std::vector<Uuid> taken;
    auto refusal = produce(letters, taken);
    failpoint("dead_letters.produced");
    if (refusal) {
        if (refusal->disposition == Disposition::stop) return std::unexpected(*std::move(refusal));
        // What was refused is tried again after everything behind it.
        LEDGERLINE_CHECK(mark(taken));
        after_ = more ? letters.back().id : Uuid();
        return pause_for_bus(*refusal);
    }
    LEDGERLINE_CHECK(mark(taken));
    if (bus_backoff_.failures() > 0) log::info("dead letters: the bus takes them again");
    bus_backoff_.reset();
    after_ = more ? letters.back().id : Uuid();
    idle_ = idle_min;
    return more ? milliseconds(0) : idle_;
}

Result<void> DeadLetterFeed::measure() {
    LEDGERLINE_TRY(const auto unannounced, store_.count_unannounced());
    metrics_.dead_letters_unannounced.Set(static_cast<double>(unannounced));
    measure_at_ = clock_.steady_now() + measure_interval;
    return {};
}

// Fills taken with the letters that the bus has certainly taken. Returns why others were not.
std::optional<Error> DeadLetterFeed::produce(const std::vector<DeadLetter>& letters, std::vector<Uuid>& taken) {
    std::vector<Outgoing> batch;
    for (const DeadLetter& letter : letters) batch.push_back({letter.partition, encode(letter)});
    const auto delivered = producer_.publish(batch, clock_.steady_now() + publish_timeout);
    if (!delivered) return delivered.error();
    LEDGERLINE_ASSERT(delivered->size() == batch.size());
    for (std::size_t i = 0; i < letters.size(); ++i)
        if ((*delivered)[i]) taken.push_back(letters[i].id);
    if (taken.size() == letters.size()) return std::nullopt;
    const auto refused = std::ranges::find(*delivered, false) - delivered->begin();
    return Error{Disposition::retry, "not_delivered",
                 "the bus did not take letter " + letters[static_cast<std::size_t>(refused)].id.to_string()};
}

Result<void> DeadLetterFeed::mark(const std::vector<Uuid>& taken) {
    if (taken.empty()) return {};
    LEDGERLINE_CHECK(store_.mark_announced(taken));
    metrics_.dlq_announced_total.Increment(static_cast<double>(taken.size()));
    return {};
}

Result<milliseconds> DeadLetterFeed::pause_for_database(const Error& error) {
    if (error.disposition == Disposition::stop) return std::unexpected(error);
    if (database_backoff_.failures() == 0)
        log::warn("dead letters: the database is away", {{"code", error.code}, {"error", error.message}});
    return pause(database_backoff_);
}

milliseconds DeadLetterFeed::pause_for_bus(const Error& error) {
    if (bus_backoff_.failures() == 0) log::warn("dead letters: not announced", {{"error", error.message}});
    return pause(bus_backoff_);
}

milliseconds DeadLetterFeed::pause(Backoff& backoff) {
    const milliseconds idle = backoff.next();
    retry_at_ = clock_.steady_now() + idle;
    return idle;
}

}  // namespace ledgerline
