// IntakeQueue: the rows that wait to be accepted, and the answers that requests wait for.
//
// A request is a list of rows that is answered as a whole, once: when each row has its answer, or at its deadline. Its
// rows are handed out in order. Each tenant's requests wait in a line of their own, and the lines share each batch
// evenly (deficit round robin, by rows and bytes), so that a tenant which sends much holds up nobody else. When the
// queue is full, who holds less than another tenant takes the place of that one's newest rows.
//
// Within a line, requests take turns: one whose rows do not fit into a turn goes to the end of the line, so that a
// large one does not hold up small ones. Requests that have had no turn yet go first, in order of arrival; those that
// have had one keep half of the line's part of each batch.
//
// Thread-safe. Answers are given outside the lock.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/resume.h"
#include "intake/intake_store.h"
#include "intake/short_batches.h"

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
    // What waits now, and of how many tenants.
    struct Waiting {
        Size size;
        std::size_t tenants = 0;
    };

    // Rows that were taken together. They belong to one or several requests.
    struct Batch {
        std::vector<IntakeItem> items;
        SteadyTime deadline;                    // the latest of its requests: afterwards nobody waits for an answer
        SteadyTime first_deadline;              // the earliest of its requests
        std::vector<ShortBatches::Part> parts;  // one of each tenant

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

    // The items are of one tenant. Deadlines are expected to ascend: one that is earlier than its predecessor's is met
    // only when that one is. At the deadline, rows of the request that still wait are answered with overloaded, those
    // already taken with outcome_unknown. Returns how many rows of other tenants had to give way: they are answered
    // with overloaded.
    std::size_t push(std::vector<IntakeItem> items, SteadyTime deadline, Resume<IntakeReply> answered);

    // Waits until a tenant that is meant has rows here, or the time is over. Returns at once while refuse() is in
    // force.
    void wait_for(const std::function<bool(int tenant)>& is_meant, SteadyTime::duration at_most);

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

    Waiting waiting() const;

private:
    struct Line;
    struct Request {
        Line* line = nullptr;
        std::vector<IntakeItem> items;
        std::vector<std::optional<Result<IntakeResult>>> answers;
        std::size_t taken = 0;  // handed out, or failed before that
        std::size_t unanswered = 0;
        SteadyTime deadline;
        Resume<IntakeReply> answered;
    };
    // The requests of one tenant that wait. Kept once it was made: there are no more of them than tenants.
    struct Line {
        int tenant = 0;
        std::deque<std::shared_ptr<Request>> fresh;  // with rows to take, and no turn so far
        std::deque<std::shared_ptr<Request>> begun;  // with rows to take after an earlier turn
        Size size;
        std::int64_t credit = 0;  // the bytes that it may take while others wait as well; below 0 once it took more
        // In the batch being made:
        std::size_t waited = 0;  // rows, before it
        Size taken_fresh;
        std::size_t earlier = 0;  // of begun: had an earlier turn in a batch, none in this one

        bool empty() const { return fresh.empty() && begun.empty(); }
    };
    // A batch while it is made.
    struct Making {
        Batch& batch;
        const Size max;
        const Size part;   // of one line
        const bool alone;  // there is one line
        Size taken = {};
        bool has_room = true;  // for the row that is next
    };
    struct Answered {
        Resume<IntakeReply> resume;
        IntakeReply reply;
    };
    using AnsweredList = std::vector<Answered>;

    // What a push did to others.
    struct Pushed {
        std::size_t gave_way_rows = 0;
        AnsweredList done = {};
    };

    // Returns the reason when the rows are refused. Otherwise items and answered have been moved from.
    std::optional<Error> try_push(std::vector<IntakeItem>& items, SteadyTime deadline, Resume<IntakeReply>& answered,
                                  Pushed& pushed);

    // The caller holds mutex_.
    bool fits(Size size) const;
    std::optional<Error> make_room(const Line& line, Size size, Pushed& pushed);
    void give_way(std::size_t Size::* what, Pushed& pushed);
    void take_from(Line& line, Making& making);
    void take_turn(Line& line, bool begun_turn, Making& making);
    bool may_take(const Line& line, std::size_t bytes, Size turn, Making& making) const;
    void take_rows(Request& request, Making& making);
    void fill(Request& request, std::size_t row, Result<IntakeResult> answer, AnsweredList& done);
    void fail_waiting(Request& request, const Error& error, AnsweredList& done);
    void fail_rest(const std::shared_ptr<Request>& request, const Error& error, AnsweredList& done);
    void fail_all_waiting(const Error& error, AnsweredList& done);
    void erase_waiting(const std::shared_ptr<Request>& request);
    void add(Line& line, Size size);
    void subtract(Line& line, Size size);
    static void resume_all(AnsweredList& done);

    const Size max_;
    const Size turn_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::map<int, Line> lines_;                       // by tenant
    std::deque<Line*> round_;                         // those with rows to take, the one whose turn is next first
    std::deque<std::shared_ptr<Request>> deadlines_;  // all requests that may be unanswered, by deadline
    Size waiting_size_;
    std::optional<Error> refusal_;
    bool closed_ = false;
};

}  // namespace ledgerline::intake
