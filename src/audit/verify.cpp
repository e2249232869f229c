#include "audit/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "audit/chains.h"
#include "audit/lane_audit.h"
#include "audit/table_audit.h"
#include "base/money.h"
#include "base/wakeup.h"
#include "sql/queries.h"

namespace ledgerline::audit {
namespace {

// Events read by all threads.
class ReadEvents {
public:
    ReadEvents(const VerifySettings& settings, std::int64_t total) : settings_(settings), total_(total) {}

    void add(std::int64_t events) {
        const std::lock_guard lock(mutex_);
        done_ += events;
        if (settings_.on_progress) settings_.on_progress(done_, std::max(done_, total_));
    }

private:
    const VerifySettings& settings_;
    const std::int64_t total_;
    std::mutex mutex_;
    std::int64_t done_ = 0;
};

// What was found in a lane.
struct LaneFindings {
    VerifyReport report;
    Deviations deviations{};
};

class LaneVerifier {
public:
    LaneVerifier(db::Connection& connection, const VerifySettings& settings, ReadEvents& progress)
        : connection_(connection),
          settings_(settings),
          progress_(progress),
          found_{VerifyReport(settings.listed_max)} {}

    Result<LaneFindings> run(const sql::AuditLanes::Row& lane) {
        report_.examine(Check::cursors);
        report_.examine(Check::halts);
        if (!lane.last_seq || !lane.published_seq || !lane.applied_seq)
            report_.violate(Check::cursors, {lane.lane, 0, "", "a stage has no cursor in this lane"});
        else
            LEDGERLINE_CHECK(verify(lane.lane));
        return std::move(found_);
    }

private:
    Result<void> verify(int lane) {
        LEDGERLINE_TRY(const auto cursors, connection_.query(sql::AuditCursors{.lane = lane}));
        if (cursors.empty()) return {};  // the lane existed a moment ago: only manual changes can remove one
        const std::int64_t last = cursors.front().last_seq, applied = cursors.front().applied_seq;
        check_cursors(lane, last, cursors.front().published_seq, applied);
        LaneAudit audit(lane, last, applied, report_, found_.deviations);
        for (std::int64_t after = 0; after < last; after += settings_.stretch_seqs) {
            const std::int64_t up_to = std::min(last, after + settings_.stretch_seqs);
            LEDGERLINE_CHECK(read_window({lane, after, up_to}, audit));
            progress_.add(up_to - after);
        }
        audit.finish();
        return find_strays(lane, last);
    }

    void check_cursors(int lane, std::int64_t last, std::int64_t published, std::int64_t applied) {
        const auto ahead = [&](std::int64_t cursor, const char* name) {
            if (cursor > last)
                report_.violate(
                    Check::cursors,
                    {lane, cursor, "", fmt::format("{} is {}, but the last event is {}", name, cursor, last)});
        };
        ahead(published, "published_seq");
        ahead(applied, "applied_seq");
    }

    // Several statements tell about the places of a window: each is one snapshot, and a check compares only what
    // one of them read, or rows that never change.
    Result<void> read_window(const sql::AuditPlaces& window, LaneAudit& audit) {
        LEDGERLINE_TRY(const auto rows, connection_.query(window));
        const auto any = [&](auto has) { return std::ranges::any_of(rows, has); };
        std::unordered_map<std::int64_t, sql::AuditLetters::Row> letters;
        if (any([](const auto& row) { return row.letter_id || row.verdict; })) {
            LEDGERLINE_TRY(auto read,
                           connection_.query(sql::AuditLetters{window.lane, window.after_seq, window.last_seq}));
            for (auto& row : read) letters.try_emplace(row.seq, std::move(row));
        }
        std::unordered_map<std::int64_t, sql::AuditTransfers::Row> transfers;
        if (any([](const auto& row) { return row.further.value_or(false) || row.has_legs.value_or(false); })) {
            LEDGERLINE_TRY(auto read,
                           connection_.query(sql::AuditTransfers{window.lane, window.after_seq, window.last_seq,
                                                                 amount_cents_max, balance_cents_max}));
            for (auto& row : read) transfers.try_emplace(row.seq, std::move(row));
        }
        if (const auto linked =
                std::ranges::count_if(rows, [](const auto& row) { return row.linked.value_or(false); })) {
            report_.examine(Check::links, linked);
            LEDGERLINE_CHECK(check_links(window));
        }
        if (any([](const auto& row) { return row.held_delta_cents.value_or(0) != 0; }))
            LEDGERLINE_CHECK(find_missing_steps(window));
        LEDGERLINE_CHECK(read_accounts(window, rows, audit));
        for (const auto& row : rows) {
            auto place = place_of(row);
            if (!place) {
                audit.take_decision_without_place(row.seq, *decision_of(row));
                continue;
            }
            if (const auto letter = letters.find(row.seq); letter != letters.end()) add_letters(*place, letter->second);
            if (const auto whole = transfers.find(row.seq); whole != transfers.end()) place->whole = whole->second;
            audit.take(*place);
        }
        return {};
    }

