// IntakeQueue: the rows that wait to be accepted, and the answers that their requests wait for.
//
// A request is a list of rows that is answered as a whole, once: when each row has its answer, or at its deadline. Rows
// are handed out in the order in which they came. Thread-safe; answers are given outside its lock.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "api/intake_store.h"
#include "api/resume.h"
#include "base/clock.h"

namespace ledgerline {

// Codes of rows that were not accepted. Nothing was stored, unless it is outcome_unknown.
inline constexpr std::string_view overloaded = "overloaded";
inline constexpr std::string_view database_unavailable = "database_unavailable";
inline constexpr std::string_view shutting_down = "shutting_down";

using IntakeAnswers = std::vector<Result<IntakeResult>>;

// The same answer for many rows.
IntakeAnswers answer_all(std::size_t rows, const Error& error);

class IntakeQueue {
    struct Request;

public:
    // Rows that were taken together. They belong to one or several requests.
    struct Batch {
        std::vector<IntakeItem> items;
        SteadyTime deadline;        // the latest of its requests: nobody waits for an answer after it
        SteadyTime first_deadline;  // the earliest of them

    private:
        friend class IntakeQueue;
        struct Slice {
            std::shared_ptr<Request> request;
            std::size_t begin;
            std::size_t count;
        };
        std::vector<Slice> slices;
    };

    explicit IntakeQueue(std::size_t rows_max) : rows_max_(rows_max) {}

    // Deadlines are expected to ascend: one that is earlier than its predecessor's is kept when that one is. At its
    // deadline a request's waiting rows are answered with
    // overloaded, those that were taken with outcome_unknown.
    void push(std::vector<IntakeItem> items, SteadyTime deadline, Resume<IntakeAnswers> answered);

    // Waits for rows and takes at most rows_max of them. Nothing, at once, while refuse() holds.
    std::optional<Batch> take(std::size_t rows_max);
    // One answer an item of the batch.
    void answer(const Batch& batch, IntakeAnswers answers);

    // Answers everything that waits with error, and everything that is pushed from now on, until accept_again().
    void refuse(const Error& error);
    void accept_again();
    // refuse() for good.
    void close(const Error& error);

    // Answers the requests whose deadline has passed. Returns the first deadline that is left, if there is any.
    std::optional<SteadyTime> expire(SteadyTime now);

    std::size_t rows() const;

private:
    struct Answered {
        Resume<IntakeAnswers> resume;
        IntakeAnswers answers;
    };
    using AnsweredList = std::vector<Answered>;

    // The reason when the rows are refused. Otherwise it has taken both.
    std::optional<Error> try_push(std::vector<IntakeItem>& items, SteadyTime deadline, Resume<IntakeAnswers>& answered);

    // These need mutex_.
    void fill(Request& request, std::size_t row, Result<IntakeResult> answer, AnsweredList& done);
    void fail_waiting(Request& request, const Error& error, AnsweredList& done);
    void fail_all_waiting(const Error& error, AnsweredList& done);
    static void resume_all(AnsweredList& done);

    const std::size_t rows_max_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::shared_ptr<Request>> waiting_;    // with rows to be taken
    std::deque<std::shared_ptr<Request>> deadlines_;  // all that may be unanswered, by deadline
    std::size_t rows_ = 0;
    std::optional<Error> refusal_;
    bool closed_ = false;
};

}  // namespace ledgerline
