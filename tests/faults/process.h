// Process: one program of a fault test, which the test kills, freezes and starts again as it likes.
//
// Everything it prints is appended to a file. It dies with the thread that started it, so start it from the thread that
// runs the test. One thread at a time, but for pid() and running().
#pragma once

#include <sys/types.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cluster/child_process.h"
#include "cluster/os_user.h"

namespace ledgerline::test {

// How long anything may take that happens without fail once the machine gets round to it.
constexpr milliseconds patience{60'000};

// Looks until holds() says so; false when at_most passes first. For states of other processes that no signal announces.
bool wait_until(const std::function<bool()>& holds, milliseconds at_most = patience);

// A port of the loopback address on which nobody listens. Kept from other test programs until this one ends.
std::uint16_t free_port();

// Prints one line about the course of a test, with the time since the program began.
void note(const std::string& text);

class Process {
public:
    struct Command {
        std::vector<std::string> arguments;  // the first is the program's absolute path
        std::vector<std::string> environment{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"};
        std::filesystem::path log;
        std::optional<cluster::OsUser> user{};
        int death_signal = SIGKILL;
    };

    Process(std::string name, Command command);
    Process(const Process&) = delete;
    ~Process();

    const std::string& name() const { return name_; }
    // more_environment is for this run only. Ends the test program when the program cannot be started.
    void start(const std::vector<std::string>& more_environment = {});
    // SIGKILL, and waits until it is gone. Does nothing when it is not running.
    void kill();
    // Signals it and waits until it has ended. How it ended: "exit code 0", or "still running".
    std::string end(int number = SIGTERM, milliseconds at_most = patience);
    void freeze();
    void thaw();
    // Whether all its threads stand still: by freeze(), or at a failpoint.
    bool frozen() const;
    // Whether it was started and has not ended, by itself or otherwise.
    bool running();
    // How it ended; "" while it runs.
    std::string outcome();
    pid_t pid() const;
    std::int64_t resident_bytes() const;
    // The last lines of its log, for messages.
    std::string log_tail() const;
    bool log_contains(const std::string& text) const;

private:
    const std::string name_;
    const Command command_;
    std::unique_ptr<cluster::ChildProcess> child_;
};

}  // namespace ledgerline::test
