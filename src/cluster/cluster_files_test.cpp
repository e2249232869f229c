#include "cluster/cluster_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "cluster/cluster_log.h"

namespace ledgerline::cluster {
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

// A directory passed to --data-dir by mistake stays unchanged, whatever the rights of the user who starts us.
class DataDirTest : public ClusterFilesTest {
protected:
    static mode_t mode_of(const std::filesystem::path& path) {
        struct stat status{};
        return stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
    }
    static bool closed(const std::filesystem::path& path) { return chmod(path.c_str(), 0700) == 0; }

    const OsUser user_ = *find_user(geteuid());
};

TEST_F(DataDirTest, AFileIsRefusedAndLeftAlone) {
    std::ofstream(root_ / "file") << "text";
    ASSERT_EQ(chmod((root_ / "file").c_str(), 0600), 0);
    std::filesystem::create_symlink(root_ / "file", root_ / "link");
    for (const char* name : {"file", "link", "file/below"}) {
        const auto made = make_data_dir(root_ / name, &user_);
        ASSERT_FALSE(made) << name;
        EXPECT_THAT(made.error().message, testing::HasSubstr("Not a directory")) << name;
        EXPECT_FALSE(adopt_data_dir(root_ / name, user_)) << name;
    }
    EXPECT_EQ(mode_of(root_ / "file"), 0600u);
}

TEST_F(DataDirTest, ADirectoryWithOtherThingsInItIsNotOpenedUp) {
    const auto full = root_ / "full";
    std::filesystem::create_directories(full / "lock");
    std::ofstream(full / "password") << "of others";
    ASSERT_TRUE(closed(full));
    std::ofstream(full / "diary") << "text";
    ASSERT_TRUE(make_data_dir(full, &user_));
    EXPECT_EQ(mode_of(full), 0700u);
    std::filesystem::remove(full / "diary");
    ASSERT_TRUE(make_data_dir(full, &user_));
    EXPECT_EQ(mode_of(full), 0710u) << "nothing but our own names";
}

TEST_F(DataDirTest, ADirectoryWithAClusterIsOurs) {
    const auto used = root_ / "used";
    std::filesystem::create_directories(used / "postgres");
    std::ofstream(used / "postgres" / "PG_VERSION") << "15\n";
    std::ofstream(used / "notes") << "of the operator";
    ASSERT_TRUE(closed(used));
    ASSERT_TRUE(make_data_dir(used, &user_));
    EXPECT_EQ(mode_of(used), 0710u);
}

TEST_F(DataDirTest, ThatCannotBeNamedIsRefused) {
    for (const std::string& name : {std::string(), std::string(5000, 'd'), std::string(300, 'd')}) {
        const auto made = make_data_dir(name.empty() ? name : (root_ / name).string(), &user_);
        ASSERT_FALSE(made) << name.size();
        EXPECT_EQ(made.error().code, "data_dir_unusable");
    }
}

TEST_F(DataDirTest, OfOthersIsNotAdoptedForAFamiliarName) {
    if (geteuid() != 0) GTEST_SKIP() << "only root can give a directory to another user";
    const auto nobody = find_user("nobody");
    ASSERT_TRUE(nobody);
    ASSERT_EQ(chmod(root_.c_str(), 0755), 0);
    const auto run = root_ / "run";
    std::filesystem::create_directories(run / "lock");
    std::filesystem::create_directories(run / "systemd");
    EXPECT_FALSE(adopt_data_dir(run, *nobody));
    struct stat status{};
    ASSERT_EQ(stat(run.c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 0u);
}

}  // namespace
}  // namespace ledgerline::cluster
