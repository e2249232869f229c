// Webhooks with notifiers, receivers and the rest as processes that are killed, and the receiver of
// docs/integrating.md as it stands there.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>

#include "base/random.h"
#include "e2e/program.h"
#include "e2e/shell.h"
#include "lab/sockets.h"
#include "lab/temp_dir.h"
#include "lab/test_database.h"
#include "lab/webhook_receiver.h"

namespace ledgerline::test {
namespace {

const std::vector<std::string> kAllowed{"--webhook-allow", "127.0.0.0/8"};

std::vector<std::string> arguments(std::vector<std::string> words) {
    words.insert(words.end(), kAllowed.begin(), kAllowed.end());
    return words;
}

// What arrived, by path and account: each event at its first arrival.
class Arrivals {
public:
    void note(const WebhookMessage& message) {
        const std::lock_guard lock(mutex_);
        const auto [known, is_new] = bodies_.emplace(message.path + message.id(), message.body);
        if (is_new)
            first_[{message.path, message.member("subject")}].push_back(message.id());
        else if (known->second != message.body)
            differ_.push_back(message.id());
        ++arrived_;
    }
    std::vector<std::string> first(const std::string& path, const std::string& account) const {
        const std::lock_guard lock(mutex_);
        const auto found = first_.find({path, account});
        return found == first_.end() ? std::vector<std::string>() : found->second;
    }
    std::vector<std::string> differ() const { return differ_; }
    std::size_t arrived() const { return arrived_; }

private:
    mutable std::mutex mutex_;
    std::map<std::string, std::string> bodies_;
    std::map<std::pair<std::string, std::string>, std::vector<std::string>> first_;
    std::vector<std::string> differ_;
    std::size_t arrived_ = 0;
};

std::vector<std::string> told(ApiClient& api, const std::string& account) {
    std::vector<std::string> ids;
    const Answer events = api.get("/v1/events?limit=1000&account_id=" + account);
    for (int n = 0; events.at(fmt::format("events.{}.id", n)) != "missing"; ++n)
        ids.push_back(events.at(fmt::format("events.{}.id", n)));
    return ids;
}

class WebhooksKilled : public testing::Test {
protected:
    static constexpr int kPayments = 400;

    void start_up() {
        up_ = std::make_unique<RoleProcess>(arguments({"up", "--database-url", database_.url(), "--listen",
                                                       fmt::format("127.0.0.1:{}", port_), "--worker-threads", "1"}));
    }
    void start_notifier(std::size_t n) {
        notifiers_.at(n) = std::make_unique<RoleProcess>(
            arguments({"notifier", "--database-url", database_.url(), "--listen", "127.0.0.1:0"}));
    }
    void start_receiver() {
        receiver_ = std::make_unique<WebhookReceiver>(
            [this](const WebhookMessage& message) {
                arrivals_.note(message);
                const std::uint64_t chance = receiver_random_.below(20);
                return chance == 0 ? 500 : chance == 1 ? WebhookReceiver::no_answer : 200;
            },
            receiver_port_);
    }
    // Something is killed, and comes back.
    void kill_one() {
        switch (random_.below(4)) {
            case 0:
                up_->kill();
                start_up();
                break;
            case 1:
                receiver_.reset();
                start_receiver();
                break;
            default: {
                const std::size_t n = random_.below(notifiers_.size());
                notifiers_.at(n)->kill();
                start_notifier(n);
            }
        }
    }
    // Until the server is there and has taken it.
    void pay(const std::string& account, int number) const {
        ASSERT_TRUE(eventually([&] {
            return ApiClient(port_)
                       .post("/v1/transactions", transaction_json(account, std::to_string(number), 1 + number % 100,
                                                                  number % 3 ? "CREDIT" : "DEBIT"))
                       .status == 201;
        }));
    }

