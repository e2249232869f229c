// HealthProbe: looks at what a process works with, on its own thread, and remembers what it saw.
//
// Everyone who asks gets the last look's answer at once, however many ask and whatever hangs. When a look does not
// return, the answer says so, and what it is waiting for: what was true some seconds ago is not passed off as true now.
// After overdue_after the process is degraded, because a busy machine may be slow; after stale_after it is not ready.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/loop.h"

namespace ledgerline::health {

// Something that is wrong.
struct Trouble {
    std::string name;    // of the affected part: "database", "kafka", "lanes"
    std::string reason;  // for people; never holds a secret
    // Whether it keeps the process from doing its work. False: the process does its work and is degraded.
    bool required = true;
};

// What is wrong, by name, each name once.
using Troubles = std::vector<Trouble>;
bool is_ready(const Troubles& troubles);

// Something this process works with. look() runs on the probe's thread, one at a time; it may block, with a deadline
// below HealthProbe::stale_after. Exceptions count as trouble.
struct Dependency {
    std::string name;  // what is reported in trouble when a look throws or does not return
    std::function<Troubles()> look;
};

// A dependency that is either there or not; its check must answer at once.
Dependency dependency(std::string name, std::function<bool()> check, bool required = true);

// A loop's report about itself: trouble() must be thread-safe.
Dependency dependency(std::string name, std::function<std::optional<std::string>()> trouble, bool required = true);

class HealthProbe {
public:
    // Between two looks.
    static constexpr milliseconds interval{250};
    // A look that takes longer is reported.
    static constexpr milliseconds overdue_after{1'000};
    // An older answer no longer counts.
    static constexpr milliseconds stale_after{3'000};

    // The clock must outlive it; what the dependencies use must live until stop().
    HealthProbe(std::vector<Dependency> dependencies, const Clock& clock);
    ~HealthProbe() { stop(); }

    // Returns after the first look, or after stale_after. Must be called once.
    void start();
    // Repeatable. Waits for the current look to end.
    void stop() { loop_.stop(); }

    // Thread-safe; never waits for a look.
    Troubles troubles() const;

private:
    static constexpr const char* probe_name = "probe";  // what is reported in trouble when the probe's own thread hangs
    void look();
    void note_looking_at(const std::string& name);

    const std::vector<Dependency> dependencies_;
    const Clock& clock_;
    mutable std::mutex mutex_;
    std::condition_variable looked_;
    Troubles seen_;
    std::optional<SteadyTime> seen_at_;
    std::string looking_at_{probe_name};
    Wakeup wakeup_;
    LoopThread loop_;
};

}  // namespace ledgerline::health
