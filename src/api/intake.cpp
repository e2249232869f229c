#include "api/intake.h"

#include <pthread.h>

#include <algorithm>
#include <map>
#include <utility>

#include "observe/batch_log.h"
#include "observe/log.h"

namespace ledgerline {
namespace {

// Failures that say nothing about the next try: it may well succeed at once.
constexpr std::string_view kContentionCodes[] = {
    "40001",  // serialization failure
    "40P01",  // deadlock
    "55P03",  // a lane's lock was not had in time
    "25P03",  // idle in transaction for too long: this process stood still for a while
    "26000",  // prepare again
    "0A000",  // prepare again
};

bool is_contention(const Error& error) {
    return std::ranges::find(kContentionCodes, error.code) != std::end(kContentionCodes);
}

Error with_code(std::string_view code, std::string message) {
    return {Disposition::retry, std::string(code), std::move(message)};
}

void log_accepted(std::span<const IntakeItem> items, const IntakeAnswers& answers) {
    std::map<int, BatchLog> lines;
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (!answers[i] || answers[i]->status != IntakeResult::Status::created) continue;
        lines.try_emplace(answers[i]->lane, "transactions accepted", answers[i]->lane)
            .first->second.add(answers[i]->seq, items[i].traceparent);
    }
}

void name_thread(std::thread& thread, const char* name) { pthread_setname_np(thread.native_handle(), name); }

}  // namespace

IntakeBatcher::IntakeBatcher(IntakeStore& store, IntakeConfig config, const Clock& clock, Random& random,
                             Metrics& metrics, Wakeup& publisher_wakeup, OnFatal on_fatal, Tracer& tracer)
    : store_(store),
      config_(config),
      clock_(clock),
      metrics_(metrics),
      created_total_(metrics.intake_rows_total.Add({{"result", "created"}})),
      replayed_total_(metrics.intake_rows_total.Add({{"result", "replayed"}})),
      refused_total_(metrics.intake_rows_total.Add({{"result", "refused"}})),
      failed_total_(metrics.intake_rows_total.Add({{"result", "failed"}})),
      publisher_wakeup_(publisher_wakeup),
      on_fatal_(std::move(on_fatal)),
      tracer_(tracer),
      backoff_(config.backoff, random),
      queue_(config.queue_rows_max) {}

void IntakeBatcher::start() {
    LEDGERLINE_ASSERT(!thread_.joinable() && !stopping_);
    thread_ = std::thread([this] { run(); });
    name_thread(thread_, "intake");
    deadline_thread_ = std::thread([this] { run_deadlines(); });
    name_thread(deadline_thread_, "intake-deadline");
}

void IntakeBatcher::stop() {
    stopping_ = true;
    queue_.close(with_code(shutting_down, "this server is shutting down"));
    stop_wakeup_.notify();
    if (thread_.joinable()) thread_.join();
    deadline_wakeup_.notify();
    if (deadline_thread_.joinable()) deadline_thread_.join();
}

boost::asio::awaitable<IntakeAnswers> IntakeBatcher::accept(std::vector<IntakeItem> items) {
    co_return co_await suspend_for<IntakeAnswers>(
        [&](Resume<IntakeAnswers> resume) { submit(std::move(items), std::move(resume)); });
}

void IntakeBatcher::submit(std::vector<IntakeItem> items, Resume<IntakeAnswers> answered) {
    queue_.push(std::move(items), clock_.steady_now() + config_.request_timeout, std::move(answered));
    metrics_.intake_queue_rows.Set(static_cast<double>(queue_.rows()));
}

void IntakeBatcher::run() {
    while (!stopping_) {
        if (!reachable_) {
            probe_database();
            continue;
        }
        const auto batch = queue_.take(config_.batch_rows_max);
        if (!batch) continue;
        auto answers = accept_batch(*batch);
        count(answers);
        log_accepted(batch->items, answers);
        queue_.answer(*batch, std::move(answers));
    }
}

IntakeAnswers IntakeBatcher::accept_batch(const IntakeQueue::Batch& batch) {
    metrics_.intake_queue_rows.Set(static_cast<double>(queue_.rows()));
    metrics_.intake_batch_size.Observe(static_cast<double>(batch.items.size()));
    const auto waited = clock_.steady_now() - (batch.first_deadline - config_.request_timeout);
    metrics_.intake_wait_seconds.Observe(std::chrono::duration<double>(waited).count());

    Span span = tracer_.start_batch("intake batch", batch.items, &IntakeItem::traceparent);
    span.set("ledgerline.intake.rows", batch.items.size());
    const TraceScope scope(span.context());
    auto answers = accept_items(batch.items, batch.deadline);
    for (auto& answer : answers) {
        if (answer)
            answer->batch = span.context();
        else if (span.recording())
            span.fail(answer.error());
    }
    return answers;
}

