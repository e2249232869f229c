#include "api/outcome_watcher.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "observe/exceptions.h"
#include "observe/log.h"
#include "sql/queries.h"

namespace ledgerline::api {
namespace {

// How long the watcher sleeps when no request waits: the first one wakes it.
constexpr milliseconds kIdle{60'000};

std::size_t count_open(const std::vector<TransactionRecord>& records) {
    return static_cast<std::size_t>(
        std::ranges::count_if(records, [](const TransactionRecord& record) { return !is_settled(record); }));
}

}  // namespace

PgOutcomeStore::PgOutcomeStore(db::ConnectionConfig config, Metrics& metrics)
    : session_(std::move(config), metrics, "watcher") {}

Result<std::map<int, std::int64_t>> PgOutcomeStore::applied_seqs() {
    return session_.run([](db::Connection& connection) -> Result<std::map<int, std::int64_t>> {
        LEDGERLINE_TRY(const auto lanes, connection.query(sql::ApiAppliedSeqs{}));
        std::map<int, std::int64_t> applied;
        for (const auto& lane : lanes) applied[lane.lane] = lane.applied_seq;
        return applied;
    });
}

Result<std::vector<TransactionRecord>> PgOutcomeStore::read(std::span<const Uuid> ids) {
    return session_.run([&](db::Connection& connection) {
        return connection.query(sql::ApiTransactionStatesById{.ids = ids, .tenant = {}});
    });
}

OutcomeWatcher::OutcomeWatcher(OutcomeStore& store, WatcherConfig config, const Clock& clock, Metrics& metrics)
    : store_(store),
      config_(config),
      clock_(clock),
      delay_(config.poll_min),
      loop_(
          "outcome-watcher", wakeup_, [this] { return tick(); }, [](const Error&) {},
          exception_noter(metrics, "outcome-watcher")) {}

void OutcomeWatcher::start() { loop_.start(); }

void OutcomeWatcher::stop() {
    {
        std::lock_guard lock(mutex_);
        stopped_ = true;
    }
    loop_.stop();
    take_new_waits();
    if (!waits_.empty()) update(ids_to_read({}, SteadyTime::max()));
    answer_finished(SteadyTime::max());
}

boost::asio::awaitable<OutcomeWatcher::Settled> OutcomeWatcher::settle(std::vector<TransactionRecord> records,
                                                                       SteadyTime deadline) {
    co_return co_await suspend_for<Settled>(
        [&](Resume<Settled> resume) { watch(std::move(records), deadline, std::move(resume)); });
}

void OutcomeWatcher::watch(std::vector<TransactionRecord> records, SteadyTime deadline, Resume<Settled> settled) {
    const std::size_t open = count_open(records);
    Wait wait{std::move(records), open, deadline, std::move(settled)};
    if (open == 0) return wait.settled({std::move(wait.records), true});
    const Added added = try_add(wait);
    if (added == Added::no) return wait.settled({std::move(wait.records), false});
    if (added == Added::must_wake) wakeup_.notify();
}

// A transaction that was only just accepted cannot be settled yet, so a newcomer waits for the next tick if that is
// soon: there must not be as many ticks as requests.
OutcomeWatcher::Added OutcomeWatcher::try_add(Wait& wait) {
    std::lock_guard lock(mutex_);
    if (stopped_ || watched_ + wait.records.size() > config_.transactions_max) return Added::no;
    watched_ += wait.records.size();
    new_waits_.push_back(std::move(wait));
    return sleeping_ > config_.poll_max ? Added::must_wake : Added::will_be_seen;
}

Result<milliseconds> OutcomeWatcher::tick() {
    const SteadyTime now = clock_.steady_now();
    if (take_new_waits()) busy_until_ = now + config_.busy_for;
    if (waits_.empty()) return sleep_for(kIdle);

    bool progressed = false;
    auto applied = store_.applied_seqs();
    if (applied) {
        progressed = update(ids_to_read(*applied, now));
        failing_ = false;
    } else if (!std::exchange(failing_, true)) {
        log::warn("cannot look for outcomes", {{"code", applied.error().code}, {"reason", applied.error().message}});
    }
    answer_finished(now);
    return sleep_for(next_delay(progressed, now));
}

// Returns whether there were any.
bool OutcomeWatcher::take_new_waits() {
    std::lock_guard lock(mutex_);
    if (new_waits_.empty()) return false;
    std::ranges::move(new_waits_, std::back_inserter(waits_));
    new_waits_.clear();
    return true;
}

// Those that the cursors have passed, and those of waits that must be answered now.
std::vector<Uuid> OutcomeWatcher::ids_to_read(const std::map<int, std::int64_t>& applied, SteadyTime now) const {
    std::vector<Uuid> ids;
    for (const Wait& wait : waits_) {
        for (const TransactionRecord& record : wait.records) {
            if (is_settled(record)) continue;
            const auto cursor = applied.find(record.lane);
            const bool passed = cursor != applied.end() && record.seq <= cursor->second;
            if (passed || wait.deadline <= now) ids.push_back(record.id);
        }
    }
    return ids;
}

// Reads ids and hands what was found to the waits. Returns whether anything was settled.
bool OutcomeWatcher::update(std::span<const Uuid> ids) {
    bool progressed = false;
    while (!ids.empty()) {
        const auto now = ids.first(std::min(ids.size(), config_.read_max));
        ids = ids.subspan(now.size());
        const auto found = store_.read(now);
        if (!found) break;
        progressed |= hand_out(*found);
    }
    return progressed;
}

bool OutcomeWatcher::hand_out(const std::vector<TransactionRecord>& found) {
    std::unordered_map<Uuid, const TransactionRecord*> by_id;
    for (const TransactionRecord& record : found) by_id.emplace(record.id, &record);

    bool progressed = false;
    for (Wait& wait : waits_) {
        for (TransactionRecord& record : wait.records) {
            const auto now = by_id.find(record.id);
            if (is_settled(record) || now == by_id.end()) continue;
            record = *now->second;
            if (!is_settled(record)) continue;
            --wait.open;
            progressed = true;
        }
    }
    return progressed;
}

void OutcomeWatcher::answer_finished(SteadyTime now) {
    std::vector<Wait> finished;
    const auto is_over = [now](const Wait& wait) { return wait.open == 0 || wait.deadline <= now; };
    const auto over = std::partition(waits_.begin(), waits_.end(), std::not_fn(is_over));
    std::move(over, waits_.end(), std::back_inserter(finished));
    waits_.erase(over, waits_.end());
    for (Wait& wait : finished) {
        {
            std::lock_guard lock(mutex_);
            watched_ -= wait.records.size();
        }
        wait.settled({std::move(wait.records), true});
    }
}

milliseconds OutcomeWatcher::next_delay(bool progressed, SteadyTime now) {
    if (waits_.empty()) return kIdle;
    if (progressed || delay_ > config_.poll_max)
        delay_ = config_.poll_min;
    else
        delay_ = std::min(delay_ * 2, config_.poll_max);
    if (now >= busy_until_ && !progressed) delay_ = config_.idle_max;
    milliseconds delay = delay_;
    for (const Wait& wait : waits_) delay = std::min(delay, std::chrono::ceil<milliseconds>(wait.deadline - now));
    return std::max(delay, milliseconds(1));
}

// Records how long the thread will sleep, for requests that arrive meanwhile. Those that arrived since the last tick
// are handled soon.
milliseconds OutcomeWatcher::sleep_for(milliseconds delay) {
    std::lock_guard lock(mutex_);
    sleeping_ = new_waits_.empty() ? delay : config_.poll_min;
    return sleeping_;
}

}  // namespace ledgerline::api
