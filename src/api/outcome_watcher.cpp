#include "api/outcome_watcher.h"

#include <algorithm>
#include <limits>
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

Result<OutcomeStore::Seqs> PgOutcomeStore::applied_seqs(const Seqs& at_least) {
    return session_.run([&](db::Connection& connection) -> Result<Seqs> {
        std::vector<int> asked;
        std::vector<std::int64_t> seqs;
        for (const auto& [lane, seq] : at_least) {
            asked.push_back(lane);
            seqs.push_back(seq);
        }
        LEDGERLINE_TRY(const auto lanes, connection.query(sql::ApiAppliedSeqs{asked, seqs}));
        Seqs applied;
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
    if (!waits_.empty()) update(to_read({}, SteadyTime::max()));
    answer_finished(SteadyTime::max());
}

boost::asio::awaitable<OutcomeWatcher::Settled> OutcomeWatcher::settle(std::vector<TransactionRecord> records,
                                                                       SteadyTime deadline) {
    co_return co_await suspend_for<Settled>(
        [&](Resume<Settled> resume) { watch(std::move(records), deadline, std::move(resume)); });
}

void OutcomeWatcher::watch(std::vector<TransactionRecord> records, SteadyTime deadline, Resume<Settled> settled) {
    const std::size_t open = count_open(records);
    if (open == 0) return settled({std::move(records), true});
    auto wait = std::make_unique<Wait>(Wait{
        .records = std::move(records), .opens = {}, .open = open, .deadline = deadline, .settled = std::move(settled)});
    const Added added = try_add(wait);
    if (added == Added::no) return wait->settled({std::move(wait->records), false});
    if (added == Added::must_wake) wakeup_.notify();
}

// A transaction that was only just accepted cannot be settled yet, so a newcomer waits for the next tick if that is
// soon: there must not be as many ticks as requests.
OutcomeWatcher::Added OutcomeWatcher::try_add(std::unique_ptr<Wait>& wait) {
    std::lock_guard lock(mutex_);
    if (stopped_ || watched_ + wait->records.size() > config_.transactions_max) return Added::no;
    watched_ += wait->records.size();
    new_waits_.push_back(std::move(wait));
    return sleeping_ > config_.poll_max ? Added::must_wake : Added::will_be_seen;
}

Result<milliseconds> OutcomeWatcher::tick() {
    const SteadyTime now = clock_.steady_now();
    if (take_new_waits()) busy_until_ = now + config_.busy_for;
    if (waits_.empty()) return sleep_for(kIdle);

    bool progressed = false;
    auto applied = store_.applied_seqs(lowest_opens());
    if (applied) {
        progressed = update(to_read(*applied, now));
        failing_ = false;
    } else if (!std::exchange(failing_, true)) {
        log::warn("cannot look for outcomes", {{"code", applied.error().code}, {"reason", applied.error().message}});
    }
    answer_finished(now);
    return sleep_for(next_delay(progressed, now));
}

// Returns whether there were any.
bool OutcomeWatcher::take_new_waits() {
    std::vector<std::unique_ptr<Wait>> added;
    {
        std::lock_guard lock(mutex_);
        added.swap(new_waits_);
    }
    for (auto& each : added) {
        Wait& wait = *each;
        wait.self = waits_.emplace(wait.deadline, std::move(each));
        wait.opens.resize(wait.records.size(), opens_.end());
        for (std::size_t nth = 0; nth < wait.records.size(); ++nth)
            if (!is_settled(wait.records[nth])) open(wait, nth);
    }
    return !added.empty();
}

void OutcomeWatcher::open(Wait& wait, std::size_t nth) {
    const TransactionRecord& record = wait.records[nth];
    wait.opens[nth] = opens_.emplace(std::pair(record.lane, record.seq), Open{&wait, nth});
}

// The first open place of each lane.
OutcomeStore::Seqs OutcomeWatcher::lowest_opens() const {
    OutcomeStore::Seqs lowest;
    for (auto open = opens_.begin(); open != opens_.end();
         open = opens_.lower_bound({open->first.first + 1, std::numeric_limits<std::int64_t>::min()}))
        lowest.emplace(open->first);
    return lowest;
}

// Those that the cursors have passed, and those of waits that must be answered now.
std::vector<OutcomeWatcher::Opens::iterator> OutcomeWatcher::to_read(const std::map<int, std::int64_t>& applied,
                                                                     SteadyTime now) {
    std::vector<Opens::iterator> opens;
    for (const auto& [lane, seq] : applied) {
        const auto end = opens_.upper_bound({lane, seq});
        for (auto open = opens_.lower_bound({lane, 0}); open != end; ++open) opens.push_back(open);
    }
    const auto is_passed = [&](Opens::iterator open) {
        const auto cursor = applied.find(open->first.first);
        return cursor != applied.end() && open->first.second <= cursor->second;
    };
    for (auto wait = waits_.begin(); wait != waits_.end() && wait->first <= now; ++wait)
        for (const auto open : wait->second->opens)
            if (open != opens_.end() && !is_passed(open)) opens.push_back(open);
    return opens;
}

// Reads them and hands what was found to their waits. Returns whether anything was settled.
bool OutcomeWatcher::update(std::span<const Opens::iterator> opens) {
    bool progressed = false;
    while (!opens.empty()) {
        const auto now = opens.first(std::min(opens.size(), config_.read_max));
        opens = opens.subspan(now.size());
        std::vector<Uuid> ids;
        for (const auto open : now) ids.push_back(open->second.wait->records[open->second.nth].id);
        const auto found = store_.read(ids);
        if (!found) break;
        std::unordered_map<Uuid, const TransactionRecord*> by_id;
        for (const TransactionRecord& record : *found) by_id.emplace(record.id, &record);
        for (std::size_t i = 0; i < now.size(); ++i)
            if (const auto record = by_id.find(ids[i]); record != by_id.end())
                progressed |= hand_out(now[i], *record->second);
    }
    return progressed;
}

// Returns whether it is settled. One that is replayed meanwhile has moved to another place.
bool OutcomeWatcher::hand_out(Opens::iterator open, const TransactionRecord& found) {
    const auto [wait, nth] = open->second;
    wait->records[nth] = found;
    opens_.erase(open);
    wait->opens[nth] = opens_.end();
    if (!is_settled(found)) {
        this->open(*wait, nth);
        return false;
    }
    if (--wait->open == 0) finished_.push_back(wait);
    return true;
}

void OutcomeWatcher::answer_finished(SteadyTime now) {
    for (Wait* wait : std::exchange(finished_, {})) answer(*wait);
    while (!waits_.empty() && waits_.begin()->first <= now) answer(*waits_.begin()->second);
}

void OutcomeWatcher::answer(Wait& wait) {
    for (const auto open : wait.opens)
        if (open != opens_.end()) opens_.erase(open);
    const std::unique_ptr<Wait> done = std::move(wait.self->second);
    waits_.erase(wait.self);
    {
        std::lock_guard lock(mutex_);
        watched_ -= done->records.size();
    }
    done->settled({std::move(done->records), true});
}

milliseconds OutcomeWatcher::next_delay(bool progressed, SteadyTime now) {
    if (waits_.empty()) return kIdle;
    if (progressed || delay_ > config_.poll_max)
        delay_ = config_.poll_min;
    else
        delay_ = std::min(delay_ * 2, config_.poll_max);
    if (now >= busy_until_ && !progressed) delay_ = config_.idle_max;
    milliseconds delay = delay_;
    delay = std::min(delay, std::chrono::ceil<milliseconds>(waits_.begin()->first - now));
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
