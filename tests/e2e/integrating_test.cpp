// docs/integrating.md: its consumer, as it stands there, killed again and again while it reads; and `ledgerline
// events`.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <iterator>

#include "base/random.h"
#include "e2e/program.h"
#include "e2e/shell.h"
#include "lab/postgres_server.h"
#include "lab/temp_dir.h"

namespace ledgerline::test {
namespace {

using testing::HasSubstr;

// The page's first code in that language.
std::string code_in_the_page(const std::string& language) {
    std::ifstream file(INTEGRATING_FILE, std::ios::binary);
    const std::string page{std::istreambuf_iterator<char>(file), {}};
    const std::string fence = "```" + language + "\n";
    const std::size_t begin = page.find(fence);
    EXPECT_NE(begin, std::string::npos);
    return page.substr(begin + fence.size(), page.find("```\n", begin) - begin - fence.size());
}

// Payments, while the consumer is killed again and again.
void pay_and_kill(UpProcess& up, const std::vector<Process*>& consumers) {
    ApiClient client(up.port());
    std::vector<std::string> accounts;
    for (int i = 0; i < 5; ++i) accounts.push_back(client.open_account());
    SeededRandom random(3);
    for (Process* consumer : consumers) consumer->start();
    for (int i = 0; i < 200; ++i) {
        const Answer made =
            client.post("/v1/transactions", transaction_json(accounts[random.below(5)], std::to_string(i),
                                                             static_cast<std::int64_t>(1 + random.below(100)),
                                                             random.below(3) ? "CREDIT" : "DEBIT"));
        EXPECT_EQ(made.status, 201) << made.text();
        if (i % 20 != 19) continue;
        Process& victim = *consumers[random.below(consumers.size())];
        victim.kill();
        victim.start();
    }
    ASSERT_TRUE(up.wait_all_applied());
}

// What each account was paid, as the ledger has it.
std::string movements(const UpProcess& up) {
    return up.value(
        "SELECT string_agg(account_id || '|' || sum || '|' || count, E'\\n' ORDER BY account_id) FROM (SELECT "
        "account_id, sum(amount_cents), count(*) FROM entries GROUP BY account_id) e");
}

TEST(Integrating, TheConsumerCountsEachEventOnceHoweverOftenItIsKilled) {
    const TempDir data, files;
    const auto program = files.path() / "consumer.py", database = files.path() / "consumer.db";
    std::ofstream(program, std::ios::binary) << code_in_the_page("python");
    UpProcess up(data.path());
    Process consumer("consumer", {.arguments = {"/usr/bin/python3", program, up.url(), database}});
    pay_and_kill(up, {&consumer});
    const std::string wanted = movements(up);
    std::ofstream(files.path() / "read.py", std::ios::binary) << fmt::format(
        "import sqlite3\nfor row in sqlite3.connect({:?}).execute('SELECT * FROM totals ORDER BY account_id'):\n"
        "    print(*row, sep='|')\n",
        database.string());
    std::string found;
    EXPECT_TRUE(eventually([&] {
        found = shell(files.path(), "python3 read.py", up.url()).out;
        return found == wanted + "\n";
    })) << found
        << "\nwanted\n"
        << wanted << consumer.output();
}

// Two copies of it, on a database of their own. Debian's Go and its package of the driver: nothing is fetched.
TEST(Integrating, CopiesOfTheConsumerInGoCountEachEventOnceTogether) {
    const TempDir data, files;
    const PostgresServer own({});
    std::ofstream(files.path() / "consumer.go", std::ios::binary) << code_in_the_page("go");
    const Shelled built = shell(files.path(),
                                "export HOME=$PWD GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS= GOTOOLCHAIN=local\n"
                                "[ -z \"$(/usr/bin/gofmt -l consumer.go)\" ] && /usr/bin/go vet consumer.go && "
                                "/usr/bin/go build -o consumer consumer.go");
    ASSERT_EQ(built.code, 0) << "scripts/bootstrap installs Go\n" << built.out << built.err;
    UpProcess up(data.path());
    const Process::Command command{.arguments = {files.path() / "consumer", up.url(), own.url() + "?sslmode=disable"}};
    Process one("one", command), other("other", command);
    pay_and_kill(up, {&one, &other});
    const std::string wanted = movements(up);
    ASSERT_TRUE(eventually([&] { return own.value("SELECT to_regclass('totals') IS NOT NULL") == "t"; }))
        << one.output() << other.output();
    std::string found;
    EXPECT_TRUE(eventually([&] {
        found = own.value(
            "SELECT string_agg(account_id || '|' || cents || '|' || movements, E'\\n' ORDER BY "
            "account_id) FROM totals");
        return found == wanted;
    })) << found
        << "\nwanted\n"
        << wanted << one.output() << other.output();
}

TEST(EventsCommand, FollowsWaitsForTheServerAndEndsOnCtrlC) {
    const TempDir data;
    auto up = std::make_unique<UpProcess>(data.path());
    const std::uint16_t port = up->port();
    std::string account;
    const auto pay = [&](const std::string& key) {
        ApiClient client(port);
        if (account.empty()) account = client.open_account(R"("currency":"EUR","reference":"alice")");
        EXPECT_EQ(client.post("/v1/transactions", transaction_json(account, key, 1250)).status, 201);
    };
    pay("before");
    // A place of its own: without one it would begin whenever it has started.
    const std::string now = ApiClient(port).get("/v1/events?after=latest").at("next_cursor");
    Program follower({"events", "-f", "--url", up->url(), "--account", "alice", "--after", now});
    Program everything({"events", "-f", "--url", up->url(), "--after", "start", "-o", "json"});
    ASSERT_TRUE(eventually([&] { return everything.output().contains("\"before\""); })) << everything.output();
    pay("first");
    ASSERT_TRUE(eventually([&] { return follower.output().contains("net 12.50 EUR  balance 25.00 EUR"); }))
        << follower.output();
    up->kill();
    ASSERT_TRUE(eventually([&] { return follower.output().contains("trying again"); })) << follower.output();
    up = std::make_unique<UpProcess>(data.path(), port);
    pay("second");
    ASSERT_TRUE(eventually([&] { return follower.output().contains("balance 37.50 EUR"); })) << follower.output();
    ASSERT_TRUE(eventually([&] { return everything.output().contains("\"second\""); })) << everything.output();
    EXPECT_EQ(follower.end(SIGINT), "exit code 0") << follower.output();
    EXPECT_THAT(follower.output(), HasSubstr("go on with --after "));
    EXPECT_EQ(everything.end(), "exit code 0");
    // Page by page.
    Program some({"events", "--url", up->url(), "--type", "transaction.processed", "--limit", "2"});
    EXPECT_EQ(some.wait_outcome(), "exit code 0") << some.output();
    EXPECT_THAT(some.output(), HasSubstr("net 12.50 EUR  balance 12.50 EUR"));
    EXPECT_THAT(some.output(), testing::Not(HasSubstr("balance 37.50 EUR")));
    EXPECT_THAT(some.output(), HasSubstr("go on with --after "));
    Program wrong({"events", "--url", up->url(), "--type", "nonsense"});
    EXPECT_EQ(wrong.wait_outcome(), "exit code 1");
    EXPECT_THAT(wrong.output(), HasSubstr("type must be one or more of"));
}

}  // namespace
}  // namespace ledgerline::test