    const TestDatabase database_;
    const std::uint16_t port_ = free_port(PortUse::restarted);
    const std::uint16_t receiver_port_ = free_port(PortUse::restarted);
    SeededRandom random_{7}, receiver_random_{8};
    Arrivals arrivals_;
    std::unique_ptr<WebhookReceiver> receiver_;
    std::unique_ptr<RoleProcess> up_;
    std::vector<std::unique_ptr<RoleProcess>> notifiers_{2};
};

TEST_F(WebhooksKilled, EveryOutcomeArrivesInTheOrderOfItsAccount) {
    start_receiver();
    start_up();
    for (std::size_t n = 0; n < notifiers_.size(); ++n) start_notifier(n);
    std::vector<std::string> accounts, paths;
    {
        ApiClient api(port_);
        for (int n = 0; n < 12; ++n) accounts.push_back(api.open_account());
        for (int n = 0; n < 3; ++n) {
            paths.push_back(fmt::format("/hook/{}", n));
            const Answer made =
                api.post("/v1/webhooks", fmt::format(R"({{"url":"{}"}})", receiver_->url(paths.back())));
            ASSERT_EQ(made.status, 201) << made.text();
        }
    }
    for (int n = 0; n < kPayments; ++n) {
        pay(accounts[random_.below(accounts.size())], n);
        if (n % 40 == 39) kill_one();
    }
    ASSERT_TRUE(eventually(
        [&] { return database_.value("SELECT count(*) FROM lane_cursors WHERE applied_seq < last_seq") == "0"; }));
    ApiClient api(port_);
    std::size_t outcomes = 0;
    for (const std::string& account : accounts) {
        const std::vector<std::string> wanted = told(api, account);
        outcomes += wanted.size();
        for (const std::string& path : paths) {
            const bool all_came = eventually([&] { return arrivals_.first(path, account).size() >= wanted.size(); });
            EXPECT_TRUE(all_came) << path << ' ' << account;
            EXPECT_EQ(arrivals_.first(path, account), wanted) << path << ' ' << account;
        }
    }
    EXPECT_EQ(outcomes, static_cast<std::size_t>(std::stoul(database_.value("SELECT count(*) FROM decisions"))));
    EXPECT_EQ(arrivals_.differ(), std::vector<std::string>());
    EXPECT_GT(arrivals_.arrived(), outcomes * paths.size());  // some came again
    EXPECT_EQ(run_to_end({"verify", "--database-url", database_.url()}), "exit code 0");
}

std::string receiver_in_the_page() {
    std::ifstream file(INTEGRATING_FILE, std::ios::binary);
    const std::string page{std::istreambuf_iterator<char>(file), {}};
    const std::string fence = "```python\n\"\"\"receiver.py";
    const std::size_t begin = page.find(fence);
    EXPECT_NE(begin, std::string::npos);
    const std::size_t text = begin + std::string_view("```python\n").size();
    return page.substr(text, page.find("```\n", text) - text);
}

TEST(Integrating, TheReceiverTakesWhatIsSignedOnceAndNothingElse) {
    const TempDir data, files;
    const auto program = files.path() / "receiver.py", secret = files.path() / "secret",
               kept = files.path() / "events.db";
    std::ofstream(program, std::ios::binary) << receiver_in_the_page();
    UpProcess up(data.path(), 0, "127.0.0.1", kAllowed);
    const std::uint16_t port = free_port(PortUse::restarted);
    const std::string url = fmt::format("http://127.0.0.1:{}/", port);
    Program create({"webhooks", "create", url, "--secret-file", secret, "--url", up.url(), "-o", "json"});
    ASSERT_EQ(create.wait_outcome(), "exit code 0") << create.output();
    Process receiver("receiver", {.arguments = {"/usr/bin/python3", program, std::to_string(port), secret, kept}});
    receiver.start();
    ApiClient client(up.port());
    const std::string account = client.open_account();
    SeededRandom random(5);
    for (int n = 0; n < 60; ++n) {
        EXPECT_EQ(client.post("/v1/transactions", transaction_json(account, std::to_string(n))).status, 201);
        if (n % 20 != 19) continue;
        receiver.kill();
        receiver.start();
    }
    ASSERT_TRUE(up.wait_all_applied());
    std::string wanted;
    for (const std::string& each : told(client, account)) wanted += each + '\n';
    std::ofstream(files.path() / "read.py", std::ios::binary) << fmt::format(
        "import sqlite3\nfor row in sqlite3.connect({:?}).execute('SELECT id FROM events ORDER BY rowid'):\n"
        "    print(row[0])\n",
        kept.string());
    std::string found;
    EXPECT_TRUE(eventually([&] {
        found = shell(files.path(), "python3 read.py", up.url()).out;
        return found == wanted;
    })) << found
        << "\nwanted\n"
        << wanted << receiver.output();
    // A stranger's message is refused.
    const Answer forged = ApiClient(port).call(
        "POST", "/", "{}", {{"webhook-id", "x"}, {"webhook-timestamp", "1"}, {"webhook-signature", "v1,AAAA"}});
    EXPECT_EQ(forged.status, 401);
}

}  // namespace
}  // namespace ledgerline::test