    Result<void> read_accounts(const sql::AuditPlaces& window, const std::vector<sql::AuditPlaces::Row>& rows,
                               LaneAudit& audit) {
        std::vector<Uuid> ids;
        for (const auto& row : rows) {
            if (row.account_id) ids.push_back(*row.account_id);
            if (row.decided_account_id && row.decided_account_id != row.account_id)
                ids.push_back(*row.decided_account_id);
        }
        std::ranges::sort(ids);
        ids.erase(std::ranges::unique(ids).begin(), ids.end());
        LEDGERLINE_TRY(const auto read,
                       connection_.query(sql::AuditWindowAccounts{ids, window.lane, window.after_seq}));
        std::vector<AuditedAccount> accounts;
        accounts.reserve(read.size());
        for (const auto& row : read)
            accounts.push_back({.id = row.account_id,
                                .balance_cents = row.balance_cents,
                                .held_cents = row.held_cents,
                                .currency = row.currency,
                                .settings = {row.status, row.min_balance_cents, row.max_balance_cents}});
        if (std::ranges::any_of(read, &sql::AuditWindowAccounts::Row::changed))
            LEDGERLINE_CHECK(read_changes(ids, window.after_seq, accounts));
        audit.begin_window(accounts);
        return {};
    }

    Result<void> read_changes(const std::vector<Uuid>& ids, std::int64_t after_seq,
                              std::vector<AuditedAccount>& accounts) {
        LEDGERLINE_TRY(auto changes, connection_.query(sql::AuditWindowChanges{ids, after_seq}));
        std::unordered_map<Uuid, AuditedAccount*> by_id;
        for (AuditedAccount& account : accounts) by_id.emplace(account.id, &account);
        for (auto& change : changes)
            if (const auto account = by_id.find(change.account_id); account != by_id.end())
                account->second->changes.push_back(std::move(change));
        return {};
    }

    Result<void> check_links(const sql::AuditPlaces& window) {
        LEDGERLINE_TRY(const auto wrong,
                       connection_.query(sql::AuditWrongLinks{window.lane, window.after_seq, window.last_seq}));
        for (const auto& row : wrong)
            report_.violate(Check::links, {window.lane, row.seq, row.transaction_id.to_string(), row.detail});
        return {};
    }

    Result<void> find_missing_steps(const sql::AuditPlaces& window) {
        LEDGERLINE_TRY(const auto missing,
                       connection_.query(sql::AuditMissingSteps{window.lane, window.after_seq, window.last_seq}));
        for (const auto& row : missing)
            report_.violate(Check::holds, {window.lane, row.seq, row.transaction_id.to_string(),
                                           "what is held changes here without a step of a hold"});
        return {};
    }

    // Rows that belong to no event of the lane.
    Result<void> find_strays(int lane, std::int64_t last) {
        constexpr auto kNone = std::numeric_limits<std::int64_t>::min(),
                       kAll = std::numeric_limits<std::int64_t>::max();
        for (std::int64_t after = kNone; after != kAll;) {
            const std::int64_t begin = std::max<std::int64_t>(after, 0);
            const std::int64_t up_to = last - begin <= settings_.stretch_seqs ? kAll : begin + settings_.stretch_seqs;
            LEDGERLINE_TRY(const auto letters, connection_.query(sql::AuditLettersWithoutPlace{lane, after, up_to}));
            for (const auto& letter : letters)
                report_.violate(Check::dense, {lane, letter.seq, letter.letter_id.to_string(),
                                               "no event was dead-lettered with this dead letter"});
            after = up_to;
        }
        LEDGERLINE_TRY(const auto events, connection_.query(sql::AuditPlacesBelowOne{lane, strays_max}));
        for (const auto& event : events)
            report_.violate(Check::dense, {lane, event.seq, event.event_id.to_string(),
                                           "the event is outside of the lane's sequence"});
        return {};
    }

    db::Connection& connection_;
    const VerifySettings& settings_;
    ReadEvents& progress_;
    LaneFindings found_;
    VerifyReport& report_ = found_.report;
};

// Each lane by whichever connection is free, and what was found in the order of the lanes.
class LanesVerifier {
public:
    LanesVerifier(std::span<db::Connection> connections, const VerifySettings& settings,
                  const std::vector<sql::AuditLanes::Row>& lanes)
        : connections_(connections),
          settings_(settings),
          lanes_(lanes),
          found_(lanes.size()),
          progress_(settings, events_of(lanes)) {}

