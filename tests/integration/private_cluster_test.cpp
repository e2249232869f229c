#include "cluster/private_cluster.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "cluster/child_process.h"
#include "cluster/cluster_files.h"
#include "cluster/cluster_processes.h"
#include "cluster/cluster_sizes.h"
#include "cluster/postgres_binaries.h"
#include "lab/test_database.h"

namespace ledgerline::cluster {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr milliseconds kPatience{60000};

std::string value_of(const std::string& url, const std::string& sql) {
    auto connection = db::Connection::open({.url = url, .application_name = "test"});
    if (!connection) return connection.error().message;
    const auto rows = connection->query({"test_value", sql});
    return rows ? std::string(rows->text(0, 0)) : rows.error().message;
}

std::string run_script(const std::string& url, const std::string& sql) {
    auto connection = db::Connection::open({.url = url, .application_name = "test"});
    if (!connection) return connection.error().message;
    const auto ran = connection->run_script(sql);
    return ran ? "" : ran.error().message;
}

// The user that clusters of this test run as; null when it is our own.
const OsUser* os_user() {
    static const std::optional<OsUser> user = cluster_user("").value();
    return user ? &*user : nullptr;
}

// Waits until no process has the pid any more. It need not be a child of ours.
bool wait_gone(pid_t pid) {
    const int descriptor = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (descriptor < 0) return errno == ESRCH;
    pollfd end{descriptor, POLLIN, 0};
    const bool gone = poll(&end, 1, static_cast<int>(kPatience.count())) == 1;
    close(descriptor);
    return gone;
}

class PrivateClusterTest : public testing::Test {
protected:
    PrivateClusterConfig config() const { return {.data_dir = dir(), .durable = false}; }
    std::filesystem::path dir() const { return temp_.path() / "data"; }
    std::filesystem::path pid_file() const { return dir() / "postgres" / "postmaster.pid"; }

    // Makes a cluster with something in it, stopped.
    void make() {
        PrivateCluster cluster(config(), random_);
        const auto started = cluster.start();
        ASSERT_TRUE(started) << started.error().message;
        ASSERT_EQ(run_script(cluster.url(), "CREATE TABLE kept AS SELECT 1 AS one"), "");
    }
    // Starts a cluster on the directory and looks whether what make() put there is still there.
    void expect_kept() {
        PrivateCluster cluster(config(), random_);
        const auto started = cluster.start();
        ASSERT_TRUE(started) << started.error().message;
        EXPECT_EQ(value_of(cluster.url(), "SELECT one FROM kept"), "1");
    }
    Error start_failure(const PrivateClusterConfig& config) {
        PrivateCluster cluster(config, random_);
        const auto started = cluster.start();
        EXPECT_FALSE(started);
        return started ? Error{} : started.error();
    }
    // A program of the cluster's user that nobody watches over.
    ChildProcess run(std::vector<std::string> arguments, const OsUser* user) {
        ProgramStart start;
        start.arguments = std::move(arguments);
        start.user = user;
        start.output = STDERR_FILENO;
        return ChildProcess::start(start).value();
    }

    // Another process that owns a cluster on the directory, and the pid of its postmaster.
    std::pair<ChildProcess, pid_t> start_owner() {
        int output[2];
        LEDGERLINE_ASSERT(pipe2(output, O_CLOEXEC) == 0);
        ProgramStart start;
        start.arguments = {CLUSTER_OWNER, dir().string()};
        start.output = output[1];
        auto owner = ChildProcess::start(start).value();
        close(output[1]);
        // Its log comes the same way.
        FILE* lines = fdopen(output[0], "r");
        char line[1024] = {};
        while (std::fgets(line, sizeof line, lines) && line[0] == '{') continue;
        std::fclose(lines);
        const pid_t postmaster = std::atoi(line);
        EXPECT_GT(postmaster, 0) << line;
        return {std::move(owner), postmaster};
    }

