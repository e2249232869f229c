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

struct AuditedOutcome {
    Uuid event_id;
    Uuid transaction_id;
    Uuid account_id;
    std::string outcome;
    std::optional<std::int64_t> balance_after_cents;
    std::string failure_code;
};

struct AuditedLetter {
    Uuid id;
    std::string state;
    Uuid event_id;
    Uuid transaction_id;
};

struct AuditedReplay {
    int lane = 0;
    std::int64_t seq = 0;
    Uuid transaction_id;
};

// One event of the lane, with everything that came of it.
struct AuditedEvent {
    std::int64_t seq = 0;
    Uuid event_id;
    Uuid transaction_id;

    struct Transaction {
        Uuid account_id;
        std::int64_t amount_cents = 0;
        std::string currency;
        std::string type;
    };
    std::optional<Transaction> transaction;
    std::optional<AuditedOutcome> outcome;
    std::optional<AuditedLetter> letter;  // that parked this event
    std::optional<AuditedReplay> replay;  // that replays the letter
    bool is_replay = false;               // this event itself replays a letter, namely:
    std::optional<AuditedLetter> origin;  // only state and transaction_id are set
};

// Not thread-safe.
class LaneAudit {
public:
    // The report must outlive it. applied_seq: events up to and including it are decided.
    LaneAudit(int lane, std::int64_t last_seq, std::int64_t applied_seq, VerifyReport& report)
        : lane_(lane), last_seq_(last_seq), applied_seq_(applied_seq), report_(report) {}

    void add_account(const AuditedAccount& account) { accounts_.try_emplace(account.id, Running{account}); }
    // Call in ascending order of seq, leaving none out.
    void take(const AuditedEvent& event);
    // Call after every event up to last_seq was taken.
    void finish();

private:
    struct Running {
        AuditedAccount account;
        std::int64_t sum_cents = 0;  // of the entries so far
        // The last balance_after minus the sum: each mistake is reported once, where it begins.
        std::int64_t deviation_cents = 0;
    };

    void report(Check check, const AuditedEvent& event, const Uuid& id, std::string detail);
    void report_gap(std::int64_t next_seq);
    bool check_place(const AuditedEvent& event);
    Running* check_identity(const AuditedEvent& event);
    void check_origin(const AuditedEvent& event);
    void check_decided(const AuditedEvent& event, Running& running);
    void check_letter(const AuditedEvent& event);
    void check_entry(const AuditedEvent& event, Running& running);
    void check_refusal(const AuditedEvent& event, Running& running);
    void check_balance_after(const AuditedEvent& event, Running& running);

    const int lane_;
    const std::int64_t last_seq_;
    const std::int64_t applied_seq_;
    VerifyReport& report_;
    std::unordered_map<Uuid, Running> accounts_;
    std::int64_t next_seq_ = 1;
};

}  // namespace ledgerline::audit
