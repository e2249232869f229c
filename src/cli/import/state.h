// ImportState: shared by the threads of one import: the counts, and whether to continue. Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace ledgerline::cli {

inline constexpr std::size_t intake_refusals_kept = 20;  // shown individually; the rest are only counted

struct IntakeRefusal {
    std::uint64_t line = 0;
    std::string code;
    std::string detail;
};

// The final states of the rows.
struct ImportCounts {
    std::int64_t processed = 0;
    std::map<std::string, std::int64_t> refused;            // by failure_code: refused by the rules of the ledger
    std::map<std::string, std::int64_t> refused_at_intake;  // by problem code: nothing was stored
    std::int64_t dead_lettered = 0;
    std::int64_t replayed = 0;  // of all of these: rows that the server already had before this import sent them
    std::vector<IntakeRefusal> intake_refusals;

    std::int64_t settled() const;
};

// How one row ended. The first that applies counts: intake_refusal, dead_lettered, failure_code; otherwise it was
// processed.
struct RowEnd {
    std::optional<IntakeRefusal> intake_refusal = {};
    bool dead_lettered = false;
    std::string failure_code = {};  // empty: processed
    bool replayed = false;
};

class ImportState {
public:
    // The clock must outlive it. give_up: how long the import may make no progress before it fails.
    ImportState(const Clock& clock, milliseconds give_up);

    void count(const RowEnd& end);
    void account_ready();
    ImportCounts counts() const;
    std::int64_t accounts_ready() const;

    // Ends everything soon. The first failure is kept; stop() alone is not a failure.
    void fail(Error error);
    void stop();
    bool stopping() const;
    std::optional<Error> error() const;

    // Sleeps before the next attempt. False when the import ends instead, perhaps because it made no progress for
    // give_up; the reason for the attempt then goes into that error's message.
    bool wait(milliseconds delay, const std::string& reason);

private:
    const Clock& clock_;
    const milliseconds give_up_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    ImportCounts counts_;
    std::int64_t accounts_ready_ = 0;
    SteadyTime moved_at_;
    bool stopping_ = false;
    std::optional<Error> error_;
};

}  // namespace ledgerline::cli
