// Failpoints: what the environment switches on in test builds, and that the product has no such switch.
#include "base/failpoint.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

constexpr const char* kSwitch = "LEDGERLINE_FAILPOINTS";

bool contains(const std::string& file, std::string_view text) {
    std::ifstream stream(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
    EXPECT_FALSE(bytes.empty()) << file;
    return bytes.contains(text);
}

// Only the program that is made for these tests can be told to kill itself.
TEST(Failpoint, TheProductHasNoSwitch) {
    EXPECT_FALSE(contains(LEDGERLINE_PROGRAM, kSwitch));
    EXPECT_TRUE(contains(LEDGERLINE_PROGRAM_WITH_FAILPOINTS, kSwitch));
}

void hit(const char* setting, const char* name, int times) {
    setenv(kSwitch, setting, 1);
    for (int i = 0; i < times; ++i) failpoint(name);
    std::_Exit(0);
}

TEST(FailpointDeathTest, KillsAtTheHitThatIsNamed) {
    EXPECT_EXIT(hit("a.b=kill:3", "a.b", 3), testing::KilledBySignal(SIGKILL), "");
    EXPECT_EXIT(hit("a.b=kill:3", "a.b", 2), testing::ExitedWithCode(0), "");
    EXPECT_EXIT(hit("a.b=kill:3", "a.c", 9), testing::ExitedWithCode(0), "");
    EXPECT_EXIT(hit("x.y=stop:9;a.b=kill:1", "a.b", 1), testing::KilledBySignal(SIGKILL), "");
    EXPECT_EXIT(hit("", "a.b", 1), testing::ExitedWithCode(0), "");
}

TEST(FailpointDeathTest, RefusesWhatItCannotRead) {
    for (const char* setting : {"a.b", "a.b=kill", "a.b=kill:0", "a.b=kill:x", "a.b=pause:1", "a.b=kill:1:m:n"})
        EXPECT_EXIT(hit(setting, "a.b", 1), testing::ExitedWithCode(2), "cannot read") << setting;
}

TEST(Failpoint, FreezesAndLeavesAMarker) {
    const TempDir dir;
    const std::string marker = dir.path() / "reached";
    const std::string setting = "a.b=stop:2:" + marker;
    const pid_t pid = fork();
    if (pid == 0) hit(setting.c_str(), "a.b", 3);
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, WUNTRACED), pid);
    EXPECT_TRUE(WIFSTOPPED(status));
    EXPECT_TRUE(std::filesystem::exists(marker));
    kill(pid, SIGCONT);
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFEXITED(status));
}

}  // namespace
}  // namespace ledgerline::test
