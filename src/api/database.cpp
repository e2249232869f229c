#include "api/database.h"

#include "intake/intake_queue.h"
#include "observe/exceptions.h"

namespace ledgerline::api {
namespace {

const prometheus::Histogram::BucketBoundaries kWaitSeconds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                           0.05,   0.1,   0.25,   0.5,   1,    5};

Error not_run(std::string_view code, std::string message) {
    return {Disposition::retry, std::string(code), std::move(message)};
}

}  // namespace

// One thread with its session.
class Database::Member {
public:
    explicit Member(Database& database)
        : session_(database.config_.connection, database.metrics_, database.config_.pool, database.tracer_),
          loop_(
              "api-database", unused_,
              [this, &database]() -> Result<milliseconds> {
                  if (auto job = database.next_job()) database.serve(session_, *std::move(job));
                  return milliseconds(0);
              },
              [](const Error&) {}, exception_noter(database.metrics_, "database")) {
        loop_.start();
    }

    void begin_stop() { loop_.begin_stop(); }

private:
    db::Session session_;
    Wakeup unused_;  // the loop waits for jobs
    LoopThread loop_;
};

Database::Database(DatabaseConfig config, const ProcessContext& context)
    : config_(std::move(config)),
      clock_(context.clock),
      metrics_(context.metrics),
      tracer_(context.tracer),
      wait_seconds_(context.metrics.database_pool_wait_seconds.Add({{"pool", config_.pool}}, kWaitSeconds)),
      backoff_(config_.backoff, context.random) {}

Database::~Database() { stop(); }

void Database::start() {
    LEDGERLINE_ASSERT(members_.empty() && !stopping_);
    for (unsigned i = 0; i < config_.threads; ++i) members_.push_back(std::make_unique<Member>(*this));
}

void Database::stop() {
    for (const auto& member : members_) member->begin_stop();
    std::deque<Job> left;
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
        left.swap(queue_);
    }
    changed_.notify_all();
    for (Job& job : left)
        job.run([](const Work&) -> Result<void> {
            return std::unexpected(not_run(intake::shutting_down, "this server is shutting down"));
        });
    members_.clear();
}

void Database::submit(const TraceContext& trace, RunJob run) {
    const auto refusal = try_queue(trace, run);
    if (!refusal) return changed_.notify_one();
    run([&](const Work&) -> Result<void> { return std::unexpected(*refusal); });
}

std::optional<Error> Database::try_queue(const TraceContext& trace, RunJob& run) {
    std::lock_guard lock(mutex_);
    if (stopping_) return not_run(intake::shutting_down, "this server is shutting down");
    if (queue_.size() >= config_.queue_max)
        return not_run(intake::overloaded, "too many requests wait for the database");
    queue_.push_back({std::move(run), trace, clock_.steady_now()});
    return std::nullopt;
}

std::optional<Database::Job> Database::next_job() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !queue_.empty() || stopping_; });
    if (stopping_) return std::nullopt;
    Job job = std::move(queue_.front());
    queue_.pop_front();
    return job;
}

// What it throws comes from handing over the result: the request ends without an answer.
void Database::serve(db::Session& session, Job job) {
    const TraceScope scope(job.trace);
    job.run([&](const Work& work) { return run_guarded(session, job.queued_at, work); });
}

Result<void> Database::run_guarded(db::Session& session, SteadyTime queued_at, const Work& work) {
    try {
        return run_on(session, queued_at, work);
    } catch (const std::exception& exception) {
        note_exception(metrics_, "database", exception.what());
        return std::unexpected(not_run(db::outcome_unknown, exception.what()));
    }
}

Result<void> Database::run_on(db::Session& session, SteadyTime queued_at, const Work& work) {
    const SteadyTime now = clock_.steady_now();
    wait_seconds_.Observe(std::chrono::duration<double>(now - queued_at).count());
    if (now - queued_at > config_.queue_wait_max)
        return std::unexpected(not_run(intake::overloaded, "waited too long for the database"));
    if (auto reason = outage(now)) return std::unexpected(std::move(*reason));

    auto ran = session.run(work);
    // The session may have been lost or useless long before this call: that is not an outage yet.
    const bool fate_unknown = !ran && ran.error().code == db::outcome_unknown;
    if (!ran && (fate_unknown || db::is_session_useless(ran.error().code))) ran = session.run(work);
    if (!ran && db::is_session_lost(ran.error().code))
        note_outage(ran.error());
    else
        note_success();
    // Whatever the second run returned, the first one may have been committed.
    if (!ran && fate_unknown) ran.error() = not_run(db::outcome_unknown, std::move(ran.error().message));
    return ran;
}

std::optional<Error> Database::outage(SteadyTime now) {
    std::lock_guard lock(mutex_);
    return now < away_until_ ? away_because_ : std::nullopt;
}

void Database::note_outage(const Error& error) {
    std::lock_guard lock(mutex_);
    away_because_ = error;
    away_until_ = clock_.steady_now() + backoff_.next();
}

void Database::note_success() {
    std::lock_guard lock(mutex_);
    if (!away_because_) return;
    away_because_.reset();
    away_until_ = {};
    backoff_.reset();
}

}  // namespace ledgerline::api
