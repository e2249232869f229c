// `ledgerline up` and its cluster killed at every kind of bad moment: nothing is lost, nothing is posted twice.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>

#include "base/random.h"
#include "base/wakeup.h"
#include "cli/sample.h"
#include "e2e/program.h"
#include "lab/balance_model.h"
#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

constexpr std::int64_t kRows = 3000;
constexpr int kKills = 5;
constexpr std::uint64_t kKillDelayMsMax = 30;
constexpr int kTransactions = 40;
constexpr const char* kAccepted = "SELECT count(*) FROM accepted";

class UpOutages : public testing::Test {
protected:
    UpOutages() {
        std::string text = std::string(cli::sample_header) + "\n";
        cli::Sample sample({.seed = 11, .accounts = 200, .transactions = kRows});
        while (const auto row = sample.next()) text += cli::csv_line(*row, "CZK");
        std::ofstream(file_) << text;
        std::istringstream rows(text);
        model_ = BalanceModel::of(rows);
    }

    // Small batches, so that an import has many moments to be killed at.
    std::vector<std::string> import_arguments() const {
        return {"import", file_, "--url", up_->url(), "--batch", "20"};
    }
    void start(std::uint16_t port = 0) { up_ = std::make_unique<UpProcess>(data_dir_, port); }
    void kill_and_restart() {
        up_->kill();
        start(up_->port());
    }
    bool wait_accepted(std::int64_t rows) const {
        return eventually([&] { return up_->count(kAccepted) >= rows; });
    }
    std::map<std::string, std::int64_t> balances() const {
        db::Connection connection = up_->connect();
        const auto rows = connection.query(
            {"test_balances", "SELECT reference, balance_cents FROM accounts WHERE reference IS NOT NULL"});
        EXPECT_TRUE(rows) << rows.error().message;
        std::map<std::string, std::int64_t> balances;
        for (std::size_t row = 0; rows && row < rows->size(); ++row)
            balances[std::string(rows->text(row, 0))] = rows->int64(row, 1);
        return balances;
    }
    void expect_imported() const {
        EXPECT_EQ(run_to_end(import_arguments()), "exit code 0");
        EXPECT_EQ(balances(), model_.balances);
        expect_clean(*up_, data_dir_);
    }
    static Answer credit(ApiClient& client, const std::string& account, int key) {
        return client.post("/v1/transactions", transaction_json(account, std::to_string(key), 1));
    }

    const TempDir dir_;
    const std::filesystem::path data_dir_ = dir_.path() / "data";
    const std::string file_ = (dir_.path() / "sample.csv").string();
    BalanceModel model_;
    std::unique_ptr<UpProcess> up_;
};

TEST_F(UpOutages, KilledAtRandomMomentsOfAnImport) {
    const std::uint64_t seed = SystemRandom().next();
    RecordProperty("seed", std::to_string(seed));
    std::cout << "seed " << seed << std::endl;
    SeededRandom random(seed);
    std::vector<std::int64_t> moments;
    for (int i = 0; i < kKills; ++i) moments.push_back(1 + static_cast<std::int64_t>(random.below(kRows - 1)));
    std::ranges::sort(moments);

    start();
    Program import(import_arguments());
    for (const std::int64_t accepted : moments) {
        ASSERT_TRUE(wait_accepted(accepted)) << import.output();
        Wakeup().wait(milliseconds(random.below(kKillDelayMsMax)));
        kill_and_restart();
    }
    EXPECT_NE(import.wait_outcome(), "still running");
    expect_imported();
}

// What was announced on the bus of a killed process is announced again by the next one, without any new intake.
TEST_F(UpOutages, KilledBetweenPublishAndApplyDrainsByItself) {
    start();
    {
        db::Connection holder = up_->connect();
        ASSERT_TRUE(holder.query(db::begin));
        ASSERT_TRUE(holder.query({"test_hold", "SELECT lane FROM lane_apply FOR UPDATE"}));
        ApiClient client(up_->port());
        for (int i = 0; i < kTransactions; ++i)
            ASSERT_EQ(credit(client, ApiClient(up_->port()).open_account(), i).status, 201);
        ASSERT_TRUE(eventually(
            [this] { return up_->count("SELECT sum(published_seq)::bigint FROM lane_publish") == kTransactions; }));
        ASSERT_EQ(up_->value("SELECT sum(applied_seq)::bigint FROM lane_cursors"), "0");
        up_->kill();
    }
    start();
    EXPECT_TRUE(up_->wait_all_applied());
    EXPECT_EQ(up_->value("SELECT sum(balance_cents)::bigint FROM accounts"), std::to_string(kTransactions));
    expect_clean(*up_, data_dir_);
}

TEST_F(UpOutages, PostmasterKilledInMidImport) {
    start();
    const std::string account = ApiClient(up_->port()).open_account();
    Program import(import_arguments());
    ASSERT_TRUE(wait_accepted(kRows / 6)) << import.output();
    const pid_t killed = up_->postmaster_pid();
    ASSERT_GT(killed, 0);
    ASSERT_EQ(::kill(killed, SIGKILL), 0);

    ApiClient client(up_->port());
    int posted = 0;
    bool refused = false;
    ASSERT_TRUE(eventually([&] {
        const Answer reply = credit(client, account, posted++);
        refused = reply.status == 503;
        if (refused)
            EXPECT_NE(reply.header("retry-after"), "");
        else
            EXPECT_EQ(reply.status, 201) << json::serialize(reply.body);
        const pid_t now = up_->postmaster_pid();
        return refused || (now != killed && now != 0 && reply.status == 201);
    }));
    std::cout << (refused ? "refused meanwhile" : "back before a request was refused") << std::endl;
    EXPECT_EQ(import.wait_outcome(), "exit code 0") << import.output();
    expect_imported();
}

}  // namespace
}  // namespace ledgerline::test
