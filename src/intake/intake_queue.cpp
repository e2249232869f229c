#include "intake/intake_queue.h"

#include <algorithm>
#include <span>
#include <utility>

namespace ledgerline::intake {

struct IntakeQueue::Request {
    std::vector<IntakeItem> items;
    std::vector<std::optional<Result<IntakeResult>>> answers;
    std::size_t taken = 0;  // handed out, or failed before that
    std::size_t unanswered = 0;
    SteadyTime deadline;
    Resume<IntakeReply> answered;
};

namespace {

std::size_t bytes_of(std::span<const IntakeItem> items) {
    std::size_t bytes = 0;
    for (const IntakeItem& item : items) bytes += item.bytes();
    return bytes;
}

}  // namespace

IntakeAnswers answer_all(std::size_t rows, const Error& error) {
    return IntakeAnswers(rows, Result<IntakeResult>(std::unexpected(error)));
}

const Error* first_error(std::span<const Result<IntakeResult>> answers) {
    const auto failed = std::ranges::find_if(answers, [](const auto& answer) { return !answer.has_value(); });
    return failed == answers.end() ? nullptr : &failed->error();
}

Error not_stored(const Error& error) {
    const std::string_view code = error.code == outcome_unknown ? overloaded : std::string_view(error.code);
    return {Disposition::retry, std::string(code), "an earlier transaction was not accepted: " + error.message};
}

void IntakeQueue::push(std::vector<IntakeItem> items, SteadyTime deadline, Resume<IntakeReply> answered) {
    if (items.empty()) return answered({});
    if (const auto refusal = try_push(items, deadline, answered)) {
        auto answers = answer_all(items.size(), *refusal);
        return answered({std::move(items), std::move(answers)});
    }
    changed_.notify_one();
}

std::optional<Error> IntakeQueue::try_push(std::vector<IntakeItem>& items, SteadyTime deadline,
                                           Resume<IntakeReply>& answered) {
    const std::size_t bytes = bytes_of(items);
    auto request = std::make_shared<Request>();
    request->answers.resize(items.size());
    std::lock_guard lock(mutex_);
    if (refusal_) return refusal_;
    if (waiting_size_.rows + items.size() > max_.rows || waiting_size_.bytes + bytes > max_.bytes)
        return Error{Disposition::retry, std::string(overloaded), "too many transactions wait to be accepted"};
    fresh_.push_back(request);
    deadlines_.push_back(request);
    waiting_size_.rows += items.size();
    waiting_size_.bytes += bytes;
    request->items = std::move(items);
    request->unanswered = request->items.size();
    request->deadline = deadline;
    request->answered = std::move(answered);
    return std::nullopt;
}

std::optional<IntakeQueue::Batch> IntakeQueue::take(Size max) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return has_waiting() || refusal_; });
    if (!has_waiting()) return std::nullopt;

    Batch batch;
    batch.deadline = batch.first_deadline = (fresh_.empty() ? begun_ : fresh_).front()->deadline;
    Size taken, taken_fresh;
    std::size_t earlier = begun_.size();  // had an earlier turn in a batch, none in this one
    while (has_waiting() && taken.rows < max.rows) {
        const bool fresh_had_half = 2 * taken_fresh.rows >= max.rows || 2 * taken_fresh.bytes >= max.bytes;
        const bool begun_turn = fresh_.empty() || (fresh_had_half && earlier > 0);
        auto& queue = begun_turn ? begun_ : fresh_;
        const auto request = queue.front();
        const Size before = taken;
        const bool has_room = take_turn(request, max, batch, taken);
        if (begun_turn) {
            earlier -= earlier > 0;
        } else {
            taken_fresh.rows += taken.rows - before.rows;
            taken_fresh.bytes += taken.bytes - before.bytes;
        }
        const bool done = request->taken == request->items.size();
        if (!done && !has_room) break;
        queue.pop_front();
        if (!done) begun_.push_back(request);
    }
    return batch;
}

// Takes one turn's rows, whole chains: a follower goes with the row before it, whatever the limits. False when the
// batch has no room for the request's next row.
bool IntakeQueue::take_turn(const std::shared_ptr<Request>& request, Size max, Batch& batch, Size& taken) {
    Size turn;
    bool has_room = true;
    const std::size_t begin = request->taken;
    while (request->taken < request->items.size()) {
        IntakeItem& item = request->items[request->taken];
        const std::size_t bytes = item.bytes();
        if (!item.follows) {
            if (taken.rows >= max.rows || turn.rows >= turn_.rows || turn.bytes >= turn_.bytes) break;
            has_room = taken.rows == 0 || taken.bytes + bytes <= max.bytes;
            if (!has_room) break;
        }
        for (Size* size : {&turn, &taken}) ++size->rows, size->bytes += bytes;
        --waiting_size_.rows;
        waiting_size_.bytes -= bytes;
        batch.items.push_back(std::move(item));
        ++request->taken;
    }
    if (request->taken == begin) return has_room;
    batch.slices.push_back({request, begin, request->taken - begin});
    batch.deadline = std::max(batch.deadline, request->deadline);
    batch.first_deadline = std::min(batch.first_deadline, request->deadline);
    return has_room;
}

