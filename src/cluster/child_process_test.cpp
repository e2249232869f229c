#include "cluster/child_process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <thread>

namespace ledgerline::cluster {
namespace {

constexpr milliseconds kPatience{60000};

// Runs a shell script and returns what it wrote and how it ended.
std::string output_of(const std::string& script) {
    int pipe[2];
    LEDGERLINE_ASSERT(pipe2(pipe, O_CLOEXEC) == 0);
    ProgramStart start;
    start.arguments = {"/bin/sh", "-c", script};
    start.environment = {"GREETING=hello"};
    start.output = pipe[1];
    auto child = ChildProcess::start(start).value();
    close(pipe[1]);
    std::string text;
    std::array<char, 512> part;
    for (ssize_t length; (length = read(pipe[0], part.data(), part.size())) > 0;)
        text.append(part.data(), static_cast<std::size_t>(length));
    close(pipe[0]);
    LEDGERLINE_ASSERT(child.wait(kPatience));
    return text + child.outcome();
}

ProgramStart sleeper(int death_signal) {
    ProgramStart start;
    start.arguments = {"/bin/sleep", "600"};
    start.output = STDERR_FILENO;
    start.death_signal = death_signal;
    return start;
}

TEST(ChildProcess, StartsFromACleanSlate) {
    EXPECT_EQ(output_of("echo $GREETING $HOME $(pwd) $(umask); exit 3"), "hello / 0077\nexit code 3");
    EXPECT_EQ(output_of("cat; ls /proc/self/fd | wc -l"), "4\nexit code 0") << "0, 1, 2 and the listing's own";
    EXPECT_EQ(output_of("kill -9 $$"), "signal 9 (Killed)");
}

TEST(ChildProcess, DoesNotInheritBlockedOrIgnoredSignals) {
    sigset_t term, before;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &term, &before);
    const auto ignored_before = signal(SIGINT, SIG_IGN);
    EXPECT_EQ(output_of("kill -TERM $$; echo survived"), "signal 15 (Terminated)");
    EXPECT_EQ(output_of("kill -INT $$; echo survived"), "signal 2 (Interrupt)");
    signal(SIGINT, ignored_before);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(ChildProcess, SaysWhyAProgramCannotBeStarted) {
    ProgramStart start;
    start.arguments = {"/nonexistent/program"};
    start.output = STDERR_FILENO;
    const auto child = ChildProcess::start(start);
    ASSERT_FALSE(child);
    EXPECT_THAT(child.error().message, testing::HasSubstr("/nonexistent/program: No such file"));
}

TEST(ChildProcess, EndsWhenTheThreadThatStartedItEnds) {
    std::optional<Result<ChildProcess>> child;
    std::thread([&] { child.emplace(ChildProcess::start(sleeper(SIGTERM))); }).join();
    ASSERT_TRUE(*child);
    ASSERT_TRUE((*child)->wait(kPatience));
    EXPECT_EQ((*child)->outcome(), "signal 15 (Terminated)");
}

TEST(ChildProcess, IsWaitedForAndSignalled) {
    auto child = ChildProcess::start(sleeper(0)).value();
    EXPECT_FALSE(child.wait(milliseconds(0)));
    child.signal(SIGTERM);
    EXPECT_TRUE(child.wait(kPatience));
    EXPECT_TRUE(child.wait(milliseconds(0)));
    EXPECT_FALSE(child.succeeded());
}

}  // namespace
}  // namespace ledgerline::cluster
