// `ledgerline up` as its users run it: starting, stopping, whom it lets in, and the floor under many clients at once.
#include "e2e/program.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/random.h"
#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kApiKey = "a-key-of-this-test-0123456789";
constexpr int kClients = 32;
constexpr int kRequestsPerClient = 63;
constexpr int kTriesMax = 50;
constexpr std::int64_t kFloorCents = -1000;

class Up : public testing::Test {
protected:
    const TempDir dir_;
    const std::filesystem::path data_dir_ = dir_.path() / "data";
};

TEST_F(Up, StartsServesAndStopsWithExitCode0) {
    UpProcess up(data_dir_);
    EXPECT_EQ(ApiClient(up.port()).get("/v1/accounts").status, 200);
    EXPECT_THAT(postgres_processes(data_dir_), Not(IsEmpty()));
    up.program().signal(SIGTERM);
    EXPECT_EQ(up.program().wait_outcome(), "exit code 0") << up.program().output();
    EXPECT_EQ(occurrences(up.program().output(), "ledgerline is ready: "), 1u);
    EXPECT_THAT(postgres_processes(data_dir_), IsEmpty());
}

TEST_F(Up, RefusesASecondUpOnTheSameDirectory) {
    UpProcess first(data_dir_);
    Program second({"up", "--data-dir", data_dir_.string(), "--listen", "127.0.0.1:0"});
    EXPECT_EQ(second.wait_outcome(), "exit code 4");
    EXPECT_THAT(second.output(), HasSubstr(data_dir_.string()));
    EXPECT_THAT(second.output(), HasSubstr(fmt::format("pid {}", first.program().pid())));
    EXPECT_EQ(ApiClient(first.port()).post("/v1/accounts", R"({"currency":"EUR"})").status, 201);
}

TEST_F(Up, RefusesToListenOpenly) {
    Program open({"up", "--data-dir", data_dir_.string(), "--listen", "0.0.0.0:0"});
    EXPECT_EQ(open.wait_outcome(), "exit code 2");
    EXPECT_THAT(open.output(), HasSubstr("--allow-open"));

    const std::string keys = (dir_.path() / "keys").string();
    std::ofstream(keys) << kApiKey << '\n';
    std::filesystem::permissions(keys, std::filesystem::perms(0600));
    UpProcess up(data_dir_, 0, "0.0.0.0", {"--api-keys-file", keys});
    EXPECT_EQ(ApiClient(up.port()).get("/v1/accounts").status, 401);
    EXPECT_EQ(ApiClient(up.port(), kApiKey).get("/v1/accounts").status, 200);
}

// Posts debits and credits one after the other, each until it is accepted. Their seqs, in the order of the posting.
std::vector<std::int64_t> post_many(std::uint16_t port, const std::string& account, int number) {
    ApiClient client(port);
    SeededRandom random(static_cast<std::uint64_t>(number));
    std::vector<std::int64_t> seqs;
    for (int i = 0; i < kRequestsPerClient; ++i) {
        const std::string body =
            transaction_json(account, fmt::format("{}-{}", number, i), static_cast<std::int64_t>(1 + random.below(300)),
                             random.below(5) < 3 ? "DEBIT" : "CREDIT");
        Answer reply;
        for (int tries = 0; tries < kTriesMax && reply.status != 201; ++tries)
            reply = client.post("/v1/transactions", body);
        EXPECT_EQ(reply.status, 201) << json::serialize(reply.body);
        seqs.push_back(reply.number("seq"));
    }
    return seqs;
}

// Computes every balance again, in the order of acceptance.
void expect_decided_in_order(const UpProcess& up) {
    db::Connection connection = up.connect();
    const auto rows =
        connection.query({"test_decided",
                          "SELECT t.type, t.amount_cents, d.kind, d.balance_after_cents, d.seq - t.seq FROM accepted t "
                          "JOIN decisions d ON d.transaction_id = t.id ORDER BY t.seq"});
    ASSERT_TRUE(rows) << rows.error().message;
    ASSERT_EQ(rows->size(), static_cast<std::size_t>(kClients * kRequestsPerClient));
    std::int64_t balance_cents = 0;
    int refused = 0;
    for (std::size_t row = 0; row < rows->size(); ++row) {
        const std::int64_t amount_cents = rows->int64(row, 1);
        const std::int64_t next_cents = balance_cents + (rows->text(row, 0) == "CREDIT" ? amount_cents : -amount_cents);
        const bool covered = next_cents >= kFloorCents;
        ASSERT_EQ(rows->text(row, 2), covered ? "POSTED" : "REFUSED") << "row " << row;
        ASSERT_EQ(rows->int64(row, 4), 0) << "row " << row;
        refused += covered ? 0 : 1;
        if (!covered) continue;
        balance_cents = next_cents;
        ASSERT_EQ(rows->int64(row, 3), balance_cents) << "row " << row;
    }
    EXPECT_GT(refused, 0);
}

TEST_F(Up, FloorUnderConcurrency) {
    const UpProcess up(data_dir_);
    const Answer made = ApiClient(up.port()).post(
        "/v1/accounts", fmt::format(R"({{"currency":"EUR","min_balance_cents":{}}})", kFloorCents));
    ASSERT_EQ(made.status, 201) << json::serialize(made.body);
    std::vector<std::vector<std::int64_t>> seqs(kClients);
    {
        std::vector<std::jthread> clients;
        for (int i = 0; i < kClients; ++i)
            clients.emplace_back(
                [&, i] { seqs[static_cast<std::size_t>(i)] = post_many(up.port(), made.at("id"), i); });
    }
    for (const auto& each : seqs) EXPECT_TRUE(std::ranges::adjacent_find(each, std::greater_equal<>()) == each.end());
    ASSERT_TRUE(up.wait_all_applied());
    expect_decided_in_order(up);
    EXPECT_EQ(up.value("SELECT count(*) FROM places"), "0");
    expect_clean(up, data_dir_);
}

}  // namespace
}  // namespace ledgerline::test
