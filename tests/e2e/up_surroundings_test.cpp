// What `up` makes of the surroundings of its private cluster: variables, the directory of the socket, who it is.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "cluster/os_user.h"
#include "e2e/program.h"
#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class UpSurroundingsTest : public testing::Test {
protected:
    static int make_account(const RoleProcess& up) {
        return ApiClient(up.port()).post("/v1/accounts", R"({"currency":"EUR"})").status;
    }
    std::filesystem::path sockets() const { return data_dir_ / "run"; }

    const TempDir dir_;
    const std::filesystem::path data_dir_ = dir_.path() / "data";
};

std::string environment_of(pid_t pid) {
    std::ifstream file(fmt::format("/proc/{}/environ", pid), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

TEST_F(UpSurroundingsTest, PostgresInheritsWhereLibrariesAndUsersAreAndNothingElse) {
    UpProcess up(data_dir_, 0, "127.0.0.1", {},
                 {"LD_LIBRARY_PATH=/nonexistent/libraries", "NSS_WRAPPER_PASSWD=/nonexistent/passwd",
                  "NSS_WRAPPER_GROUP=/nonexistent/group", "PGDATA=/nonexistent/data", "PGPORT=1"});
    const std::string variables = environment_of(up.postmaster_pid());
    for (const char* inherited : {"LD_LIBRARY_PATH=/nonexistent/libraries", "NSS_WRAPPER_PASSWD=/nonexistent/passwd",
                                  "NSS_WRAPPER_GROUP=/nonexistent/group"})
        EXPECT_THAT(variables, HasSubstr(inherited));
    for (const char* other : {"PGDATA=/nonexistent", "PGPORT=1"}) EXPECT_THAT(variables, Not(HasSubstr(other)));
    EXPECT_EQ(make_account(up), 201);
    EXPECT_EQ(up.stop(), "exit code 0");
}

TEST_F(UpSurroundingsTest, ASocketThatVanishesComesBackAndPaymentsGoOn) {
    UpProcess up(data_dir_);
    ASSERT_EQ(make_account(up), 201);
    const pid_t before = up.postmaster_pid();
    std::filesystem::remove_all(sockets());
    EXPECT_TRUE(eventually([&] { return up.postmaster_pid() != before && up.postmaster_pid() != 0; }));
    EXPECT_TRUE(up.program().prints("its socket in")) << up.program().output();
    EXPECT_TRUE(eventually([&] { return make_account(up) == 201; })) << up.program().output();
    EXPECT_TRUE(eventually([&] { return ApiClient(up.port()).get("/readyz").status == 200; }));
    expect_clean(up, data_dir_);
    EXPECT_EQ(up.stop(), "exit code 0");
}

class UpOfRoot : public UpSurroundingsTest {
protected:
    void SetUp() override {
        if (geteuid() != 0) GTEST_SKIP() << "only root can give files to other users";
    }
    void make_cluster() {
        UpProcess up(data_dir_);
        ASSERT_EQ(make_account(up), 201);
        ASSERT_EQ(up.stop(), "exit code 0");
    }
};

TEST_F(UpOfRoot, ADirectoryOfSocketsThatAnotherUserMadeIsNotTaken) {
    make_cluster();
    std::filesystem::remove_all(sockets());
    ASSERT_EQ(mkdir(sockets().c_str(), 0755), 0);
    ASSERT_EQ(chown(sockets().c_str(), 12345, 12345), 0);
    Program program({"up", "--data-dir", data_dir_.string(), "--listen", "127.0.0.1:0"});
    EXPECT_EQ(program.wait_outcome(), "exit code 4");
    EXPECT_THAT(program.output(), HasSubstr(sockets().string() + " belongs to another user"));
    EXPECT_TRUE(std::filesystem::is_empty(sockets()));
    std::filesystem::remove(sockets());
    UpProcess up(data_dir_);
    EXPECT_EQ(up.value("SELECT count(*) FROM accounts"), "1");
}

// initdb wants the name; the server does not.
TEST_F(UpOfRoot, AUserWithoutANameRunsAClusterThatIsThere) {
    constexpr uid_t nameless = 54321;
    ASSERT_FALSE(cluster::find_user(nameless));
    make_cluster();
    ASSERT_EQ(chown(data_dir_.c_str(), nameless, nameless), 0);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(data_dir_))
        ASSERT_EQ(lchown(entry.path().c_str(), nameless, nameless), 0) << entry.path();
    RoleProcess up({"up", "--data-dir", data_dir_.string(), "--listen", "127.0.0.1:0"}, {},
                   {"/usr/bin/setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"});
    EXPECT_EQ(make_account(up), 201);
    EXPECT_EQ(up.stop(), "exit code 0");
}

}  // namespace
}  // namespace ledgerline::test
