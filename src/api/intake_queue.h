// IntakeQueue: the rows that wait to be accepted, and the answers that their requests wait for.
//
// A request is a list of rows that is answered as a whole, once: when each row has its answer, or at its deadline. The
// rows of one request are handed out in their order. Requests take turns: one whose rows do not fit into a turn goes to
// the end of the queue with the others, so that a large one holds no small one up. Requests that have had no turn yet
// go first, in the order in which they came; those that have had one keep half of each batch.
//
// Thread-safe; answers are given outside its lock.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
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

// What a request gets back: its rows, and one answer a row. A row that was still under way at the deadline comes back
// empty.
struct IntakeReply {
    std::vector<IntakeItem> items;
    IntakeAnswers answers;
};

// The same answer for many rows.
IntakeAnswers answer_all(std::size_t rows, const Error& error);
// The first row that was not accepted for a passing reason: its error; null when there is none.
const Error* first_error(std::span<const Result<IntakeResult>> answers);
// For rows that were not tried because of it: nothing of them was stored, whatever is known of the row itself.
Error not_stored(const Error& error);

class IntakeQueue {
    struct Request;

public:
    // rows and bytes that wait or are taken together.
    struct Size {
        std::size_t rows = 0;
        std::size_t bytes = 0;
    };

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

    // max: of what waits. turn: what one request gets before the next one's turn.
    IntakeQueue(Size max, Size turn) : max_(max), turn_(turn) {}

    // Deadlines are expected to ascend: one that is earlier than its predecessor's is kept when that one is. At its
    // deadline a request's waiting rows are answered with
    // overloaded, those that were taken with outcome_unknown.
    void push(std::vector<IntakeItem> items, SteadyTime deadline, Resume<IntakeReply> answered);

    // Waits for rows and takes at most max of them, but at least one. Nothing, at once, while refuse() holds.
    std::optional<Batch> take(Size max);
    // One answer an item of the batch. Of a request with a row that was not accepted for a passing reason, the rows
    // that still wait are not accepted either: they would overtake it when it is sent again.
    void answer(Batch batch, IntakeAnswers answers);

    // Answers everything that waits with error, and everything that is pushed from now on, until accept_again().
    void refuse(const Error& error);
    void accept_again();
    // refuse() for good.
    void close(const Error& error);

    // Answers the requests whose deadline has passed. Returns the first deadline that is left, if there is any.
    std::optional<SteadyTime> expire(SteadyTime now);

    // What waits.
    Size size() const;

private:
    struct Answered {
        Resume<IntakeReply> resume;
        IntakeReply reply;
    };
    using AnsweredList = std::vector<Answered>;

    // The reason when the rows are refused. Otherwise it has taken both.
    std::optional<Error> try_push(std::vector<IntakeItem>& items, SteadyTime deadline, Resume<IntakeReply>& answered);

    // These need mutex_.
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
    std::deque<std::shared_ptr<Request>> fresh_;      // with rows to be taken, and no turn yet
    std::deque<std::shared_ptr<Request>> begun_;      // with rows to be taken after a turn
    std::deque<std::shared_ptr<Request>> deadlines_;  // all that may be unanswered, by deadline
    Size waiting_size_;
    std::optional<Error> refusal_;
    bool closed_ = false;
};

}  // namespace ledgerline
