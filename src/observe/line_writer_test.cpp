#include "observe/line_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "observe/standard_streams.h"

namespace ledgerline {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::size_t kQueueBytes = 10'000;
constexpr milliseconds kPatience{30'000};
constexpr milliseconds kShort{20};

std::string drop_note(std::uint64_t lines) { return fmt::format("dropped {}", lines); }

class Pipe {
public:
    Pipe() { LEDGERLINE_ASSERT(pipe2(ends_.data(), O_CLOEXEC) == 0); }
    ~Pipe() {
        close_reader();
        close(ends_[1]);
    }
    Pipe(const Pipe&) = delete;

    int writer() const { return ends_[1]; }
    int reader() const { return ends_[0]; }
    void close_reader() {
        if (ends_[0] >= 0) close(std::exchange(ends_[0], -1));
    }
    // Returns how many bytes fitted.
    std::size_t fill() const {
        const int flags = fcntl(ends_[1], F_GETFL);
        fcntl(ends_[1], F_SETFL, flags | O_NONBLOCK);
        std::size_t filled = 0;
        while (write(ends_[1], "x", 1) == 1) ++filled;
        fcntl(ends_[1], F_SETFL, flags);
        return filled;
    }
    std::string read_bytes(std::size_t bytes) const {
        std::string text(bytes, '\0');
        std::size_t got = 0;
        while (got < bytes) {
            const ssize_t now = read(ends_[0], text.data() + got, bytes - got);
            if (now <= 0) break;
            got += static_cast<std::size_t>(now);
        }
        text.resize(got);
        return text;
    }
    // Reads until the text ends with `end`.
    std::string read_until(std::string_view end) const {
        std::string text;
        while (!text.ends_with(end)) {
            const std::string more = read_bytes(1);
            if (more.empty()) break;
            text += more;
        }
        return text;
    }

private:
    std::array<int, 2> ends_{};
};

TEST(LineWriter, WritesLinesInOrder) {
    const Pipe pipe;
    LineWriter writer(pipe.writer(), kQueueBytes, drop_note);
    for (int i = 0; i < 100; ++i) writer.push(fmt::format("line {}", i));
    EXPECT_TRUE(writer.flush(kPatience));
    std::string expected;
    for (int i = 0; i < 100; ++i) expected += fmt::format("line {}\n", i);
    EXPECT_EQ(pipe.read_bytes(expected.size()), expected);
    EXPECT_EQ(writer.dropped(), 0u);
}

// Nobody waits for a reader that does not read: neither the thread that logs nor the one that ends the process.
TEST(LineWriter, DropsWhatFindsNoRoomAndSaysSoOnceThereIsSome) {
    const Pipe pipe;
    const std::size_t filled = pipe.fill();
    LineWriter writer(pipe.writer(), kQueueBytes, drop_note);
    constexpr int kLines = 5000;
    for (int i = 0; i < kLines; ++i) writer.push(fmt::format("line {:04}", i));  // ten bytes each
    EXPECT_EQ(writer.dropped(), kLines - kQueueBytes / 10);
    EXPECT_FALSE(writer.flush(kShort));

    pipe.read_bytes(filled);
    std::string read = pipe.read_until("dropped 4000\n");
    EXPECT_THAT(read, StartsWith("line 0000\nline 0001\n"));
    // The note may come before the last of the queued lines: there was room already.
    EXPECT_TRUE(writer.flush(kPatience));
    writer.push("after");
    read += pipe.read_until("after\n");
    EXPECT_THAT(read, HasSubstr("line 0999\n"));
    EXPECT_EQ(read.find("dropped"), read.rfind("dropped"));
    EXPECT_EQ(writer.dropped(), 4000u);
}

TEST(LineWriter, MakesNoBytesWaitThatNobodyReads) {
    const Pipe pipe;
    pipe.fill();
    never_wait_for(pipe.writer());
    LineWriter writer(pipe.writer(), kQueueBytes, drop_note);
    writer.push("waits for room");
    EXPECT_FALSE(writer.flush(kShort));
    EXPECT_FALSE(write_if_room(pipe.writer(), "no room"));
    EXPECT_EQ(write(pipe.writer(), "x", 1), -1);
    EXPECT_EQ(errno, EAGAIN);
}

// Has its own file description, so that others sharing the pipe are unaffected.
TEST(LineWriter, NeverWaitForLeavesOtherDescriptorsOfThePipeAlone) {
    const Pipe pipe;
    const int shared = dup(pipe.writer());
    never_wait_for(pipe.writer());
    EXPECT_TRUE(fcntl(pipe.writer(), F_GETFL) & O_NONBLOCK);
    EXPECT_FALSE(fcntl(shared, F_GETFL) & O_NONBLOCK);
    close(shared);
}

TEST(LineWriter, AReaderThatIsGoneCostsLinesAndNoSignal) {
    Pipe pipe;
    pipe.close_reader();
    LineWriter writer(pipe.writer(), kQueueBytes, drop_note);
    for (int i = 0; i < 10; ++i) {
        writer.push("nobody reads this");
        EXPECT_TRUE(writer.flush(kPatience));
    }
    EXPECT_EQ(writer.dropped(), 10u);
}

TEST(LineWriter, AFullDiskCostsLines) {
    const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    ASSERT_GE(full, 0);
    {
        LineWriter writer(full, kQueueBytes, drop_note);
        writer.push("one\ntwo");
        EXPECT_TRUE(writer.flush(kPatience));
        EXPECT_EQ(writer.dropped(), 2u);
    }
    close(full);
}

TEST(LineWriter, ALineLargerThanAPipeTakesInOnePieceArrivesWhole) {
    const Pipe pipe;
    LineWriter writer(pipe.writer(), 1'000'000, drop_note);
    const std::string large(200'000, 'a');
    writer.push("before");
    writer.push(large);
    writer.push("after");
    EXPECT_EQ(pipe.read_until("after\n"), "before\n" + large + "\nafter\n");
}

// The writer is destroyed; its thread stays with what it cannot write.
TEST(LineWriter, IsDestroyedWhileItsThreadWaits) {
    const Pipe pipe;
    const std::size_t filled = pipe.fill();
    {
        LineWriter writer(pipe.writer(), kQueueBytes, drop_note);
        writer.push("late");
        EXPECT_FALSE(writer.flush(kShort));
    }
    pipe.read_bytes(filled);
    EXPECT_EQ(pipe.read_until("late\n"), "late\n");
}

TEST(LineWriter, ManyThreadsWriteWholeLines) {
    const Pipe pipe;
    LineWriter writer(pipe.writer(), 1'000'000, drop_note);
    constexpr int kThreads = 4, kLines = 500;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < kThreads; ++t)
            threads.emplace_back([&writer, t] {
                for (int i = 0; i < kLines; ++i) writer.push(std::string(20, static_cast<char>('a' + t)));
            });
        const std::string read = pipe.read_bytes(kThreads * kLines * 21);
        for (std::size_t at = 0; at < read.size(); at += 21) {
            ASSERT_EQ(read.substr(at, 20), std::string(20, read[at]));
            ASSERT_EQ(read[at + 20], '\n');
        }
    }
    EXPECT_EQ(writer.dropped(), 0u);
}

TEST(StandardStreams, AClosedStreamIsReplaced) {
    const int saved = dup(STDIN_FILENO);
    close(STDIN_FILENO);
    keep_standard_streams_open();
    EXPECT_NE(fcntl(STDIN_FILENO, F_GETFD), -1);
    char byte = 0;
    EXPECT_EQ(read(STDIN_FILENO, &byte, 1), 0);
    dup2(saved, STDIN_FILENO);
    close(saved);
}

}  // namespace
}  // namespace ledgerline