// Sleeps until the first deadline. None that is set meanwhile can be earlier than one whole request_timeout from now.
void IntakeBatcher::run_deadlines() {
    while (!stopping_) {
        const SteadyTime now = clock_.steady_now();
        const SteadyTime next = queue_.expire(now).value_or(now + config_.request_timeout);
        deadline_wakeup_.wait(
            std::chrono::ceil<milliseconds>(std::min<SteadyTime::duration>(next - now, config_.request_timeout)));
    }
}

IntakeAnswers IntakeBatcher::accept_items(std::span<const IntakeItem> items, SteadyTime deadline) {
    bool fate_unknown = false;
    bool connection_renewed = false;
    while (true) {
        const SteadyTime begun = clock_.steady_now();
        auto results = store_.accept(items);
        metrics_.intake_commit_seconds.Observe(std::chrono::duration<double>(clock_.steady_now() - begun).count());
        if (results) return accepted(std::move(*results));

        const Error& error = results.error();
        if (error.disposition == Disposition::refuse) return bisect(items, error, deadline);
        if (error.code == outcome_unknown) {
            fate_unknown = true;
            log::warn("the fate of an intake batch is unknown: running it again", {{"reason", error.message}});
        } else if (!is_contention(error)) {
            // A session may have been lost long before it was used: a new one is tried before that counts as an outage.
            if (error.disposition == Disposition::retry && !std::exchange(connection_renewed, true)) continue;
            lose_database(error);
            if (!fate_unknown) return answer_all(items.size(), with_code(database_unavailable, error.message));
        }
        if (stopping_ || broken_ || clock_.steady_now() >= deadline) {
            const auto code = fate_unknown ? outcome_unknown : overloaded;
            return answer_all(items.size(), with_code(code, error.message));
        }
        stop_wakeup_.wait(backoff_.next());
    }
}

// The batch stored nothing because of at least one row. Both halves are tried in order, so each account keeps its own.
IntakeAnswers IntakeBatcher::bisect(std::span<const IntakeItem> items, const Error& error, SteadyTime deadline) {
    if (items.size() == 1) {
        log::error("the database refuses a transaction", {{"transaction_id", items[0].transaction_id},
                                                          {"account_id", items[0].account_id},
                                                          {"code", error.code},
                                                          {"reason", error.message}});
        IntakeResult result;
        result.status = IntakeResult::Status::failed;
        result.error = error.message;
        return {result};
    }
    const std::size_t half = items.size() / 2;
    IntakeAnswers answers = accept_items(items.first(half), deadline);
    IntakeAnswers rest = accept_items(items.subspan(half), deadline);
    std::ranges::move(rest, std::back_inserter(answers));
    return answers;
}

IntakeAnswers IntakeBatcher::accepted(std::vector<IntakeResult> results) {
    reach_database();
    const bool stored = std::ranges::any_of(
        results, [](const IntakeResult& result) { return result.status == IntakeResult::Status::created; });
    if (stored) publisher_wakeup_.notify();
    IntakeAnswers answers;
    answers.reserve(results.size());
    for (IntakeResult& result : results) answers.emplace_back(std::move(result));
    return answers;
}

void IntakeBatcher::lose_database(const Error& error) {
    if (reachable_.exchange(false))
        log::error("intake cannot use the database", {{"code", error.code}, {"reason", error.message}});
    queue_.refuse(with_code(database_unavailable, error.message));
    if (error.disposition == Disposition::stop && !std::exchange(broken_, true)) on_fatal_(error);
}

// Whoever is told that the database is reachable finds the queue open.
void IntakeBatcher::reach_database() {
    backoff_.reset();
    if (reachable_) return;
    queue_.accept_again();
    reachable_ = true;
    log::info("intake reaches the database again");
}

void IntakeBatcher::probe_database() {
    stop_wakeup_.wait(backoff_.next());
    if (stopping_ || broken_) return;
    if (store_.ping()) reach_database();
}

void IntakeBatcher::count(const IntakeAnswers& answers) {
    for (const auto& answer : answers) {
        prometheus::Counter* counter = &refused_total_;
        if (!answer || answer->status == IntakeResult::Status::failed) {
            counter = &failed_total_;
        } else if (answer->status == IntakeResult::Status::created) {
            counter = &created_total_;
        } else if (answer->status == IntakeResult::Status::replayed) {
            counter = &replayed_total_;
        }
        counter->Increment();
    }
}

}  // namespace ledgerline
