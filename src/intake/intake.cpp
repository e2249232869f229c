#include "intake/intake.h"

#include <algorithm>
#include <iterator>
#include <thread>
#include <utility>

namespace ledgerline::intake {
namespace {

// This many rows in a row, each refused alone and all for the same reason, count as an outage.
constexpr int kRefusalsOfAnOutage = 2;

// Whether all items but the first follow the one before: nothing of it is accepted without the rest.
bool is_chain(std::span<const IntakeItem> items) {
    return std::ranges::all_of(items.subspan(1), [](const IntakeItem& item) { return item.follows.has_value(); });
}

// Where to halve the items: the border between chains that is next to the middle, in either direction. items: not a
// single chain.
std::size_t middle_of(std::span<const IntakeItem> items) {
    const std::size_t half = items.size() / 2;
    for (std::size_t distance = 0;; ++distance) {
        if (distance < half && !items[half - distance].follows) return half - distance;
        if (half + distance < items.size() && !items[half + distance].follows) return half + distance;
    }
}

// Why the item is not tried: it touches an account that is left. Its other accounts are left with it.
std::optional<Error> why_left(const IntakeItem& item, std::map<Uuid, Error>& left) {
    const std::vector<Effect> effects = effects_of(item);
    const auto why =
        std::ranges::find_if(effects, [&](const Effect& effect) { return left.contains(effect.account_id); });
    if (why == effects.end()) return std::nullopt;
    Error reason = left.at(why->account_id);
    for (const Effect& effect : effects) left.try_emplace(effect.account_id, reason);
    return reason;
}

Error with_code(std::string_view code, std::string message) {
    return {Disposition::retry, std::string(code), std::move(message)};
}

}  // namespace

IntakeBatcher::IntakeBatcher(IntakeStore& store, const IntakeConfig& config, Wakeup& publisher_wakeup, OnFatal on_fatal,
                             const ProcessContext& context)
    : store_(store),
      config_(config),
      clock_(context.clock),
      probe_(context.metrics, context.tracer),
      publisher_wakeup_(publisher_wakeup),
      on_fatal_(std::move(on_fatal)),
      backoff_(config.backoff, context.random),
      queue_({config.queue_rows_max, config.queue_bytes_max}, {config.turn_rows_max, config.turn_bytes_max}),
      batch_rows_max_(config.batch_rows_max),
      short_batches_(config.sharing),
      loop_(
          "intake", stop_wakeup_,
          [this]() -> Result<milliseconds> {
              run_round();
              return milliseconds(0);
          },
          [](const Error&) {}, [this](const char* what) { probe_.threw(what); }),
      deadlines_(
          "intake-deadline", deadline_wakeup_, [this]() -> Result<milliseconds> { return answer_late(); },
          [](const Error&) {}, [this](const char* what) { probe_.threw(what); }) {}

void IntakeBatcher::start() {
    LEDGERLINE_ASSERT(!stopping_);
    loop_.start();
    deadlines_.start();
}

// The deadlines end last: those of the last batch still count.
void IntakeBatcher::stop() {
    stopping_ = true;
    queue_.close(with_code(shutting_down, "this server is shutting down"));
    loop_.stop();
    deadlines_.stop();
}

boost::asio::awaitable<IntakeReply> IntakeBatcher::accept(std::vector<IntakeItem> items) {
    co_return co_await suspend_for<IntakeReply>(
        [&](Resume<IntakeReply> resume) { submit(std::move(items), std::move(resume)); });
}

void IntakeBatcher::submit(std::vector<IntakeItem> items, Resume<IntakeReply> answered) {
    const std::size_t gave_way =
        queue_.push(std::move(items), clock_.steady_now() + config_.request_timeout, std::move(answered));
    if (gave_way > 0) probe_.gave_way(gave_way);
    note_queue();
}

// Rows that it has taken when something throws are answered at their deadline.
void IntakeBatcher::run_round() {
    if (!reachable_) return probe_database();
    keep_pace();
    if (!rest()) gather();
    auto batch = queue_.take({rows_max(), config_.batch_bytes_max});
    if (!batch) return;
    const SteadyTime begun = clock_.steady_now();
    short_batches_.note(batch->parts, begun);
    auto answers = accept_batch(*batch);
    short_batches_.learn(batch->items.size(), clock_.steady_now() - begun);
    probe_.answered(batch->items, answers);
    last_batch_rows_ = batch->items.size();
    last_waiting_rows_ = queue_.waiting().size.rows;
    queue_.answer(*std::move(batch), std::move(answers));
}

void IntakeBatcher::keep_pace() {
    const milliseconds pause = config_.pause && !stopping_ ? config_.pause() : milliseconds(0);
    if (pause.count() == 0) return;
    probe_.paced(pause);
    stop_wakeup_.wait(pause);
}

// Leaves the CPU to those who send little, while others send much. Returns whether there are both.
bool IntakeBatcher::rest() {
    const SteadyTime now = clock_.steady_now();
    const SteadyTime::duration at_most = short_batches_.rest(now);
    if (at_most.count() == 0) return false;
    queue_.wait_for([&](int tenant) { return !short_batches_.sends_much(tenant, now); }, at_most);
    return true;
}

// Looks again and again rather than to be woken by each row, which would cost more than it saves.
void IntakeBatcher::gather() {
    const Gathering& gathering = config_.gathering;
    const std::size_t answered = std::exchange(last_batch_rows_, 0);
    if (answered < gathering.busy_rows_min) return;
    std::size_t rows = queue_.waiting().size.rows;
    const std::size_t enough = std::min({last_waiting_rows_ + answered, gathering.rows_enough, rows_max()});
    const SteadyTime begun = std::chrono::steady_clock::now();
    SteadyTime now = begun, grown = begun;
    while (rows < enough && now - begun < gathering.max && now - grown < gathering.quiet && !stopping_) {
        std::this_thread::sleep_for(gathering.step);
        now = std::chrono::steady_clock::now();
        const std::size_t before = std::exchange(rows, queue_.waiting().size.rows);
        if (rows > before) grown = now;
    }
}

std::size_t IntakeBatcher::rows_max() const {
    return std::min(batch_rows_max_, short_batches_.rows_max(clock_.steady_now()));
}

IntakeAnswers IntakeBatcher::accept_batch(const IntakeQueue::Batch& batch) {
    note_queue();
    const auto waited = clock_.steady_now() - (batch.first_deadline - config_.request_timeout);
    Span span = probe_.begin_batch(batch.items, waited);
    const TraceScope scope(span.context());
    Attempt attempt{batch.deadline};
    auto answers = accept_items(batch.items, attempt);
    // The earlier rows whose refusals turned out to be the outage are not at fault either.
    for (auto answer = answers.rbegin(); attempt.outage && answer != answers.rend(); ++answer) {
        if (*answer && (*answer)->status != IntakeResult::Status::failed) break;
        if (*answer) *answer = std::unexpected(*attempt.outage);
    }
    for (auto& answer : answers) {
        if (answer)
            answer->batch = span.context();
        else if (span.recording())
            span.fail(answer.error());
    }
    return answers;
}

// Returns how long the first deadline is away. None that is set meanwhile can come earlier than one whole
// request_timeout from now.
milliseconds IntakeBatcher::answer_late() {
    const SteadyTime now = clock_.steady_now();
    const SteadyTime::duration until_next = queue_.expire(now).value_or(now + config_.request_timeout) - now;
    return std::chrono::ceil<milliseconds>(std::min<SteadyTime::duration>(until_next, config_.request_timeout));
}

IntakeAnswers IntakeBatcher::accept_items(std::span<const IntakeItem> items, Attempt& attempt, bool fate_unknown) {
    while (true) {
        if (attempt.outage && !fate_unknown) return answer_all(items.size(), *attempt.outage);
        if (attempt.tried && clock_.steady_now() >= attempt.deadline)
            return answer_all(items.size(),
                              with_code(fate_unknown ? outcome_unknown : overloaded, "not accepted in time"));
        attempt.tried = true;
        auto results = try_once(items, attempt);
        if (results) return accepted(items, std::move(*results), fate_unknown);

        const Error& error = results.error();
        if (error.disposition == Disposition::refuse)
            return is_chain(items) ? refuse_chain(items, error, attempt) : accept_halves(items, attempt, fate_unknown);
        if (error.code == outcome_unknown) {
            fate_unknown = true;
            probe_.fate_unknown(error);
        } else if (error.code == db::query_canceled && !is_chain(items)) {
            batch_rows_max_ = std::max<std::size_t>(1, std::min(batch_rows_max_, items.size()) / 2);
            probe_.too_slow(items.size());
            return accept_halves(items, attempt, fate_unknown);
        } else if (error.code == db::query_canceled) {
            return answer_all(items.size(), with_code(fate_unknown ? outcome_unknown : overloaded, error.message));
        } else if (error.code == db::lock_not_available && std::exchange(attempt.waits_for_lanes, false)) {
            continue;
        } else if (!db::is_contention(error.code)) {
            // The session may have been lost long before this batch, so try a new one before calling it an outage.
            if (error.disposition == Disposition::retry && !std::exchange(attempt.connection_renewed, true)) continue;
            lose_database(error);
            attempt.outage = with_code(database_unavailable, error.message);
            if (!fate_unknown) continue;
        }
        if (stopping_ || broken_)
            return answer_all(items.size(), with_code(fate_unknown ? outcome_unknown : overloaded, error.message));
        stop_wakeup_.wait(backoff_.next());
    }
}

// The exception may have come after the commit.
Result<std::vector<IntakeResult>> IntakeBatcher::try_once(std::span<const IntakeItem> items, const Attempt& attempt) {
    const SteadyTime begun = clock_.steady_now();
    Result<std::vector<IntakeResult>> results;
    try {
        results = store_.accept(items, {!attempt.waits_for_lanes, held_lanes_});
    } catch (const std::exception& exception) {
        probe_.threw(exception.what());
        results = std::unexpected(with_code(outcome_unknown, exception.what()));
    }
    probe_.tried(clock_.steady_now() - begun);
    return results;
}

// One half after the other, so that each account's rows keep their order. items: not a single chain.
IntakeAnswers IntakeBatcher::accept_halves(std::span<const IntakeItem> items, Attempt& attempt, bool fate_unknown) {
    const std::size_t half = middle_of(items);
    IntakeAnswers answers = accept_items(items.first(half), attempt, fate_unknown);
    std::map<Uuid, Error> left;
    for (std::size_t i = 0; i < half && !fate_unknown; ++i)
        if (!answers[i])
            for (const Effect& effect : effects_of(items[i]))
                left.try_emplace(effect.account_id, not_stored(answers[i].error()));
    IntakeAnswers rest = accept_rest(items.subspan(half), left, attempt, fate_unknown);
    std::ranges::move(rest, std::back_inserter(answers));
    return answers;
}

// left: accounts touched by an earlier row that was not accepted for a transient reason, and that reason. Other rows
// that touch them are not tried: they would overtake the earlier one when the client sends it again.
IntakeAnswers IntakeBatcher::accept_rest(std::span<const IntakeItem> items, std::map<Uuid, Error> left,
                                         Attempt& attempt, bool fate_unknown) {
    if (left.empty()) return accept_items(items, attempt, fate_unknown);
    std::vector<std::optional<Error>> reasons;
    std::vector<IntakeItem> others;
    for (const IntakeItem& item : items) {
        reasons.push_back(why_left(item, left));
        if (!reasons.back()) others.push_back(item);
    }
    IntakeAnswers tried;
    if (!others.empty()) tried = accept_items(others, attempt, fate_unknown);
    IntakeAnswers answers;
    auto next = tried.begin();
    for (std::optional<Error>& reason : reasons) {
        if (reason)
            answers.emplace_back(std::unexpected(*std::move(reason)));
        else
            answers.push_back(std::move(*next++));
    }
    return answers;
}

// A row that the database refuses on its own, or a chain. If the next one is refused for the same reason, the database
// is at fault.
IntakeAnswers IntakeBatcher::refuse_chain(std::span<const IntakeItem> items, const Error& error, Attempt& attempt) {
    probe_.refused(items[0], error);
    refusals_in_a_row_ = refusal_code_ == error.code ? refusals_in_a_row_ + 1 : 1;
    refusal_code_ = error.code;
    if (refusals_in_a_row_ >= kRefusalsOfAnOutage) {
        attempt.outage = with_code(database_unavailable, error.message);
        return answer_all(items.size(), *attempt.outage);
    }
    IntakeResult result;
    result.status = IntakeResult::Status::failed;
    result.error = error.message;
    return IntakeAnswers(items.size(), result);
}

// fate_unknown: an earlier try may have stored what this one could not.
IntakeAnswers IntakeBatcher::accepted(std::span<const IntakeItem> items, std::vector<IntakeResult> results,
                                      bool fate_unknown) {
    reach_database();
    if (results.size() >= batch_rows_max_) batch_rows_max_ = std::min(batch_rows_max_ * 2, config_.batch_rows_max);
    const bool stored = std::ranges::any_of(
        results, [](const IntakeResult& result) { return result.status == IntakeResult::Status::created; });
    if (stored) {
        refusals_in_a_row_ = 0;
        hand_over(items, results);
        publisher_wakeup_.notify();
    }
    IntakeAnswers answers;
    answers.reserve(results.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
        IntakeResult& result = results[i];
        note_lanes(items[i], result);
        if (result.status == IntakeResult::Status::lane_held)
            answers.emplace_back(std::unexpected(with_code(fate_unknown ? outcome_unknown : overloaded,
                                                           "the account's lane is locked by another session")));
        else
            answers.emplace_back(std::move(result));
    }
    return answers;
}

void IntakeBatcher::hand_over(std::span<const IntakeItem> items, std::span<const IntakeResult> results) const {
    if (!config_.hand_over) return;
    std::vector<Event> events;
    events.reserve(items.size());
    for (std::size_t i = 0; i < items.size(); ++i)
        if (results[i].status == IntakeResult::Status::created)
            std::ranges::move(events_of(items[i], results[i]), std::back_inserter(events));
    if (!events.empty()) config_.hand_over(std::move(events));
}

void IntakeBatcher::note_lanes(const IntakeItem& item, const IntakeResult& result) {
    if (result.status == IntakeResult::Status::lane_held && held_lanes_.insert(result.lane).second)
        probe_.lane_held(result.lane);
    if (result.status != IntakeResult::Status::created || held_lanes_.empty()) return;
    for (const Effect& effect : effects_of(item))
        if (held_lanes_.erase(lane_of(effect.account_id)) > 0) probe_.lane_free(lane_of(effect.account_id));
}

void IntakeBatcher::lose_database(const Error& error) {
    reachable_ = false;
    probe_.database_away(error);
    queue_.refuse(with_code(database_unavailable, error.message));
    if (error.disposition == Disposition::stop && !std::exchange(broken_, true)) on_fatal_(error);
}

// The order matters: a client that learns that the database is reachable finds the queue open.
void IntakeBatcher::reach_database() {
    backoff_.reset();
    if (reachable_) return;
    queue_.accept_again();
    probe_.database_answered();
    reachable_ = true;
}

void IntakeBatcher::probe_database() {
    stop_wakeup_.wait(backoff_.next());
    if (stopping_ || broken_) return;
    if (store_.ping()) reach_database();
}

}  // namespace ledgerline::intake
