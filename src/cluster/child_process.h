// ChildProcess: a program that this process started and outlives.
//
// A handle is used by one thread at a time. The operating system ends the program when the thread that started it
// ends, so start it from a thread that lives as long as the program should.
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
    const OsUser* user = nullptr;          // null: the user that we are
    int output = -1;                       // descriptor for its stdout and stderr
    int death_signal = 0;                  // what it gets when the starting thread ends
};

class ChildProcess {
public:
    // The program runs in a session of its own (a terminal's Ctrl-C does not reach it), in directory "/", with umask
    // 077, default signal handling, stdin at /dev/null and no other descriptors. The error is Disposition::stop.
    static Result<ChildProcess> start(const ProgramStart& start);

    ChildProcess(ChildProcess&& other) noexcept;
    ChildProcess& operator=(ChildProcess&&) = delete;
    // The program must have ended, or it is killed.
    ~ChildProcess();

    pid_t pid() const { return pid_; }
    // Readable once the program has ended.
    int descriptor() const { return descriptor_; }
    void signal(int number);
    // Whether the program has ended; waits for that at most so long.
    bool wait(milliseconds at_most);
    // Of an ended program.
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
