// What signals do to the program: while it starts, while it serves and while it stops.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "e2e/program.h"
#include "lab/sockets.h"
#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kOldKey = "the-old-key-of-this-test-0123456789";
constexpr const char* kNewKey = "the-new-key-of-this-test-0123456789";
// Longer than any test waits.
constexpr const char* kLongDelay = "10m";

class SignalsTest : public testing::Test {
protected:
    std::filesystem::path write(const std::string& name, const std::string& text) const {
        const auto path = dir_.path() / name;
        std::ofstream(path) << text;
        std::filesystem::permissions(path, std::filesystem::perms(0600));
        return path;
    }

    const TempDir dir_;
    const std::filesystem::path data_dir_ = dir_.path() / "data";
};

// /readyz says no while everything else is served, to old connections and new ones.
void expect_serving_but_leaving(ApiClient& old_client, std::uint16_t port, const std::string& target) {
    EXPECT_TRUE(eventually([&] { return old_client.get("/readyz").status == 503; }));
    ApiClient fresh(port);
    EXPECT_EQ(fresh.get("/readyz").status, 503);
    for (ApiClient* client : {&old_client, &fresh}) {
        EXPECT_EQ(client->get("/livez").status, 200);
        EXPECT_EQ(client->get(target).status, 200);
    }
}

TEST_F(SignalsTest, TermLetsUpServeOnForTheDelayAndASecondOneCutsItShort) {
    UpProcess up(data_dir_, 0, "127.0.0.1", {"--shutdown-delay", kLongDelay});
    ApiClient client(up.port());
    EXPECT_EQ(client.get("/readyz").status, 200);
    up.program().signal(SIGTERM);
    expect_serving_but_leaving(client, up.port(), "/v1/accounts");
    const std::string account = client.open_account(R"("currency":"EUR","min_balance_cents":-100)");
    EXPECT_EQ(client.post("/v1/transactions", transaction_json(account, "k", 1, "DEBIT")).status, 201);
    EXPECT_TRUE(up.wait_all_applied()) << "the other stages work on, too";
    up.program().signal(SIGINT);
    EXPECT_EQ(up.program().wait_outcome(), "exit code 0") << up.program().output();
}

TEST_F(SignalsTest, TermLetsEveryRoleServeOnForTheDelay) {
    const TestDatabase database;
    for (const char* name : {"api", "publisher", "worker"}) {
        RoleProcess process(role_arguments(name, database.url(), {"--shutdown-delay", kLongDelay}));
        ApiClient client(process.port());
        process.program().signal(SIGTERM);
        expect_serving_but_leaving(client, process.port(), "/metrics");
        EXPECT_EQ(process.stop(), "exit code 0") << process.program().output();
    }
}

TEST_F(SignalsTest, TheDelayEndsByItself) {
    const TestDatabase database;
    RoleProcess process(role_arguments("api", database.url(), {"--shutdown-delay", "1s"}));
    EXPECT_EQ(process.stop(), "exit code 0");
    EXPECT_THAT(process.program().output(), HasSubstr(R"("delay_ms":1000)"));
}

// Those that look at /readyz from elsewhere take their time.
TEST_F(SignalsTest, WhereOthersConnectThereIsADelayUnlessToldOtherwise) {
    const TestDatabase database;
    auto arguments = role_arguments("api", database.url(), {"--allow-open"});
    RoleProcess near(arguments);
    EXPECT_EQ(near.stop(), "exit code 0");
    EXPECT_THAT(near.program().output(), Not(HasSubstr("delay_ms")));
    arguments[6] = "0.0.0.0:0";
    RoleProcess far(arguments);
    far.program().signal(SIGTERM);
    EXPECT_TRUE(far.program().prints(R"("delay_ms":5000)")) << far.program().output();
    EXPECT_EQ(far.stop(), "exit code 0");
}

