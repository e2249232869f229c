// The commands of webhooks, against a server with a notifier and one that receives.
#include "integration/command_call.h"
#include "integration/webhooks_fixture.h"
#include "lab/temp_dir.h"
#include "roles/exit_code.h"

namespace ledgerline::test {
namespace {

TEST_F(Webhooks, CommandsMakeTestAndSendAgain) {
    WebhookReceiver receiver;
    notify();
    const std::string account = server().account(R"("currency":"EUR","reference":"alice")");
    const auto command = [&](std::vector<std::string> words) {
        words.insert(words.begin(), "webhooks");
        for (const char* more : {"-o", "json", "--url"}) words.emplace_back(more);
        words.push_back(server().url());
        return cli::call_command(words);
    };
    const TempDir files;
    const std::string secret_file = (files.path() / "secret").string();
    const auto made = command(
        {"create", receiver.url(), "--account", "alice", "--description", "shop", "--secret-file", secret_file});
    ASSERT_EQ(made.code, 0) << made.err;
    EXPECT_EQ(made.at("account_ids.0"), account);
    EXPECT_EQ(made.at("secret"), "missing");
    const std::string id = made.at("id");
    const auto tested = command({"test", id});
    EXPECT_EQ(tested.code, 0) << tested.out << tested.err;
    EXPECT_EQ(tested.at("event_type"), "ping");
    EXPECT_EQ(receiver.taken().at(0).member("type"), "ping");
    pay(account, "1");
    ASSERT_TRUE(receives(receiver, 2));
    std::string delivery;
    ASSERT_TRUE(eventually([&] {
        delivery = command({"deliveries", id, "--status", "DELIVERED", "--limit", "1"}).at("id");
        return command({"deliveries", id, "--delivery", delivery}).at("event_type") == "transaction.processed";
    }));
    const auto again = command({"resend", id, delivery});
    EXPECT_EQ(again.code, 0) << again.out << again.err;
    EXPECT_EQ(receiver.taken().at(2).id(), receiver.taken().at(1).id());
    EXPECT_EQ(receiver.taken().at(2).body, receiver.taken().at(1).body);
    const Answer audit = server().get("/v1/audit?subject=" + id);
    EXPECT_EQ(audit.at("audit.0.action"), "webhook_resent");
    EXPECT_EQ(audit.at("audit.1.action"), "webhook_pinged");
    EXPECT_EQ(command({"update", id, "--all-accounts", "--disable"}).at("status"), "DISABLED");
    EXPECT_EQ(command({"test", id}).code, roles::exit_refused);
    EXPECT_EQ(command({"show", id}).at("account_ids.0"), "missing");
    EXPECT_EQ(command({"rotate", id, "--overlap", "1h"}).code, 0);
    EXPECT_EQ(command({"list"}).at("id"), id);
    EXPECT_EQ(command({"delete", id}).code, 0);
    EXPECT_EQ(command({"show", id}).code, roles::exit_refused);
}

}  // namespace
}  // namespace ledgerline::test
