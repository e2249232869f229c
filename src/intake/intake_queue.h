// IntakeQueue: the rows that wait to be accepted, and the answers that requests wait for.
//
// A request is a list of rows that is answered as a whole, once: when each row has its answer, or at its deadline. Its
// rows are handed out in order. Requests take turns: one whose rows do not fit into a turn goes to the end of the
// queue, so that a large one does not hold up small ones. Requests that have had no turn yet go first, in order of
// arrival; those that have had one keep half of each batch.
//
// Thread-safe. Answers are given outside the lock.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/resume.h"
#include "intake/intake_store.h"

namespace ledgerline::intake {

// Codes of rows that were not accepted. Nothing was stored, except perhaps with outcome_unknown.
inline constexpr std::string_view overloaded = "overloaded";
inline constexpr std::string_view database_unavailable = "database_unavailable";
inline constexpr std::string_view shutting_down = "shutting_down";

using IntakeAnswers = std::vector<Result<IntakeResult>>;

// What a request gets back: its rows, and one answer per row. A row that was still being committed at the deadline
// comes back empty.
struct IntakeReply {
    std::vector<IntakeItem> items;
    IntakeAnswers answers;
};

// The same answer for many rows.
IntakeAnswers answer_all(std::size_t rows, const Error& error);
// The error of the first row that was not accepted for a transient reason; null when there is none.
const Error* first_error(std::span<const Result<IntakeResult>> answers);
// For rows that were not tried because of `error`: nothing of them was stored, even if the fate of the failed row is
// unknown.
Error not_stored(const Error& error);

class IntakeQueue {
    struct Request;

public:
    // Rows and bytes that wait or are taken together.
    struct Size {
        std::size_t rows = 0;
        std::size_t bytes = 0;
    };

    // Rows that were taken together. They belong to one or several requests.
    struct Batch {
        std::vector<IntakeItem> items;
        SteadyTime deadline;        // the latest of its requests: afterwards nobody waits for an answer
        SteadyTime first_deadline;  // the earliest of its requests

    private:
        friend class IntakeQueue;
        struct Slice {
            std::shared_ptr<Request> request;
            std::size_t begin;
            std::size_t count;
        };
        std::vector<Slice> slices;
    };

    // max: the limit of what waits. turn: what one request gets before the next one's turn.
    IntakeQueue(Size max, Size turn) : max_(max), turn_(turn) {}

    // Deadlines are expected to ascend: one that is earlier than its predecessor's is met only when that one is. At the
    // deadline, rows of the request that still wait are answered with overloaded, those already taken with
    // outcome_unknown.
    void push(std::vector<IntakeItem> items, SteadyTime deadline, Resume<IntakeReply> answered);

    // Waits for rows and takes at most max of them, but at least one, and each with all that follow it. Returns empty
    // at once while refuse() is in force.
    std::optional<Batch> take(Size max);
    // One answer per item of the batch. When a row was not accepted for a transient reason, the rows of its request
    // that still wait are not accepted either: they would overtake it when it is sent again.
    void answer(Batch batch, IntakeAnswers answers);

    // Answers everything that waits, and everything pushed from now on until accept_again(), with error.
    void refuse(const Error& error);
    void accept_again();
    // refuse(), permanently.
    void close(const Error& error);

    // Answers the requests whose deadline has passed. Returns the earliest deadline left, if any.
    std::optional<SteadyTime> expire(SteadyTime now);

    Size size() const;

private:
    struct Answered {
        Resume<IntakeReply> resume;
        IntakeReply reply;
    };
    using AnsweredList = std::vector<Answered>;

    // Returns the reason when the rows are refused. Otherwise both arguments have been moved from.
    std::optional<Error> try_push(std::vector<IntakeItem>& items, SteadyTime deadline, Resume<IntakeReply>& answered);

    // The caller holds mutex_.
    bool take_turn(const std::shared_ptr<Request>& request, Size max, Batch& batch, Size& taken);
    void fill(Request& request, std::size_t row, Result<IntakeResult> answer, AnsweredList& done);
    void fail_waiting(Request& request, const Error& error, AnsweredList& done);
    void fail_rest(const std::shared_ptr<Request>& request, const Error& error, AnsweredList& done);
    void fail_all_waiting(const Error& error, AnsweredList& done);
    bool has_waiting() const { return !fresh_.empty() || !begun_.empty(); }
    void erase_waiting(const std::shared_ptr<Request>& request);
    static void resume_all(AnsweredList& done);

    const Size max_;
    const Size turn_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::shared_ptr<Request>> fresh_;      // with rows to take, and no turn so far
    std::deque<std::shared_ptr<Request>> begun_;      // with rows to take after an earlier turn
    std::deque<std::shared_ptr<Request>> deadlines_;  // all requests that may be unanswered, by deadline
    Size waiting_size_;
    std::optional<Error> refusal_;
    bool closed_ = false;
};

}  // namespace ledgerline::intake