TEST_F(SignalsTest, HangupReadsTheKeysAgainAndABadFileChangesNothing) {
    const TestDatabase database;
    const auto keys = write("keys", std::string(kOldKey) + "\n");
    RoleProcess api(role_arguments("api", database.url(), {"--api-keys-file", keys.string()}));
    const auto status = [&](const char* key) { return ApiClient(api.port(), key).get("/v1/accounts").status; };
    EXPECT_EQ(status(kOldKey), 200);
    EXPECT_EQ(status(kNewKey), 403);

    write("keys", "# none\n");
    api.program().signal(SIGHUP);
    ASSERT_TRUE(api.program().prints("holds no key")) << api.program().output();
    EXPECT_THAT(api.program().output(), HasSubstr(keys.string()));
    EXPECT_EQ(status(kOldKey), 200);

    // As a deployment tool replaces it.
    std::filesystem::rename(write("keys.new", std::string(kNewKey) + "\n"), keys);
    api.program().signal(SIGHUP);
    ASSERT_TRUE(eventually([&] { return status(kNewKey) == 200; })) << api.program().output();
    EXPECT_EQ(status(kOldKey), 403);

    std::filesystem::remove(keys);
    api.program().signal(SIGHUP);
    ASSERT_TRUE(api.program().prints("cannot be read"));
    EXPECT_EQ(status(kNewKey), 200);
    EXPECT_EQ(api.stop(), "exit code 0");
    for (const char* key : {kOldKey, kNewKey}) EXPECT_THAT(api.program().output(), Not(HasSubstr(key)));
}

std::vector<int> harmless_signals() {
    std::vector<int> numbers{SIGHUP, SIGQUIT,   SIGPIPE, SIGALRM, SIGUSR1,   SIGUSR2, SIGXFSZ, SIGXCPU, SIGIO,
                             SIGPWR, SIGVTALRM, SIGPROF, SIGURG,  SIGSTKFLT, SIGCHLD, SIGCONT, SIGWINCH};
    for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) numbers.push_back(number);
    return numbers;
}

TEST_F(SignalsTest, OthersEndNoRole) {
    const TestDatabase database;
    for (const char* name : {"api", "publisher", "worker"}) {
        RoleProcess process(role_arguments(name, database.url()));
        for (const int number : harmless_signals()) {
            process.program().signal(number);
            ASSERT_EQ(ApiClient(process.port()).get("/livez").status, 200) << name << " after signal " << number;
        }
        EXPECT_EQ(process.stop(), "exit code 0") << name;
    }
}

TEST_F(SignalsTest, OthersEndNeitherUpNorItsCluster) {
    UpProcess up(data_dir_);
    for (const int number : harmless_signals()) up.program().signal(number);
    EXPECT_EQ(ApiClient(up.port()).post("/v1/accounts", R"({"currency":"EUR"})").status, 201);
    EXPECT_EQ(up.stop(), "exit code 0");
}

TEST_F(SignalsTest, TermEndsAStartThatWaitsForASilentDatabase) {
    for (const char* name : {"api", "publisher", "worker", "up"}) {
        SilentServer server;
        auto arguments = role_arguments(name, "postgresql://a:b@" + server.address() + "/c?connect_timeout=300");
        if (name == std::string("up")) arguments.insert(arguments.end(), {"--data-dir", data_dir_.string()});
        Program program(arguments);
        server.accept();
        const SteadyTime told = SystemClock().steady_now();
        program.signal(SIGTERM);
        EXPECT_EQ(program.wait_outcome(), "exit code 0") << name << program.output();
        EXPECT_LT(SystemClock().steady_now() - told, std::chrono::seconds(30)) << name;
    }
}

TEST_F(SignalsTest, TermEndsUpWhileItMakesItsClusterAndTheNextStartMakesIt) {
    {
        Program program({"up", "--data-dir", data_dir_.string(), "--listen", "127.0.0.1:0"});
        ASSERT_TRUE(program.prints("creating a PostgreSQL")) << program.output();
        program.signal(SIGTERM);
        EXPECT_EQ(program.wait_outcome(), "exit code 0") << program.output();
    }
    EXPECT_TRUE(eventually([&] { return postgres_processes(data_dir_).empty(); }));
    UpProcess up(data_dir_);
    EXPECT_EQ(ApiClient(up.port()).get("/v1/accounts").status, 200);
}

}  // namespace
}  // namespace ledgerline::test
