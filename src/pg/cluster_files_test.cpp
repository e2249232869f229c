#include "pg/cluster_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace ledgerline::pg {
namespace {

class ClusterFilesTest : public testing::Test {
protected:
    ClusterFilesTest() {
        std::string name = (std::filesystem::temp_directory_path() / "ledgerline-files-XXXXXX").string();
        LEDGERLINE_ASSERT(mkdtemp(name.data()));
        root_ = name;
    }
    ~ClusterFilesTest() override { std::filesystem::remove_all(root_); }

    std::filesystem::path root_;
};

TEST_F(ClusterFilesTest, AreNamedTheSameThroughALink) {
    std::filesystem::create_directory(root_ / "data");
    std::filesystem::create_directory_symlink(root_ / "data", root_ / "link");
    EXPECT_EQ(ClusterPaths::of(root_ / "link").value().cluster_name,
              ClusterPaths::of(root_ / "data").value().cluster_name);
    EXPECT_EQ(ClusterPaths::of(root_ / "missing").error().code, "data_dir_unusable");
}

TEST_F(ClusterFilesTest, ReplaceAPrivateFileWhole) {
    const auto path = root_ / "password";
    std::ofstream(path) << "something longer than the new text";
    ASSERT_TRUE(write_private_file(path, "new", nullptr));
    EXPECT_EQ(read_small_file(path).value(), "new");
    struct stat status{};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(ClusterFilesTest, KeepTheLogBounded) {
    const auto log = root_ / "postgres.log";
    std::ofstream(log) << std::string(log_bytes_max, 'a');
    rotate_log(log);
    EXPECT_EQ(log_bytes(log), log_bytes_max) << "at the limit it stays";
    std::ofstream(log, std::ios::app) << "b";
    rotate_log(log);
    EXPECT_EQ(log_bytes(log), 0u);
    EXPECT_EQ(log_bytes(log.string() + ".1"), log_bytes_max + 1);
    rotate_log(root_ / "missing");
}

TEST_F(ClusterFilesTest, QuoteTheEndOfALog) {
    const auto log = root_ / "postgres.log";
    EXPECT_EQ(log_tail(log, 0), "");
    std::ofstream(log) << "an earlier start\nFATAL:  one\nHINT:  two\n";
    EXPECT_EQ(log_tail(log, 17), "FATAL:  one HINT:  two");
    EXPECT_EQ(log_tail(log, 1000), "") << "it was rotated meanwhile";
    std::ofstream(log, std::ios::app) << std::string(10000, 'x') << "end";
    EXPECT_THAT(log_tail(log, 0), testing::AllOf(testing::SizeIs(2000), testing::EndsWith("xend")));
}

TEST_F(ClusterFilesTest, RefuseASocketDirectoryThatIsALink) {
    std::filesystem::create_directory(root_ / "elsewhere");
    std::filesystem::create_directory_symlink(root_ / "elsewhere", root_ / "run");
    EXPECT_FALSE(make_socket_dir(root_ / "run", nullptr));
}

TEST_F(ClusterFilesTest, RefuseASocketDirectoryOfAnotherUser) {
    if (geteuid() != 0) GTEST_SKIP() << "only root can give a directory to another user";
    std::filesystem::create_directory(root_ / "run");
    ASSERT_EQ(chown((root_ / "run").c_str(), 12345, 12345), 0);
    EXPECT_EQ(make_socket_dir(root_ / "run", nullptr).error().code, "socket_dir_taken");
}

}  // namespace
}  // namespace ledgerline::pg
