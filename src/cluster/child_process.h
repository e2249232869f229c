// ChildProcess: a program started by this process that does not outlive it.
//
// A handle is used by one thread at a time. The operating system ends the program when the thread that started it ends,
// so start it from a thread that lives as long as the program should.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cluster/os_user.h"

namespace ledgerline::cluster {

struct ProgramStart {
    std::vector<std::string> arguments;    // the first is the program's absolute path
    std::vector<std::string> environment;  // "NAME=value"; nothing is inherited
    const OsUser* user = nullptr;          // null: our own user
    int output = -1;                       // the descriptor for its stdout and stderr
    int death_signal = 0;                  // sent to it when the starting thread ends
};

class ChildProcess {
public:
    // The program runs in its own session (a terminal's Ctrl-C does not reach it), in directory "/", with umask 077,
    // default signal handling, stdin at /dev/null and no other descriptors. The error is Disposition::stop.
    static Result<ChildProcess> start(const ProgramStart& start);

    ChildProcess(ChildProcess&& other) noexcept;
    ChildProcess& operator=(ChildProcess&&) = delete;
    // Kills the program unless it has ended.
    ~ChildProcess();

    pid_t pid() const { return pid_; }
    // Readable once the program has ended.
    int descriptor() const { return descriptor_; }
    void signal(int number);
    // Waits for the program to end, but no longer than at_most. Returns whether it has ended.
    bool wait(milliseconds at_most);
    // Only for a program that has ended.
    bool succeeded() const;
    std::string outcome() const;  // "exit code 1", "signal 9 (Killed)"

private:
    ChildProcess(pid_t pid, int descriptor) : pid_(pid), descriptor_(descriptor) {}

    pid_t pid_;
    int descriptor_;
    bool ended_ = false;
    int status_ = 0;
};

}  // namespace ledgerline::cluster
