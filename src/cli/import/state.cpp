#include "cli/import/state.h"

#include <fmt/format.h>

#include "cli/command_line.h"

namespace ledgerline::cli {

std::int64_t ImportCounts::settled() const {
    std::int64_t sum = processed + dead_lettered;
    for (const auto& [code, count] : refused) sum += count;
    for (const auto& [code, count] : refused_at_intake) sum += count;
    return sum;
}

ImportState::ImportState(const Clock& clock, milliseconds give_up)
    : clock_(clock), give_up_(give_up), moved_at_(clock.steady_now()) {}

void ImportState::count(const RowEnd& end) {
    const std::lock_guard lock(mutex_);
    moved_at_ = clock_.steady_now();
    if (end.replayed) ++counts_.replayed;
    if (end.intake_refusal) {
        ++counts_.refused_at_intake[end.intake_refusal->code];
        if (counts_.intake_refusals.size() < intake_refusals_kept)
            counts_.intake_refusals.push_back(*end.intake_refusal);
    } else if (end.dead_lettered) {
        ++counts_.dead_lettered;
    } else if (!end.failure_code.empty()) {
        ++counts_.refused[end.failure_code];
    } else {
        ++counts_.processed;
    }
}

void ImportState::account_ready() {
    const std::lock_guard lock(mutex_);
    moved_at_ = clock_.steady_now();
    ++accounts_ready_;
}

ImportCounts ImportState::counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
}

std::int64_t ImportState::accounts_ready() const {
    const std::lock_guard lock(mutex_);
    return accounts_ready_;
}

void ImportState::fail(Error error) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::move(error);
    stopping_ = true;
    changed_.notify_all();
}

void ImportState::stop() {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
}

bool ImportState::stopping() const {
    const std::lock_guard lock(mutex_);
    return stopping_;
}

std::optional<Error> ImportState::error() const {
    const std::lock_guard lock(mutex_);
    return error_;
}

bool ImportState::wait(milliseconds delay, const std::string& reason) {
    std::unique_lock lock(mutex_);
    if (!stopping_ && clock_.steady_now() - moved_at_ >= give_up_) {
        error_ = Error{
            Disposition::retry, "gave_up",
            fmt::format("gave up after {} without progress; the last reason: {}", format_duration(give_up_), reason)};
        stopping_ = true;
        changed_.notify_all();
    }
    changed_.wait_for(lock, delay, [&] { return stopping_; });
    return !stopping_;
}

}  // namespace ledgerline::cli
