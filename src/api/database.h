// Database: lets coroutines use PostgreSQL. A few threads with one session each run the work that coroutines submit.
//
// All work may be run a second time, on another session, when its own is lost or useless, so it must be safe to repeat
// even if its first run has committed. Reads are; each write names what it expects or creates. Writes commit with
// Connection::commit_pipeline(), which reports when the fate of a commit is unknown, and a write that finds the result
// of an earlier run makes it durable before it answers (db_session_durable_mark).
//
// Exceptions from the work, out of memory included, become errors and end neither the thread nor the process.
//
// Errors in addition to those of the work itself (all Disposition::retry):
//   outcome_unknown  a run may have committed and no later one could tell; or it threw
//   overloaded       the queue is full, or the work waited too long in it: it was not run
//   shutting_down    stop() was called: it was not run
#pragma once

#include <boost/asio/awaitable.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/result.h"
#include "base/resume.h"
#include "db/session.h"
#include "observe/process_context.h"

namespace ledgerline::api {

struct DatabaseConfig {
    db::ConnectionConfig connection;
    std::string pool = "api";  // label of its metrics
    unsigned threads = 4;
    std::size_t queue_max = 2'000;
    milliseconds queue_wait_max{5'000};
    Backoff::Limits backoff{milliseconds(50), milliseconds(1'000)};
};

class Database {
public:
    // Arguments passed by reference must outlive it.
    Database(DatabaseConfig config, const ProcessContext& context);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    // Call once, before run().
    void start();
    // Lets running work end, and answers what waits. Idempotent.
    void stop();

    // Runs work(db::Connection&), which returns a Result, on one of the threads, with `trace` as the parent of its
    // spans. Thread-safe.
    template <class Work>
    auto run(const TraceContext& trace, Work work)
        -> boost::asio::awaitable<std::invoke_result_t<Work&, db::Connection&>> {
        using R = std::invoke_result_t<Work&, db::Connection&>;
        co_return co_await suspend_for<R>([&](Resume<R> resume) {
            submit(trace, [work = std::move(work), resume = std::move(resume)](const Runner& run) mutable {
                std::optional<R> result;
                auto ran = run([&](db::Connection& connection) -> Result<void> {
                    result = work(connection);
                    if (!*result) return std::unexpected(result->error());
                    return {};
                });
                resume(ran ? std::move(*result) : R(std::unexpected(std::move(ran).error())));
            });
        });
    }

private:
    using Work = std::function<Result<void>(db::Connection&)>;
    // Runs the work on a session, or returns why that was not possible.
    using Runner = std::function<Result<void>(const Work&)>;
    using RunJob = std::move_only_function<void(const Runner&)>;
    struct Job {
        RunJob run;
        TraceContext trace;
        SteadyTime queued_at;
    };

    void submit(const TraceContext& trace, RunJob run);
    // Returns the reason when the job is refused. Otherwise the job has been moved from.
    std::optional<Error> try_queue(const TraceContext& trace, RunJob& run);
    std::optional<Job> next_job();
    void serve(db::Session& session, Job job);
    Result<void> run_guarded(db::Session& session, SteadyTime queued_at, const Work& work);
    Result<void> run_on(db::Session& session, SteadyTime queued_at, const Work& work);
    std::optional<Error> outage(SteadyTime now);
    void note_outage(const Error& error);
    void note_success();

    const DatabaseConfig config_;
    const Clock& clock_;
    Metrics& metrics_;
    Tracer& tracer_;
    prometheus::Histogram& wait_seconds_;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Job> queue_;
    bool stopping_ = false;
    // While the database is away, work is answered at once with the reason, and a connect is tried only from time to
    // time.
    Backoff backoff_;
    SteadyTime away_until_{};
    std::optional<Error> away_because_;
    class Member;
    std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace ledgerline::api
