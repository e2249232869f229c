// LaneAudit: recomputes one lane from its immutable rows. No I/O: verify.cpp supplies the rows.
//
// It deliberately shares no code with the worker: a mistake in the posting rules must not be repeated here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "audit/verify_report.h"
#include "base/uuid.h"

namespace ledgerline::audit {

struct AuditedAccount {
    Uuid id;
    std::int64_t balance_cents = 0;  // when the lane's cursors were read
    std::int64_t floor_cents = 0;
    std::string currency;
};

struct AuditedLetter {
    Uuid id;
    std::string state;
    Uuid event_id;
    Uuid transaction_id;
};

// What was decided at a place.
struct AuditedDecision {
    std::string kind;
    Uuid transaction_id;
    Uuid account_id;
    std::int64_t amount_cents = 0;
    std::int64_t balance_after_cents = 0;
    std::int64_t floor_cents = 0;
    std::string failure_code;
    std::optional<AuditedLetter> letter{};  // of a parked place
    // The later place at which that letter is replayed or discarded.
    struct Next {
        int lane = 0;
        std::int64_t seq = 0;
        std::string verdict;
        Uuid transaction_id;
    };
    std::optional<Next> next{};
};

// One place of the lane, with everything that came of it.
struct AuditedPlace {
    std::int64_t seq = 0;
    Uuid event_id;
    Uuid transaction_id;
    Uuid account_id;
    std::int64_t net_cents = 0;

    struct Transaction {
        std::int64_t amount_cents = 0;
        std::string currency;
        std::string type;
    };
    std::optional<Transaction> transaction;
    std::optional<AuditedDecision> decision;
    std::string verdict;                  // replay, discard; empty: the place given at intake
    std::optional<AuditedLetter> origin;  // the letter of the verdict; only state and transaction_id are set
};

// Not thread-safe.
class LaneAudit {
public:
    // The report must outlive it. applied_seq: places up to and including it are decided.
    LaneAudit(int lane, std::int64_t last_seq, std::int64_t applied_seq, VerifyReport& report)
        : lane_(lane), last_seq_(last_seq), applied_seq_(applied_seq), report_(report) {}

    void add_account(const AuditedAccount& account) { accounts_.try_emplace(account.id, Running{account}); }
    // Call in ascending order of seq, leaving none out.
    void take(const AuditedPlace& place);
    // Call after every place up to last_seq was taken.
    void finish();

private:
    struct Running {
        AuditedAccount account;
        std::int64_t sum_cents = 0;  // of the entries so far
        // The last balance_after minus the sum: each mistake is reported once, where it begins.
        std::int64_t deviation_cents = 0;
    };

    void report(Check check, const AuditedPlace& place, const Uuid& id, std::string detail);
    void report_gap(std::int64_t next_seq);
    bool check_seq(const AuditedPlace& place);
    Running* check_identity(const AuditedPlace& place);
    void check_origin(const AuditedPlace& place);
    void check_decided(const AuditedPlace& place, Running& running);
    void check_parked(const AuditedPlace& place);
    void check_entry(const AuditedPlace& place, Running& running);
    void check_refusal(const AuditedPlace& place, Running& running);
    void check_balance_after(const AuditedPlace& place, Running& running);

    const int lane_;
    const std::int64_t last_seq_;
    const std::int64_t applied_seq_;
    VerifyReport& report_;
    std::unordered_map<Uuid, Running> accounts_;
    std::int64_t next_seq_ = 1;
};

}  // namespace ledgerline::audit