    test::TempDir temp_;
    SystemRandom random_;
};

TEST_F(PrivateClusterTest, IsSizedForTheMachine) {
    PrivateClusterConfig told = config();
    std::string progress;
    told.on_progress = [&](std::string_view text) { (progress += text) += '\n'; };
    PrivateCluster cluster(told, random_);
    const auto started = cluster.start();
    ASSERT_TRUE(started) << started.error().message;
    const ClusterSizes sizes = sizes_for(sizes_of_machine(dir()));
    const auto mib = [&](const char* setting) {
        return std::stoll(
            value_of(cluster.url(), fmt::format("SELECT pg_size_bytes(current_setting('{}')) >> 20", setting)));
    };
    EXPECT_EQ(mib("shared_buffers"), sizes.shared_buffers);
    EXPECT_EQ(mib("effective_cache_size"), sizes.effective_cache);
    EXPECT_EQ(mib("wal_buffers"), sizes.wal_buffers);
    EXPECT_EQ(value_of(cluster.url(), "SHOW wal_compression"), "lz4") << "Debian's PostgreSQL has it";
    EXPECT_THAT(progress, HasSubstr(fmt::format("shared_buffers {} MB", sizes.shared_buffers)));
    EXPECT_THAT(progress, HasSubstr("wal_compression lz4"));
}

TEST_F(PrivateClusterTest, IsDurableChecksummedAndLocal) {
    auto durable = config();
    durable.durable = true;
    PrivateCluster cluster(durable, random_);
    ASSERT_TRUE(cluster.start());
    EXPECT_TRUE(cluster.start()) << "once more does nothing";
    for (const char* setting : {"data_checksums", "fsync", "full_page_writes", "synchronous_commit"})
        EXPECT_EQ(value_of(cluster.url(), std::string("SHOW ") + setting), "on") << setting;
    EXPECT_EQ(value_of(cluster.url(), "SHOW wal_segment_size"), "4MB") << "to make one takes a moment only";
    EXPECT_EQ(value_of(cluster.url(), "SHOW listen_addresses"), "");
    EXPECT_EQ(value_of(cluster.url(), "SELECT current_database()"), "ledgerline");
    EXPECT_EQ(getsid(cluster.postmaster_pid()), cluster.postmaster_pid()) << "Ctrl-C must not reach it";
    struct stat status{};
    ASSERT_EQ(stat(("/proc/" + std::to_string(cluster.postmaster_pid())).c_str(), &status), 0);
    EXPECT_NE(status.st_uid, 0u);
    ASSERT_EQ(stat((dir() / "password").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(PrivateClusterTest, KeepsItsDataOverStopAndStart) {
    make();
    PrivateCluster cluster(config(), random_);
    ASSERT_TRUE(cluster.start());
    cluster.stop();
    cluster.stop();
    EXPECT_FALSE(std::filesystem::exists(pid_file()));
    ASSERT_TRUE(cluster.start());
    EXPECT_EQ(value_of(cluster.url(), "SELECT one FROM kept"), "1");
}

TEST_F(PrivateClusterTest, TellsItsUrlRunningOrStopped) {
    EXPECT_EQ(database_url(dir()).error().code, "no_cluster");
    PrivateCluster cluster(config(), random_);
    ASSERT_TRUE(cluster.start());
    const std::string url = cluster.url();
    EXPECT_EQ(database_url(dir()).value(), url);
    cluster.stop();
    EXPECT_EQ(database_url(dir()).value(), url);
}

TEST_F(PrivateClusterTest, KeepsWhatAnAdministratorSet) {
    make();
    {
        PrivateCluster cluster(config(), random_);
        ASSERT_TRUE(cluster.start());
        ASSERT_EQ(run_script(cluster.url(), "ALTER SYSTEM SET work_mem = '5MB'"), "");
    }
    PrivateCluster cluster(config(), random_);
    ASSERT_TRUE(cluster.start());
    EXPECT_EQ(value_of(cluster.url(), "SHOW work_mem"), "5MB");
}

TEST_F(PrivateClusterTest, IsRefusedToASecondOwner) {
    PrivateCluster cluster(config(), random_);
    ASSERT_TRUE(cluster.start());
    const Error error = start_failure(config());
    EXPECT_EQ(error.code, "data_dir_in_use");
    EXPECT_EQ(error.disposition, Disposition::stop);
    EXPECT_THAT(error.message, HasSubstr("pid " + std::to_string(getpid())));
    EXPECT_EQ(value_of(cluster.url(), "SELECT 1"), "1");
}

TEST_F(PrivateClusterTest, ComesBackAfterItsPostmasterWasKilled) {
    make();
    PrivateCluster cluster(config(), random_);
    ASSERT_TRUE(cluster.start());
    for (unsigned kills = 1; kills <= 2; ++kills) {
        ASSERT_EQ(kill(cluster.postmaster_pid(), SIGKILL), 0);
        ASSERT_TRUE(cluster.wait_restarts(kills, kPatience));
        EXPECT_EQ(value_of(cluster.url(), "SELECT one FROM kept"), "1");
    }
    EXPECT_EQ(cluster.restarts(), 2u);
}

// A child of the dead postmaster that does not end keeps the shared memory, and so the next postmaster from starting.
TEST_F(PrivateClusterTest, ComesBackThoughAFrozenChildOfItIsLeft) {
    make();
    PrivateCluster cluster(config(), random_);
    ASSERT_TRUE(cluster.start());
    auto session = db::Connection::open({.url = cluster.url(), .application_name = "test"}).value();
    ASSERT_EQ(kill(session.server_pid(), SIGSTOP), 0);
    ASSERT_EQ(kill(cluster.postmaster_pid(), SIGKILL), 0);
    ASSERT_TRUE(cluster.wait_restarts(1, kPatience));
    EXPECT_EQ(value_of(cluster.url(), "SELECT one FROM kept"), "1");
}

TEST_F(PrivateClusterTest, EndsWithAKilledOwner) {
    make();
    auto [owner, postmaster] = start_owner();
    owner.signal(SIGKILL);
    ASSERT_TRUE(owner.wait(kPatience));
    EXPECT_TRUE(wait_gone(postmaster));
    EXPECT_FALSE(std::filesystem::exists(pid_file())) << "it was shut down in order";
}

TEST_F(PrivateClusterTest, StartsWhileThePostmasterOfAKilledOwnerMayStillBeEnding) {
    make();
    auto [owner, postmaster] = start_owner();
    EXPECT_THAT(start_failure(config()).message, HasSubstr("pid " + std::to_string(owner.pid())));
    owner.signal(SIGKILL);
    ASSERT_TRUE(owner.wait(kPatience));
    expect_kept();
    EXPECT_TRUE(wait_gone(postmaster));
}

// As it is when the operating system could not end it with its owner.
TEST_F(PrivateClusterTest, EndsAPostmasterThatAnEarlierRunLeft) {
    make();
    const auto postgres = find_postgres({}, 0).value().directory / "postgres";
    ASSERT_TRUE(make_socket_dir(ClusterPaths::of(dir()).value().socket_dir, os_user()));
    auto orphan = run({postgres.string(), "-D", (dir() / "postgres").string()}, os_user());
    const std::string url = database_url(dir()).value();
    while (value_of(url, "SELECT one FROM kept") != "1") ASSERT_FALSE(orphan.wait(milliseconds(10)));
    expect_kept();
    EXPECT_TRUE(orphan.wait(kPatience));
    EXPECT_EQ(orphan.outcome(), "exit code 0");
}

TEST_F(PrivateClusterTest, IsNotKeptFromStartingByAStalePidFile) {
    make();
    for (const char* content : {"", "2147483646\n", "nonsense\n"}) {
        std::ofstream(pid_file()) << content;
        expect_kept();
    }
}

// After a reboot the pid in the file may be anybody's. That one is left alone.
TEST_F(PrivateClusterTest, IsNotKeptFromStartingByAStrangerWithTheOldPid) {
    make();
    auto stranger = run({"/bin/sleep", "600"}, os_user());
    {
        std::ofstream file(pid_file());
        file << stranger.pid() << "\n" << (dir() / "postgres").string() << "\n1700000000\n5432\n\n\n0 0\n";
    }
    expect_kept();
    EXPECT_FALSE(stranger.wait(milliseconds(0)));
}

TEST_F(PrivateClusterTest, StartsOverAfterAHalfMadeCluster) {
    std::filesystem::create_directories(dir() / "postgres.making-0123456789abcdef" / "base");
    std::ofstream(dir() / "postgres.making-0123456789abcdef" / "PG_VERSION") << "15\n";
    std::ofstream(dir() / "lock") << "1\n";
    make();
    EXPECT_FALSE(std::filesystem::exists(dir() / "postgres.making-0123456789abcdef"));
    expect_kept();
}

TEST_F(PrivateClusterTest, ManagesPathsThatASocketCannotHave) {
    for (const std::string& name : {std::string(150, 'x'), std::string("it's a \"path\", 100% odd")}) {
        auto odd = config();
        odd.data_dir = temp_.path() / name;
        PrivateCluster cluster(odd, random_);
        const auto started = cluster.start();
        ASSERT_TRUE(started) << started.error().message;
        EXPECT_EQ(value_of(cluster.url(), "SELECT 1"), "1");
        const auto socket_dir = ClusterPaths::of(odd.data_dir).value().socket_dir;
        cluster.stop();
        EXPECT_FALSE(std::filesystem::exists(socket_dir));
    }
}

// As a cleaner of old files does it. The postmaster itself would never notice.
TEST_F(PrivateClusterTest, MakesItsSocketAnewWhenThatIsGone) {
    auto odd = config();
    for (const std::string& name : {std::string("data"), std::string(150, 'x')}) {
        odd.data_dir = temp_.path() / name;
        PrivateCluster cluster(odd, random_);
        ASSERT_TRUE(cluster.start());
        const auto socket_dir = ClusterPaths::of(odd.data_dir).value().socket_dir;
        std::filesystem::remove(socket_dir / ".s.PGSQL.5432");
        ASSERT_TRUE(cluster.wait_restarts(1, kPatience));
        EXPECT_EQ(value_of(cluster.url(), "SELECT 1"), "1");
        std::filesystem::remove_all(socket_dir);
        ASSERT_TRUE(cluster.wait_restarts(2, kPatience));
        EXPECT_EQ(value_of(cluster.url(), "SELECT 1"), "1");
    }
}

TEST_F(PrivateClusterTest, NobodyCanTakeTheSocketsDirectoryBeforehand) {
    auto odd = config();
    odd.data_dir = temp_.path() / std::string(150, 'x');
    std::filesystem::create_directories(odd.data_dir);
    // A place that can be told from the path alone.
    const auto foreseen = ClusterPaths::of(odd.data_dir).value().socket_dir;
    std::filesystem::create_directory(foreseen);
    std::filesystem::permissions(foreseen, std::filesystem::perms::all);
    PrivateCluster cluster(odd, random_);
    const auto started = cluster.start();
    ASSERT_TRUE(started) << started.error().message;
    const auto taken = ClusterPaths::of(odd.data_dir).value().socket_dir;
    EXPECT_NE(taken, foreseen);
    struct stat status{};
    ASSERT_EQ(stat(taken.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700u);
    EXPECT_TRUE(std::filesystem::is_empty(foreseen));
    EXPECT_EQ(value_of(database_url(odd.data_dir).value(), "SELECT 1"), "1") << "other processes find it";
    cluster.stop();
    // One that was recorded, and then taken by somebody else, is left to them.
    std::filesystem::create_directory(taken);
    std::filesystem::permissions(taken, std::filesystem::perms::all);
    ASSERT_TRUE(cluster.start());
    EXPECT_NE(ClusterPaths::of(odd.data_dir).value().socket_dir, taken);
    cluster.stop();
    std::filesystem::remove(taken);
    std::filesystem::remove(foreseen);
}

TEST_F(PrivateClusterTest, ItsProgramsInheritWhereLibrariesAndUsersAre) {
    setenv("LD_LIBRARY_PATH", "/nonexistent/libraries", 1);
    setenv("NSS_WRAPPER_PASSWD", "/nonexistent/passwd", 1);
    setenv("PGDATA", "/nonexistent/data", 1);
    {
        PrivateCluster cluster(config(), random_);
        ASSERT_TRUE(cluster.start());
        std::ifstream file("/proc/" + std::to_string(cluster.postmaster_pid()) + "/environ", std::ios::binary);
        const std::string variables((std::istreambuf_iterator<char>(file)), {});
        EXPECT_THAT(variables, HasSubstr("LD_LIBRARY_PATH=/nonexistent/libraries"));
        EXPECT_THAT(variables, HasSubstr("NSS_WRAPPER_PASSWD=/nonexistent/passwd"));
        EXPECT_THAT(variables, Not(HasSubstr("PGDATA=/nonexistent")));
    }
    for (const char* name : {"LD_LIBRARY_PATH", "NSS_WRAPPER_PASSWD", "PGDATA"}) unsetenv(name);
}

TEST_F(PrivateClusterTest, AStartEndsWhenItIsTold) {
    auto told = config();
    told.cancelled = [] { return true; };
    EXPECT_EQ(start_failure(told).code, "start_cancelled");
    const uid_t owner = os_user() ? os_user()->uid : geteuid();
    EXPECT_TRUE(cluster_processes(ClusterPaths::of(dir()).value(), owner).empty());
    make();
}

TEST_F(PrivateClusterTest, UsesAnEmptyDirectoryThatIsClosedToOthers) {
    ASSERT_EQ(mkdir(dir().c_str(), 0700), 0);
    make();
    struct stat status{};
    ASSERT_EQ(stat(dir().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0007, 0u);
}

TEST_F(PrivateClusterTest, SaysWhoCannotReachWhichDirectory) {
    if (!os_user()) GTEST_SKIP() << "only as root does the cluster run as another user";
    ASSERT_EQ(mkdir((temp_.path() / "closed").c_str(), 0700), 0);
    std::ofstream(temp_.path() / "closed" / "others").flush();
    auto closed = config();
    closed.data_dir = temp_.path() / "closed" / "data";
    const Error error = start_failure(closed);
    EXPECT_EQ(error.code, "data_dir_unreachable");
    EXPECT_EQ(error.disposition, Disposition::stop);
    EXPECT_THAT(error.message, HasSubstr("'" + os_user()->name + "'"));
    EXPECT_THAT(error.message, HasSubstr((temp_.path() / "closed").string() + ","));
    EXPECT_FALSE(std::filesystem::exists(closed.data_dir / "initdb.log"));

    closed.data_dir = temp_.path() / "closed";
    EXPECT_EQ(start_failure(closed).code, "data_dir_unreachable") << "others' files are in it: it is not opened";
}

TEST_F(PrivateClusterTest, SaysWhichPackageIsMissing) {
    auto elsewhere = config();
    elsewhere.bin_dir = "/nonexistent";
    const Error error = start_failure(elsewhere);
    EXPECT_EQ(error.code, "postgres_missing");
    EXPECT_THAT(error.message, HasSubstr("postgresql-15"));
    EXPECT_THAT(error.message, HasSubstr("/nonexistent"));
}

TEST_F(PrivateClusterTest, SaysWhyItDoesNotStart) {
    make();
    {
        PrivateCluster cluster(config(), random_);
        ASSERT_TRUE(cluster.start());
        ASSERT_EQ(run_script(cluster.url(), "ALTER SYSTEM SET shared_preload_libraries = 'no_such_library'"), "");
    }
    const Error error = start_failure(config());
    EXPECT_EQ(error.code, "cluster_start_failed");
    EXPECT_THAT(error.message, HasSubstr("no_such_library"));
    EXPECT_THAT(error.message, Not(HasSubstr("password")));
    // The lock is free again.
    EXPECT_EQ(start_failure(config()).code, "cluster_start_failed");
}

TEST_F(PrivateClusterTest, TellsWhatTakesLong) {
    std::vector<std::string> told;
    auto telling = config();
    telling.on_progress = [&](std::string_view what) { told.emplace_back(what); };
    PrivateCluster cluster(telling, random_);
    ASSERT_TRUE(cluster.start());
    ASSERT_EQ(told.size(), 2u);
    EXPECT_THAT(told[0], HasSubstr("creating"));
    EXPECT_THAT(told[1], HasSubstr("starting"));
}

TEST(TestDatabase, IsFreshAndMigrated) {
    const test::TestDatabase first, second;
    first.run("INSERT INTO publishers VALUES ('a', now())");
    EXPECT_EQ(first.value("SELECT count(*) FROM publishers"), "1");
    EXPECT_EQ(second.value("SELECT count(*) FROM publishers"), "0");
    EXPECT_EQ(second.value("SELECT count(*) FROM lane_apply"), "48");
}

TEST(TestCluster, CanBeKilledStoppedAndStarted) {
    test::TestCluster cluster;
    const test::TestDatabase database(cluster);
    database.run("CREATE TABLE kept AS SELECT 1 AS one");
    cluster.kill_postmaster();
    cluster.wait_back();
    EXPECT_EQ(database.value("SELECT one FROM kept"), "1");
    cluster.stop();
    cluster.stop();
    EXPECT_FALSE(db::Connection::open(database.config()));
    cluster.start();
    EXPECT_EQ(database.value("SELECT one FROM kept"), "1");
}

}  // namespace
}  // namespace ledgerline::cluster