    Result<std::vector<std::optional<LaneFindings>>> run() {
        std::vector<std::future<Result<void>>> others;
        for (db::Connection& connection : connections_.subspan(1))
            others.push_back(std::async(std::launch::async, [this, &connection] { return work(connection); }));
        Result<void> outcome = work(connections_.front());
        for (auto& other : others)
            if (auto ended = other.get(); !ended) outcome = std::move(ended);
        LEDGERLINE_CHECK(std::move(outcome));
        return std::move(found_);
    }

private:
    static std::int64_t events_of(const std::vector<sql::AuditLanes::Row>& lanes) {
        std::int64_t events = 0;
        for (const auto& lane : lanes) events += lane.last_seq.value_or(0);
        return events;
    }

    Result<void> work(db::Connection& connection) {
        for (std::size_t i = next_++; i < lanes_.size(); i = next_++) {
            auto found = LaneVerifier(connection, settings_, progress_).run(lanes_[i]);
            if (!found) {
                next_ = lanes_.size();
                return std::unexpected(found.error());
            }
            found_[i] = *std::move(found);
        }
        return {};
    }

    const std::span<db::Connection> connections_;
    const VerifySettings& settings_;
    const std::vector<sql::AuditLanes::Row>& lanes_;
    std::vector<std::optional<LaneFindings>> found_;  // of the lanes
    ReadEvents progress_;
    std::atomic<std::size_t> next_ = 0;
};

class Verifier {
public:
    Verifier(std::span<db::Connection> connections, const VerifySettings& settings)
        : connections_(connections),
          connection_(connections.front()),
          settings_(settings),
          report_(settings.listed_max) {}

    Result<VerifyReport> run() {
        LEDGERLINE_TRY(const auto lanes, connection_.query(sql::AuditLanes{}));
        LEDGERLINE_TRY(auto found, LanesVerifier(connections_, settings_, lanes).run());
        Deviations deviations;
        for (auto& lane : found) {
            report_.add(std::move(lane->report));
            deviations.merge(lane->deviations);
        }
        LEDGERLINE_CHECK(TableAudit(connection_, settings_, deviations, report_).run());
        LEDGERLINE_CHECK(check_chains(connection_, settings_.stretch_seqs, report_));
        LEDGERLINE_CHECK(find_halts());
        LEDGERLINE_CHECK(find_still_lanes());
        LEDGERLINE_CHECK(find_strays_of_no_lane());
        return std::move(report_);
    }

private:
    Result<void> find_halts() {
        LEDGERLINE_TRY(const auto halts, connection_.query(sql::AuditHalts{}));
        for (const auto& halt : halts)
            report_.violate(Check::halts, {halt.lane, halt.seq, "",
                                           fmt::format("{} halted at {}: {}: {}", halt.stage, halt.halted_at, halt.code,
                                                       halt.reason)});
        return {};
    }

    // What was published after a long outage is applied in moments: only a lane that has not moved at the second look
    // is reported.
    Result<void> find_still_lanes() {
        LEDGERLINE_TRY(const auto first, connection_.query(sql::AuditStill{}));
        if (first.empty()) return {};
        Wakeup().wait(settings_.second_look);
        LEDGERLINE_TRY(const auto second, connection_.query(sql::AuditStill{}));
        std::map<int, int> waits_for;
        for (const auto& lane : second)
            if (lane.waits_for_lane) waits_for[lane.lane] = *lane.waits_for_lane;
        for (const auto& lane : second)
            for (const auto& before : first)
                if (before.lane == lane.lane && before.next_seq == lane.next_seq)
                    report_.violate(Check::halts, {lane.lane, lane.next_seq, "",
                                                   fmt::format("published but not applied; {} has not moved for {} s",
                                                               cause_of(lane.lane, waits_for), lane.still_s)});
        return {};
    }

    // A lane may wait for one that waits itself: the last one is the cause.
    static std::string cause_of(int lane, const std::map<int, int>& waits_for) {
        int cause = lane;
        for (std::size_t steps = 0; steps < waits_for.size(); ++steps)
            if (const auto next = waits_for.find(cause); next != waits_for.end()) cause = next->second;
        return cause == lane ? "the lane" : fmt::format("the lane waits for lane {} and", cause);
    }

    Result<void> find_strays_of_no_lane() {
        LEDGERLINE_TRY(const auto events, connection_.query(sql::AuditPlacesOfNoLane{strays_max}));
        for (const auto& event : events)
            report_.violate(Check::dense, {event.lane, event.seq, event.event_id.to_string(), "there is no such lane"});
        return {};
    }

    const std::span<db::Connection> connections_;
    db::Connection& connection_;  // the first one
    const VerifySettings& settings_;
    VerifyReport report_;
};

}  // namespace

Result<VerifyReport> verify(std::span<db::Connection> connections, const VerifySettings& settings) {
    LEDGERLINE_ASSERT(!connections.empty());
    return Verifier(connections, settings).run();
}

}  // namespace ledgerline::audit
