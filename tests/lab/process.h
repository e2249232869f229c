// Process: a program that a test starts, watches, freezes, kills and starts again.
//
//     Process worker("worker", {.arguments = {program, "worker", "--listen", "127.0.0.1:0"}});
//     worker.start();
//     const auto ready = worker.wait_line("ledgerline is ready: ");
//     worker.freeze();
//     worker.thaw();
//     EXPECT_EQ(worker.end(), "exit code 0") << worker.tail();
//
// It inherits nothing: it runs in "/", with the environment it is given and stdin at /dev/null. It dies with the object
// and with the thread that started it, so start it from the thread that runs the test. One thread at a time, except
// pid(), running() and output().
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cluster/child_process.h"
#include "cluster/os_user.h"
#include "lab/eventually.h"

namespace ledgerline::test {

// Prints one line about the course of a test, with the time since the program began.
void note(const std::string& text);

class Process {
public:
    // Where its stdout and stderr go.
    enum class Output {
        kept,     // to a pipe that a thread reads at once, so that the program never waits
        stalled,  // to a pipe that is full from the beginning and that nobody reads until read_on()
    };

    struct Command {
        std::vector<std::string> arguments;  // the first is the program's absolute path
        std::vector<std::string> environment{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"};
        std::filesystem::path log{};  // its output is appended there instead of being kept
        std::optional<cluster::OsUser> user{};
        int death_signal = SIGKILL;
        Output output = Output::kept;
    };

    Process(std::string name, Command command);
    Process(const Process&) = delete;
    ~Process();

    const std::string& name() const { return name_; }
    // more_environment is for this run only. Ends the test program if the program cannot be started.
    void start(const std::vector<std::string>& more_environment = {});
    void signal(int number);
    // SIGKILL, and waits until it is gone. Does nothing if it is not running.
    void kill();
    // Waits until it has ended: "exit code 0", "signal 9 (Killed)", or "still running" if at_most passes first.
    std::string wait_outcome(milliseconds at_most = patience);
    // Signals it first; 0 sends no signal.
    std::string end(int number = SIGTERM, milliseconds at_most = patience);
    void freeze();
    void thaw();
    // Whether all its threads stand still: after freeze(), or at a failpoint.
    bool frozen() const;
    // Whether it was started and has not ended.
    bool running();
    // How it ended; "" while it runs.
    std::string outcome();
    pid_t pid() const;
    std::int64_t resident_bytes() const;

    // What it has printed so far, in all its runs; all of it once it has ended.
    std::string output() const;
    // The end of that, for messages.
    std::string tail() const;
    // Whether it prints the text within the test's patience.
    bool prints(const std::string& text) const;
    // The first line that begins so; nothing if the program ends or patience passes without one.
    std::optional<std::string> wait_line(std::string_view beginning);
    // From now on the output of a stalled program is read.
    void read_on();

private:
    int open_output();
    void read(int descriptor);
    void join_reader();

    const std::string name_;
    const Command command_;
    std::unique_ptr<cluster::ChildProcess> child_;

    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::string kept_;     // guarded by mutex_
    bool closed_ = false;  // guarded by mutex_: every writer of the pipe has ended

    int unread_ = -1;     // our end of the pipe while nobody reads it
    std::thread reader_;  // reads the pipe into kept_ until it is closed
};

}  // namespace ledgerline::test
