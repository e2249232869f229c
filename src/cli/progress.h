// Progress: how far a task has come, on stderr: a bar on a terminal, a line every few seconds elsewhere.
#pragma once

#include <cstdint>
#include <string>

#include "roles/environment.h"

namespace ledgerline::cli {

// Not thread-safe.
class Progress {
public:
    static constexpr milliseconds line_every{5000};

    // what: "importing"; unit: "rows". The environment must outlive it.
    Progress(const roles::Environment& environment, std::string what, std::string unit, std::int64_t total);
    ~Progress() { clear(); }
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    // Shows the progress, if it is due.
    void update(std::int64_t done);
    // Removes the bar from the terminal, so that other output can follow.
    void clear();

private:
    std::string bar(std::int64_t done) const;
    std::string facts(std::int64_t done) const;

    const roles::Environment& environment_;
    const std::string what_;
    const std::string unit_;
    const std::int64_t total_;
    const SteadyTime begun_at_;
    SteadyTime shown_at_;
    bool drawn_ = false;
};

}  // namespace ledgerline::cli
