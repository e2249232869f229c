#include "cluster/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace ledgerline::cluster {
namespace {

constexpr int kStartFailed = 127;

// glibc 2.36 declares these two without C linkage.
int open_process(pid_t pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }
void send_signal(int descriptor, int number) { syscall(SYS_pidfd_send_signal, descriptor, number, nullptr, 0); }

std::vector<char*> pointers(const std::vector<std::string>& items) {
    std::vector<char*> out;
    for (const std::string& item : items) out.push_back(const_cast<char*>(item.c_str()));
    out.push_back(nullptr);
    return out;
}

void reset_signals() {
    for (int number = 1; number <= SIGRTMAX; ++number) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
}

// In the new process: becomes the program, or writes errno to report. Makes only system calls, because the process that
// forked has threads.
[[noreturn]] void run(const ProgramStart& start, char* const* arguments, char* const* environment, pid_t parent,
                      int report) {
    reset_signals();
    setsid();
    umask(077);
    const int null = open("/dev/null", O_RDONLY);
    const bool ready = null >= 0 && chdir("/") == 0 && dup2(null, STDIN_FILENO) >= 0 &&
                       dup2(start.output, STDOUT_FILENO) >= 0 && dup2(start.output, STDERR_FILENO) >= 0 &&
                       close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0 &&
                       (!start.user || become(*start.user)) &&
                       // After the change of user, which would clear it.
                       prctl(PR_SET_PDEATHSIG, start.death_signal) == 0;
    if (ready) {
        // The parent may have died before the death signal was requested.
        if (getppid() != parent) _exit(kStartFailed);
        execve(arguments[0], arguments, environment);
    }
    const int error = errno;
    [[maybe_unused]] const auto written = write(report, &error, sizeof error);
    _exit(kStartFailed);
}

}  // namespace

Result<ChildProcess> ChildProcess::start(const ProgramStart& start) {
    const auto arguments = pointers(start.arguments);
    const auto environment = pointers(start.environment);
    const pid_t parent = getpid();
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0)
        return failure(Disposition::retry, "start_failed", std::string("pipe: ") + std::strerror(errno));
    const pid_t pid = fork();
    if (pid == 0) run(start, arguments.data(), environment.data(), parent, report[1]);
    int error = pid < 0 ? errno : 0;
    close(report[1]);
    if (pid > 0 && read(report[0], &error, sizeof error) <= 0) error = 0;
    close(report[0]);
    if (error == 0) {
        const int descriptor = open_process(pid);
        if (descriptor >= 0) return ChildProcess(pid, descriptor);
        error = errno;
        kill(pid, SIGKILL);
    }
    if (pid > 0) waitpid(pid, nullptr, 0);
    return failure(Disposition::stop, "start_failed",
                   fmt::format("cannot start {}{}: {}", start.arguments[0],
                               start.user ? " as user '" + start.user->name + "'" : "", std::strerror(error)));
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      ended_(other.ended_),
      status_(other.status_) {}

ChildProcess::~ChildProcess() {
    if (pid_ == 0) return;
    if (!ended_) {
        signal(SIGKILL);
        waitpid(pid_, &status_, 0);
    }
    close(descriptor_);
}

void ChildProcess::signal(int number) {
    if (!ended_) send_signal(descriptor_, number);
}

bool ChildProcess::wait(milliseconds at_most) {
    if (ended_) return true;
    pollfd end{descriptor_, POLLIN, 0};
    poll(&end, 1, static_cast<int>(at_most.count()));
    ended_ = waitpid(pid_, &status_, WNOHANG) == pid_;
    return ended_;
}

bool ChildProcess::succeeded() const { return ended_ && WIFEXITED(status_) && WEXITSTATUS(status_) == 0; }

std::string ChildProcess::outcome() const {
    if (WIFSIGNALED(status_)) return fmt::format("signal {} ({})", WTERMSIG(status_), strsignal(WTERMSIG(status_)));
    return fmt::format("exit code {}", WEXITSTATUS(status_));
}

}  // namespace ledgerline::cluster