void IntakeQueue::answer(Batch batch, IntakeAnswers answers) {
    LEDGERLINE_ASSERT(answers.size() == batch.items.size());
    AnsweredList done;
    {
        std::lock_guard lock(mutex_);
        auto next = answers.begin();
        auto item = batch.items.begin();
        for (const auto& [request, begin, count] : batch.slices) {
            const Error* passing = first_error({next, count});
            const std::optional<Error> rest = passing ? std::optional(not_stored(*passing)) : std::nullopt;
            for (std::size_t row = begin; row < begin + count; ++row, ++item) {
                if (request->unanswered > 0) request->items[row] = std::move(*item);
                fill(*request, row, std::move(*next++), done);
            }
            if (rest && request->unanswered > 0) fail_rest(request, *rest, done);
        }
        while (!deadlines_.empty() && deadlines_.front()->unanswered == 0) deadlines_.pop_front();
    }
    resume_all(done);
}

void IntakeQueue::refuse(const Error& error) {
    AnsweredList done;
    {
        std::lock_guard lock(mutex_);
        if (!closed_) refusal_ = error;
        fail_all_waiting(error, done);
    }
    changed_.notify_all();
    resume_all(done);
}

void IntakeQueue::accept_again() {
    std::lock_guard lock(mutex_);
    if (!closed_) refusal_.reset();
}

void IntakeQueue::close(const Error& error) {
    AnsweredList done;
    {
        std::lock_guard lock(mutex_);
        closed_ = true;
        refusal_ = error;
        fail_all_waiting(error, done);
    }
    changed_.notify_all();
    resume_all(done);
}

std::optional<SteadyTime> IntakeQueue::expire(SteadyTime now) {
    AnsweredList done;
    std::optional<SteadyTime> next;
    {
        std::lock_guard lock(mutex_);
        while (!deadlines_.empty() && (deadlines_.front()->unanswered == 0 || deadlines_.front()->deadline <= now)) {
            const auto request = std::move(deadlines_.front());
            deadlines_.pop_front();
            if (request->unanswered == 0) continue;
            erase_waiting(request);
            fail_waiting(*request, {Disposition::retry, std::string(overloaded), "not accepted in time"}, done);
            const std::size_t rows = request->answers.size();
            for (std::size_t row = 0; row < rows; ++row)
                fill(*request, row, failure(Disposition::retry, std::string(outcome_unknown), "not answered in time"),
                     done);
        }
        if (!deadlines_.empty()) next = deadlines_.front()->deadline;
    }
    resume_all(done);
    return next;
}

IntakeQueue::Size IntakeQueue::size() const {
    std::lock_guard lock(mutex_);
    return waiting_size_;
}

// The first answer to a row counts: a late one finds the row already answered at its deadline.
void IntakeQueue::fill(Request& request, std::size_t row, Result<IntakeResult> answer, AnsweredList& done) {
    if (request.unanswered == 0 || request.answers[row]) return;
    request.answers[row] = std::move(answer);
    if (--request.unanswered > 0) return;
    Answered answered{std::move(request.answered), {std::move(request.items), {}}};
    answered.reply.answers.reserve(request.answers.size());
    for (auto& each : request.answers) answered.reply.answers.push_back(std::move(*each));
    done.push_back(std::move(answered));
}

void IntakeQueue::fail_waiting(Request& request, const Error& error, AnsweredList& done) {
    const std::size_t first = std::exchange(request.taken, request.items.size()), end = request.taken;
    waiting_size_.rows -= end - first;
    waiting_size_.bytes -= bytes_of(std::span(request.items).subspan(first));
    for (std::size_t row = first; row < end; ++row) fill(request, row, std::unexpected(error), done);
}

void IntakeQueue::fail_rest(const std::shared_ptr<Request>& request, const Error& error, AnsweredList& done) {
    erase_waiting(request);
    fail_waiting(*request, error, done);
}

void IntakeQueue::erase_waiting(const std::shared_ptr<Request>& request) {
    for (auto* queue : {&fresh_, &begun_}) std::erase(*queue, request);
}

void IntakeQueue::fail_all_waiting(const Error& error, AnsweredList& done) {
    for (auto* queue : {&fresh_, &begun_}) {
        for (const auto& request : *queue) fail_waiting(*request, error, done);
        queue->clear();
    }
}

void IntakeQueue::resume_all(AnsweredList& done) {
    for (Answered& each : done) each.resume(std::move(each.reply));
}

}  // namespace ledgerline::intake
