// Programs whose stderr and stdout are one pipe that is full and that nobody reads: a log collector that stands still.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <future>
#include <vector>

#include "cluster/private_cluster.h"
#include "e2e/program.h"
#include "lab/sockets.h"
#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

constexpr int kClients = 8;
constexpr int kRequestsPerClient = 400;

// Nobody reads what it prints, until read_on().
class StalledProgram : public Program {
public:
    explicit StalledProgram(std::vector<std::string> arguments, const Variables& variables = {})
        : Program(std::move(arguments), variables, {}, Output::stalled) {}
};

bool wait_status(std::uint16_t port, const std::string& target, int status) {
    return eventually([&] { return ApiClient(port).get(target).status == status; });
}

std::string new_account(std::uint16_t port) { return ApiClient(port).open_account(); }

// Returns how many were answered 201.
int post_credits(std::uint16_t port, const std::string& account, int client_number) {
    ApiClient client(port);
    int created = 0;
    for (int i = 0; i < kRequestsPerClient; ++i) {
        const Answer reply =
            client.post("/v1/transactions", transaction_json(account, fmt::format("{}-{}", client_number, i), 1));
        created += reply.status == 201 ? 1 : 0;
    }
    return created;
}

int post_from_all_clients(std::uint16_t port) {
    std::vector<std::future<int>> clients;
    for (int i = 0; i < kClients; ++i)
        clients.push_back(
            std::async(std::launch::async, [port, i] { return post_credits(port, new_account(port), i); }));
    int created = 0;
    for (auto& client : clients) created += client.get();
    return created;
}

std::int64_t metric(std::uint16_t port, const std::string& name) {
    const std::string body = ApiClient(port).get("/metrics").text();
    const auto at = body.find("\n" + name + " ");
    return at == std::string::npos ? -1 : static_cast<std::int64_t>(std::stod(body.substr(at + name.size() + 2)));
}

class StalledLog : public testing::Test {
protected:
    std::vector<std::string> up(std::vector<std::string> more = {}) const {
        std::vector<std::string> all = {"up", "--data-dir", data_dir_.string(), "--listen",
                                        fmt::format("127.0.0.1:{}", port_)};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }

    const TempDir dir_;
    const std::filesystem::path data_dir_ = dir_.path() / "data";
    const std::uint16_t port_ = free_port();
};

TEST_F(StalledLog, UpAnswersAppliesAndEnds) {
    StalledProgram program(up({"--log-level", "debug"}));
    ASSERT_TRUE(wait_status(port_, "/readyz", 200));
    EXPECT_EQ(post_from_all_clients(port_), kClients * kRequestsPerClient);
    EXPECT_GT(metric(port_, "log_lines_dropped_total"), 0);
    EXPECT_EQ(program.end(), "exit code 0");
}

TEST_F(StalledLog, SaysWhatWasDroppedWhenItIsReadAgain) {
    const TestDatabase database;
    StalledProgram program(
        {"api", "--database-url", database.url(), "--listen", fmt::format("127.0.0.1:{}", port_), "--log-payments"});
    ASSERT_TRUE(wait_status(port_, "/readyz", 200));
    EXPECT_EQ(post_from_all_clients(port_), kClients * kRequestsPerClient);
    ASSERT_GT(metric(port_, "log_lines_dropped_total"), 0);
    program.read_on();
    EXPECT_TRUE(program.prints("log lines were dropped"));
    EXPECT_EQ(program.end(), "exit code 0");
    EXPECT_TRUE(program.prints(R"("message":"stopping")"));
}

TEST_F(StalledLog, TheWatchdogEndsAProcessThatHangs) {
    StalledProgram program(up({"--stall-timeout", "1s"}));
    ASSERT_TRUE(wait_status(port_, "/readyz", 200));
    ASSERT_TRUE(eventually([this] { return metric(port_, "publisher_lanes_owned") > 0; }));
    const auto url = cluster::database_url(data_dir_);
    ASSERT_TRUE(url);
    auto holder = db::Connection::open(
        {.url = *url, .application_name = "ledgerline-test", .idle_in_transaction_timeout = patience});
    ASSERT_TRUE(holder);
    ASSERT_TRUE(holder->query(db::begin));
    ASSERT_TRUE(holder->query({"test_hold", "LOCK TABLE publishers"}));
    EXPECT_EQ(program.wait_outcome(), "exit code 3");
}

// The other roles, with a broker that is away, about which librdkafka has much to say.
TEST_F(StalledLog, EveryRoleServesAndEnds) {
    const TestDatabase database;
    for (const std::string role : {"api", "publisher", "worker"}) {
        StalledProgram program({role, "--database-url", database.url(), "--kafka-brokers", no_broker, "--listen",
                                fmt::format("127.0.0.1:{}", port_), "--log-level", "debug"});
        ASSERT_TRUE(wait_status(port_, "/livez", 200)) << role;
        for (int i = 0; i < kRequestsPerClient; ++i) ASSERT_EQ(ApiClient(port_).get("/livez").status, 200) << role;
        EXPECT_EQ(program.end(), "exit code 0") << role;
    }
}

TEST_F(StalledLog, WhatCannotStartEndsWithItsExitCode) {
    const std::vector<std::string> away = {
        "--database-url", "postgresql://127.0.0.1:1/ledgerline", "--startup-timeout", "1s", "--listen", "127.0.0.1:0"};
    for (const std::string role : {"api", "publisher", "worker", "up"}) {
        EXPECT_EQ(StalledProgram({role, "--no-such-flag"}).wait_outcome(), "exit code 2") << role;
        std::vector<std::string> arguments = {role, "--kafka-brokers", no_broker};
        arguments.insert(arguments.end(), away.begin(), away.end());
        EXPECT_EQ(StalledProgram(arguments).wait_outcome(), "exit code 3") << role;
    }
}

// libpq prints its warning about the password file to stderr by itself, at every connect.
TEST_F(StalledLog, AWarningOfALibraryHoldsNobodyUp) {
    StalledProgram program({"api", "--database-url", "postgresql://127.0.0.1:1/ledgerline", "--startup-timeout", "1s",
                            "--listen", "127.0.0.1:0"},
                           {"PGPASSFILE=" + dir_.path().string()});
    EXPECT_EQ(program.wait_outcome(), "exit code 3");
}

}  // namespace
}  // namespace ledgerline::test
