// LaneAudit: recomputes one lane from its immutable rows, a window at a time. No I/O: verify.cpp supplies the rows.
//
// It deliberately shares no code with the worker: a mistake in the posting rules must not be repeated here.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>

#include "audit/audited_place.h"
#include "audit/verify_report.h"
#include "base/uuid.h"

namespace ledgerline::audit {

// The balances that decisions tell, minus those that the entries make, of accounts where these differ: a mistake is
// reported once, where it begins. All that is held beyond a window, for so many accounts at most.
using Deviations = std::unordered_map<Uuid, std::int64_t>;
inline constexpr std::size_t deviations_max = 100'000;

// Not thread-safe.
class LaneAudit {
public:
    // The references must outlive it. applied_seq: places up to and including it are decided.
    LaneAudit(int lane, std::int64_t last_seq, std::int64_t applied_seq, VerifyReport& report, Deviations& deviations)
        : lane_(lane), last_seq_(last_seq), applied_seq_(applied_seq), report_(report), deviations_(deviations) {}

    // Before the places of the next window. Accounts of its places that are left out do not exist in this lane.
    void begin_window(std::span<const AuditedAccount> accounts);
    // Both in ascending order of seq, leaving none out.
    void take(const AuditedPlace& place);
    void take_decision_without_place(std::int64_t seq, const AuditedDecision& decision);
    // Call after every place up to last_seq was taken.
    void finish();

private:
    struct Running {
        AuditedAccount account;
        std::int64_t told_cents = 0;  // by the account's latest decision
        std::int64_t told_held_cents = 0;
        std::int64_t deviation_cents = 0;
        std::int64_t sum_cents() const;  // of the entries so far
    };

    void report(Check check, const AuditedPlace& place, const Uuid& id, std::string detail);
    void report_gap(std::int64_t next_seq);
    bool check_seq(const AuditedPlace& place);
    Running* check_identity(const AuditedPlace& place);
    void check_decision_identity(const AuditedPlace& place);
    void check_origin(const AuditedPlace& place);
    // Of transactions of many accounts: whole_audit.cpp.
    void check_whole(const AuditedPlace& place);
    void check_partner(const AuditedPlace& place);
    void check_legs(const AuditedPlace& place);

    void check_decided(const AuditedPlace& place, Running& running);
    void check_parked(const AuditedPlace& place);
    void check_settings(const AuditedPlace& place, const AuditedSettings& settings);
    void check_entry(const AuditedPlace& place, const Running& running, const AuditedSettings& settings);
    void check_refusal(const AuditedPlace& place, const Running& running, const AuditedSettings& settings);
    void check_balance_after(const AuditedPlace& place, Running& running);
    void check_held_after(const AuditedPlace& place, const Running& running);
    void remember(const AuditedDecision& decision);

    const int lane_;
    const std::int64_t last_seq_;
    const std::int64_t applied_seq_;
    VerifyReport& report_;
    Deviations& deviations_;
    std::unordered_map<Uuid, Running> accounts_;  // of the window
    std::int64_t next_seq_ = 1;
};

}  // namespace ledgerline::audit
