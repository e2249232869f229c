#include "e2e/shell.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

#include "base/result.h"

namespace ledgerline::test {
namespace {

constexpr const char* kOut = ".shell-out";
constexpr const char* kErr = ".shell-err";
// Reached only by a test that fails.
constexpr unsigned kPatienceSeconds = 120;

int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

std::string read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// What the new process needs, made before there is one: it may only make system calls.
struct Start {
    Start(const std::filesystem::path& directory, const std::string& script, const std::string& url)
        : texts{"PATH=/usr/bin:/bin",
                std::string("L=") + LEDGERLINE_PROGRAM,
                "LEDGERLINE_URL=" + url,
                "bash",
                "-c",
                script,
                directory.string()} {
        environment = {texts[0].data(), texts[1].data(), url.empty() ? nullptr : texts[2].data(), nullptr};
        arguments = {texts[3].data(), texts[4].data(), texts[5].data(), nullptr};
    }
    [[noreturn]] void run() const {
        alarm(kPatienceSeconds);  // stays set in the program
        if (chdir(texts[6].c_str()) == 0) execve("/bin/bash", arguments.data(), environment.data());
        _exit(127);
    }

    std::array<std::string, 7> texts;
    std::array<char*, 4> environment;
    std::array<char*, 4> arguments;
};

}  // namespace

Shelled shell(const std::filesystem::path& directory, const std::string& script, const std::string& url) {
    const Start start(directory, script, url);
    const std::string out = (directory / kOut).string(), err = (directory / kErr).string();
    const pid_t pid = fork();
    LEDGERLINE_ASSERT(pid >= 0);
    if (pid == 0) {
        const int none = open("/dev/null", O_RDONLY);
        dup2(none, STDIN_FILENO);
        dup2(open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), STDOUT_FILENO);
        dup2(open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), STDERR_FILENO);
        start.run();
    }
    int status = 0;
    waitpid(pid, &status, 0);
    Shelled ended{code_of(status), read(out), read(err)};
    std::filesystem::remove(out);
    std::filesystem::remove(err);
    return ended;
}

Shelled on_terminal(const std::filesystem::path& directory, const std::string& script, const std::string& url,
                    std::string_view until, std::string_view typed) {
    const Start start(directory, script, url);
    int terminal = -1;
    const pid_t pid = forkpty(&terminal, nullptr, nullptr, nullptr);
    LEDGERLINE_ASSERT(pid >= 0);
    if (pid == 0) start.run();
    Shelled ended;
    std::array<char, 4096> block;
    bool answered = false;
    for (ssize_t size = 0; (size = ::read(terminal, block.data(), block.size())) > 0;) {
        ended.out.append(block.data(), static_cast<std::size_t>(size));
        if (answered || !ended.out.contains(until)) continue;
        answered = ::write(terminal, typed.data(), typed.size()) == static_cast<ssize_t>(typed.size());
    }
    int status = 0;
    waitpid(pid, &status, 0);
    close(terminal);
    ended.code = code_of(status);
    return ended;
}

}  // namespace ledgerline::test
