#include "api/intake_queue.h"

#include <algorithm>
#include <utility>

namespace ledgerline {

struct IntakeQueue::Request {
    std::vector<IntakeItem> items;
    std::vector<std::optional<Result<IntakeResult>>> answers;
    std::size_t taken = 0;  // rows handed out, or failed before that
    std::size_t unanswered = 0;
    SteadyTime deadline;
    Resume<IntakeAnswers> answered;
};

IntakeAnswers answer_all(std::size_t rows, const Error& error) {
    return IntakeAnswers(rows, Result<IntakeResult>(std::unexpected(error)));
}

void IntakeQueue::push(std::vector<IntakeItem> items, SteadyTime deadline, Resume<IntakeAnswers> answered) {
    if (items.empty()) return answered({});
    if (const auto refusal = try_push(items, deadline, answered)) return answered(answer_all(items.size(), *refusal));
    changed_.notify_one();
}

std::optional<Error> IntakeQueue::try_push(std::vector<IntakeItem>& items, SteadyTime deadline,
                                           Resume<IntakeAnswers>& answered) {
    std::lock_guard lock(mutex_);
    if (refusal_) return refusal_;
    if (rows_ + items.size() > rows_max_)
        return Error{Disposition::retry, std::string(overloaded), "too many transactions wait to be accepted"};
    auto request = std::make_shared<Request>();
    request->items = std::move(items);
    request->answers.resize(request->items.size());
    request->unanswered = request->items.size();
    request->deadline = deadline;
    request->answered = std::move(answered);
    rows_ += request->items.size();
    waiting_.push_back(request);
    deadlines_.push_back(std::move(request));
    return std::nullopt;
}

std::optional<IntakeQueue::Batch> IntakeQueue::take(std::size_t rows_max) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !waiting_.empty() || refusal_; });
    if (waiting_.empty()) return std::nullopt;

    Batch batch;
    batch.first_deadline = waiting_.front()->deadline;
    while (!waiting_.empty() && batch.items.size() < rows_max) {
        const auto request = waiting_.front();
        const std::size_t count = std::min(rows_max - batch.items.size(), request->items.size() - request->taken);
        const auto first = request->items.begin() + static_cast<std::ptrdiff_t>(request->taken);
        batch.items.insert(batch.items.end(), std::make_move_iterator(first),
                           std::make_move_iterator(first + static_cast<std::ptrdiff_t>(count)));
        batch.slices.push_back({request, request->taken, count});
        batch.deadline = std::max(batch.deadline, request->deadline);
        request->taken += count;
        rows_ -= count;
        if (request->taken == request->items.size()) waiting_.pop_front();
    }
    return batch;
}

void IntakeQueue::answer(const Batch& batch, IntakeAnswers answers) {
    LEDGERLINE_ASSERT(answers.size() == batch.items.size());
    AnsweredList done;
    {
        std::lock_guard lock(mutex_);
        auto next = answers.begin();
        for (const auto& [request, begin, count] : batch.slices)
            for (std::size_t row = begin; row < begin + count; ++row) fill(*request, row, std::move(*next++), done);
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
            std::erase(waiting_, request);
            fail_waiting(*request, {Disposition::retry, std::string(overloaded), "not accepted in time"}, done);
            for (std::size_t row = 0; row < request->answers.size(); ++row)
                fill(*request, row, failure(Disposition::retry, std::string(outcome_unknown), "not answered in time"),
                     done);
        }
        if (!deadlines_.empty()) next = deadlines_.front()->deadline;
    }
    resume_all(done);
    return next;
}

std::size_t IntakeQueue::rows() const {
    std::lock_guard lock(mutex_);
    return rows_;
}

// The first answer of a row counts: a late one finds the row answered at its deadline.
void IntakeQueue::fill(Request& request, std::size_t row, Result<IntakeResult> answer, AnsweredList& done) {
    if (request.unanswered == 0 || request.answers[row]) return;
    request.answers[row] = std::move(answer);
    if (--request.unanswered > 0) return;
    Answered answered{std::move(request.answered), {}};
    answered.answers.reserve(request.answers.size());
    for (auto& each : request.answers) answered.answers.push_back(std::move(*each));
    done.push_back(std::move(answered));
}

void IntakeQueue::fail_waiting(Request& request, const Error& error, AnsweredList& done) {
    const std::size_t first = request.taken;
    rows_ -= request.items.size() - first;
    request.taken = request.items.size();
    for (std::size_t row = first; row < request.items.size(); ++row) fill(request, row, std::unexpected(error), done);
}

void IntakeQueue::fail_all_waiting(const Error& error, AnsweredList& done) {
    for (const auto& request : waiting_) fail_waiting(*request, error, done);
    waiting_.clear();
}

void IntakeQueue::resume_all(AnsweredList& done) {
    for (Answered& each : done) each.resume(std::move(each.answers));
}

}  // namespace ledgerline
