#include "lab/broker_guard.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "lab/kafka_test_client.h"

namespace ledgerline::test {
namespace {

// Waits until its standard input ends, which is when the test program has ended, and then ends the brokers of the
// directory. The command line proves that a pid is still a broker's.
constexpr char kGuard[] =
    "read -r _; for file in \"$1\"/broker.pid \"$1\"/broker-*/broker.pid; do pid=$(cat \"$file\" 2>/dev/null) || "
    "continue; "
    "grep -qF \"$1\" \"/proc/$pid/cmdline\" 2>/dev/null && kill -KILL \"$pid\"; done";

}  // namespace

BrokerGuard::BrokerGuard(const std::filesystem::path& directory) : owner_pid_(getpid()) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) give_up("pipe");
    pipe_ = ends[1];
    guard_pid_ = fork();
    if (guard_pid_ == 0) {
        setsid();  // an interrupt at the terminal ends the test program first
        dup2(ends[0], STDIN_FILENO);
        execl("/bin/sh", "sh", "-c", kGuard, "guard", directory.c_str(), nullptr);
        std::_Exit(127);
    }
    if (guard_pid_ < 0) give_up("fork");
    ::close(ends[0]);
}

// A forked copy of the test program (a death test) leaves the brokers alone.
BrokerGuard::~BrokerGuard() {
    if (getpid() != owner_pid_) std::_Exit(1);
    ::close(pipe_);
    waitpid(guard_pid_, nullptr, 0);
}

}  // namespace ledgerline::test
