#include "intake/intake_queue.h"

#include <algorithm>
#include <span>
#include <utility>

namespace ledgerline::intake {

namespace {

IntakeQueue::Size size_of(std::span<const IntakeItem> items) {
    IntakeQueue::Size size{items.size(), 0};
    for (const IntakeItem& item : items) size.bytes += item.bytes();
    return size;
}

Error full(bool others_wait) {
    return {Disposition::retry, std::string(overloaded),
            others_wait ? "too many transactions of this tenant wait to be accepted"
                        : "too many transactions wait to be accepted"};
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

std::size_t IntakeQueue::push(std::vector<IntakeItem> items, SteadyTime deadline, Resume<IntakeReply> answered) {
    if (items.empty()) {
        answered({});
        return 0;
    }
    Pushed pushed;
    if (const auto refusal = try_push(items, deadline, answered, pushed)) {
        auto answers = answer_all(items.size(), *refusal);
        answered({std::move(items), std::move(answers)});
        return 0;
    }
    changed_.notify_one();
    resume_all(pushed.done);
    return pushed.gave_way_rows;
}

std::optional<Error> IntakeQueue::try_push(std::vector<IntakeItem>& items, SteadyTime deadline,
                                           Resume<IntakeReply>& answered, Pushed& pushed) {
    const Size size = size_of(items);
    auto request = std::make_shared<Request>();
    request->answers.resize(items.size());
    std::lock_guard lock(mutex_);
    if (refusal_) return refusal_;
    Line& line = lines_[items.front().tenant];
    if (auto refused = make_room(line, size, pushed)) return refused;
    line.tenant = items.front().tenant;
    if (line.empty()) round_.push_back(&line);
    line.fresh.push_back(request);
    deadlines_.push_back(request);
    add(line, size);
    request->line = &line;
    request->items = std::move(items);
    request->unanswered = request->items.size();
    request->deadline = deadline;
    request->answered = std::move(answered);
    return std::nullopt;
}

bool IntakeQueue::fits(Size size) const {
    return waiting_size_.rows + size.rows <= max_.rows && waiting_size_.bytes + size.bytes <= max_.bytes;
}

// Up to its even part of the queue, a line always has room: another one has more than that then.
std::optional<Error> IntakeQueue::make_room(const Line& line, Size size, Pushed& pushed) {
    if (fits(size)) return std::nullopt;
    const std::size_t lines = round_.size() + (line.empty() ? 1 : 0);
    const bool in_part =
        (line.size.rows + size.rows) * lines <= max_.rows && (line.size.bytes + size.bytes) * lines <= max_.bytes;
    if (!in_part) return full(lines > 1);
    while (!fits(size)) give_way(waiting_size_.rows + size.rows > max_.rows ? &Size::rows : &Size::bytes, pushed);
    return std::nullopt;
}

// The newest request of the line that has most.
void IntakeQueue::give_way(std::size_t Size::* what, Pushed& pushed) {
    const Line& longest = **std::ranges::max_element(round_, {}, [what](const Line* line) { return line->size.*what; });
    const auto request = longest.fresh.empty() ? longest.begun.back() : longest.fresh.back();
    pushed.gave_way_rows += request->items.size() - request->taken;
    fail_rest(request, full(true), pushed.done);
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

void IntakeQueue::wait_for(const std::function<bool(int tenant)>& is_meant, SteadyTime::duration at_most) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, at_most, [&] {
        return refusal_ || std::ranges::any_of(round_, [&](const Line* line) { return is_meant(line->tenant); });
    });
}

IntakeQueue::Waiting IntakeQueue::waiting() const {
    std::lock_guard lock(mutex_);
    return {waiting_size_, round_.size()};
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
    subtract(*request.line, size_of(std::span(request.items).subspan(first)));
    for (std::size_t row = first; row < end; ++row) fill(request, row, std::unexpected(error), done);
}

void IntakeQueue::fail_rest(const std::shared_ptr<Request>& request, const Error& error, AnsweredList& done) {
    erase_waiting(request);
    fail_waiting(*request, error, done);
}

void IntakeQueue::erase_waiting(const std::shared_ptr<Request>& request) {
    Line& line = *request->line;
    if (line.empty()) return;
    for (auto* requests : {&line.fresh, &line.begun}) std::erase(*requests, request);
    if (line.empty()) std::erase(round_, &line);
}

void IntakeQueue::fail_all_waiting(const Error& error, AnsweredList& done) {
    for (Line* line : round_) {
        for (auto* requests : {&line->fresh, &line->begun}) {
            for (const auto& request : *requests) fail_waiting(*request, error, done);
            requests->clear();
        }
    }
    round_.clear();
}

void IntakeQueue::add(Line& line, Size size) {
    for (Size* sum : {&line.size, &waiting_size_}) sum->rows += size.rows, sum->bytes += size.bytes;
}

void IntakeQueue::subtract(Line& line, Size size) {
    for (Size* sum : {&line.size, &waiting_size_}) sum->rows -= size.rows, sum->bytes -= size.bytes;
}

void IntakeQueue::resume_all(AnsweredList& done) {
    for (Answered& each : done) each.resume(std::move(each.reply));
}

}  // namespace ledgerline::intake
