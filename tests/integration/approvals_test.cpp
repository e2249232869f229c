// Four eyes, over HTTP and on real PostgreSQL: what one key asks for, another one approves.
#include "api/approvals.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "integration/command_call.h"
#include "lab/api_server.h"
#include "lab/temp_dir.h"
#include "roles/exit_code.h"

namespace ledgerline::test {
namespace {

using testing::HasSubstr;

api::ApiConfig with_policy() {
    api::ApiConfig config;
    EXPECT_EQ(config.approvals.take("discard,suspend,close"), "");
    return config;
}

class FourEyes : public testing::Test {
protected:
    void make_keys() {
        admin_ = made("admin", R"("admin")", "");
        one_ = made("one", R"("accounts:write","dead-letters:decide")", admin_);
        other_ = made("other", R"("accounts:write","dead-letters:decide")", admin_);
        reader_ = made("reader", R"("accounts:read")", admin_);
    }
    Answer post(const std::string& key, const std::string& target, const std::string& body = "") const {
        return call("POST", key, target, body);
    }
    Answer patch(const std::string& key, const std::string& status) const {
        return call("PATCH", key, "/v1/accounts/" + account_, fmt::format(R"({{"status":"{}"}})", status));
    }
    Answer get(const std::string& key, const std::string& target) const { return call("GET", key, target); }
    Answer call(const std::string& method, const std::string& key, const std::string& target,
                const std::string& body = "") const {
        return server_.call(method, target, body, {{"X-API-Key", key}});
    }
    Answer approve(const std::string& key, const Answer& asked, const std::string& body = "") const {
        return post(key, "/v1/approvals/" + asked.at("id") + "/approve", body);
    }
    std::string status() const { return get(admin_, "/v1/accounts/" + account_).at("status"); }
    std::string value(const std::string& sql) const { return server_.database().value(sql); }

    ApiServer server_{with_policy()};
    const std::string account_ = server_.account();
    std::string admin_, one_, other_, reader_;

private:
    std::string made(const std::string& name, const std::string& scopes, const std::string& by) const {
        const Answer key =
            server_.call("POST", "/v1/keys", fmt::format(R"({{"name":"{}","scopes":[{}]}})", name, scopes),
                         by.empty() ? std::vector<http::Header>() : std::vector<http::Header>{{"X-API-Key", by}});
        EXPECT_EQ(key.status, 201) << key.text();
        EXPECT_TRUE(eventually([&] { return get(key.at("key"), "/v1/assets").status == 200; }));
        return key.at("key");
    }
};

TEST_F(FourEyes, AnAccountIsSuspendedOnceAnotherKeyApproves) {
    make_keys();
    const Answer asked = call("PATCH", one_, "/v1/accounts/" + account_, R"({"status":"SUSPENDED","reason":"fraud"})");
    ASSERT_EQ(asked.status, 202) << asked.text();
    EXPECT_EQ(asked.header("location"), "/v1/approvals/" + asked.at("id"));
    EXPECT_EQ(asked.at("state"), "PENDING");
    EXPECT_EQ(asked.at("action"), "suspend_account");
    EXPECT_EQ(asked.at("request.reason"), "fraud");
    EXPECT_EQ(status(), "ACTIVE");
    EXPECT_EQ(get(other_, "/v1/approvals?state=PENDING").at("approvals.0.id"), asked.at("id"));

    const Answer own = approve(one_, asked);
    EXPECT_EQ(own.status, 403);
    EXPECT_EQ(own.code(), "own_request");
    EXPECT_EQ(status(), "ACTIVE");
    const Answer done = approve(other_, asked, R"({"reason":"seen"})");
    ASSERT_EQ(done.status, 200) << done.text();
    EXPECT_EQ(done.at("state"), "APPROVED");
    EXPECT_NE(done.at("executed_at"), "null");
    EXPECT_EQ(status(), "SUSPENDED");
    EXPECT_EQ(approve(other_, asked).code(), "approval_decided");
    EXPECT_EQ(get(other_, "/v1/approvals?state=PENDING").at("approvals.0.id"), "missing");
    EXPECT_EQ(get(other_, "/v1/approvals").at("approvals.0.state"), "APPROVED");
    // What only opens again needs nobody else.
    EXPECT_EQ(patch(one_, "ACTIVE").status, 200);

    EXPECT_EQ(value("SELECT string_agg(action, ' ' ORDER BY id) FROM audit WHERE subject = '" + account_ + "'"),
              "account_created approval_requested approval_approved account_changed account_changed");
    EXPECT_EQ(value("SELECT count(DISTINCT key_id) FROM audit WHERE subject = '" + account_ +
                    "' AND action IN ('approval_requested', 'approval_approved')"),
              "2");
    EXPECT_EQ(value("SELECT key_id FROM audit WHERE action = 'account_changed' ORDER BY id LIMIT 1"),
              value("SELECT decided_by FROM approvals"));
}

TEST_F(FourEyes, ADeadLetterIsDiscardedOnceAnotherKeyApproves) {
    const std::string letter =
        server_.park(server_.post("/v1/transactions", ApiServer::transaction(account_, "a")).at("id"));
    make_keys();
    const std::string path = "/v1/dead-letters/" + letter + "/discard";
    const Answer asked = post(one_, path, R"({"by":"alice","reason":"lost"})");
    ASSERT_EQ(asked.status, 202) << asked.text();
    EXPECT_EQ(asked.at("requested_operator"), "alice");
    EXPECT_EQ(get(admin_, "/v1/dead-letters/" + letter).at("state"), "PARKED");
    // The same again is the same; another one has to wait.
    EXPECT_EQ(post(one_, path, R"({"reason":"lost","by":"alice"})").at("id"), asked.at("id"));
    const Answer another = post(other_, path, R"({"reason":"lost"})");
    EXPECT_EQ(another.code(), "approval_pending");
    EXPECT_EQ(another.at("approval_id"), asked.at("id"));
    EXPECT_EQ(value("SELECT count(*) FROM audit WHERE action = 'approval_requested'"), "1");

    ASSERT_EQ(approve(other_, asked).status, 200);
    const Answer discarded = get(admin_, "/v1/dead-letters/" + letter);
    EXPECT_EQ(discarded.at("state"), "DISCARDED");
    EXPECT_EQ(discarded.at("audit.0.reason"), "lost");
    EXPECT_EQ(post(one_, path).at("state"), "DISCARDED") << "there is nothing left to ask for";
    EXPECT_EQ(post(one_, "/v1/dead-letters/" + account_ + "/discard").status, 404);
}

TEST_F(FourEyes, WhoLacksTheScopeSeesAndDecidesNothing) {
    make_keys();
    const Answer asked = patch(one_, "SUSPENDED");
    EXPECT_EQ(approve(reader_, asked).code(), "approval_not_found");
    EXPECT_EQ(get(reader_, "/v1/approvals/" + asked.at("id")).status, 404);
    EXPECT_EQ(get(reader_, "/v1/approvals").at("approvals.0.id"), "missing");
    EXPECT_EQ(get(admin_, "/v1/approvals/" + asked.at("id")).at("id"), asked.at("id"));
    EXPECT_EQ(approve(other_, asked, R"({"colour":1})").at("field"), "colour");
    EXPECT_EQ(status(), "ACTIVE");
    EXPECT_EQ(call("PATCH", one_, "/v1/accounts/0198f0a0-0000-7000-8000-000000000000", R"({"status":"CLOSED"})").code(),
              "account_not_found");
}

TEST_F(FourEyes, WhatIsRejectedOrTooOldIsNeverDone) {
    make_keys();
    const Answer rejected = patch(one_, "SUSPENDED");
    EXPECT_EQ(post(other_, "/v1/approvals/" + rejected.at("id") + "/reject", R"({"reason":"no"})").at("state"),
              "REJECTED");
    EXPECT_EQ(approve(other_, rejected).code(), "approval_decided");
    const Answer taken_back = patch(one_, "SUSPENDED");
    EXPECT_NE(taken_back.at("id"), rejected.at("id"));
    EXPECT_EQ(post(one_, "/v1/approvals/" + taken_back.at("id") + "/reject").at("state"), "REJECTED");
    const Answer old = patch(one_, "SUSPENDED");
    server_.database().run("UPDATE approvals SET expires_at = now() WHERE id = '" + old.at("id") + "'");
    EXPECT_EQ(approve(other_, old).code(), "approval_expired");
    EXPECT_EQ(get(one_, "/v1/approvals/" + old.at("id")).at("state"), "EXPIRED");
    EXPECT_EQ(status(), "ACTIVE");
    EXPECT_EQ(patch(one_, "SUSPENDED").status, 202);
}

TEST_F(FourEyes, WhatCouldNotBeDoneIsToldAndDoneLater) {
    const std::string paid = server_.post("/v1/transactions", ApiServer::transaction(account_, "a", 5)).at("id");
    make_keys();
    server_.apply(paid);
    const Answer asked = patch(one_, "CLOSED");
    ASSERT_EQ(asked.status, 202) << asked.text();
    EXPECT_EQ(approve(other_, asked).code(), "account_not_empty");
    EXPECT_EQ(approve(admin_, asked).code(), "approval_decided") << "another one has approved it";
    const std::string debit =
        server_.call("POST", "/v1/transactions", transaction_json(account_, "b", 5, "DEBIT"), {{"X-API-Key", admin_}})
            .at("id");
    server_.apply(debit);
    EXPECT_EQ(approve(other_, asked).status, 200);
    EXPECT_EQ(status(), "CLOSED");
}

TEST_F(FourEyes, NeedKeys) {
    const Answer refused = server_.call("PATCH", "/v1/accounts/" + account_, R"({"status":"SUSPENDED"})");
    EXPECT_EQ(refused.status, 403) << refused.text();
    EXPECT_THAT(refused.text(), HasSubstr("another one"));
    EXPECT_EQ(server_.get("/v1/accounts/" + account_).at("status"), "ACTIVE");
}

TEST_F(FourEyes, CommandsListAndDecide) {
    make_keys();
    const Answer asked = patch(one_, "SUSPENDED");
    const TempDir dir;
    const auto run = [&](const std::string& key, std::vector<std::string> arguments) {
        const std::string file = (dir.path() / "key").string();
        std::ofstream(file) << key << '\n';
        std::filesystem::permissions(file, std::filesystem::perms(0600));
        if (arguments.front() != "accounts") arguments.insert(arguments.begin(), "approvals");
        arguments.insert(arguments.end(), {"--api-key-file", file, "--url", server_.url()});
        return cli::call_command(arguments);
    };
    EXPECT_THAT(run(other_, {"list"}).out, HasSubstr(asked.at("id")));
    const auto again = run(one_, {"accounts", "suspend", account_});
    EXPECT_THAT(again.err,
                HasSubstr("another API key must approve it: ledgerline approvals approve " + asked.at("id")));
    EXPECT_EQ(run(one_, {"approve", asked.at("id")}).code, roles::exit_refused);
    const auto done = run(other_, {"approve", asked.at("id"), "--reason", "seen"});
    EXPECT_EQ(done.code, roles::exit_ok) << done.err;
    EXPECT_EQ(status(), "SUSPENDED");
    EXPECT_THAT(run(other_, {"list"}).out, testing::Not(HasSubstr(asked.at("id"))));
    EXPECT_THAT(run(other_, {"list", "--all"}).out, HasSubstr(asked.at("id")));
    EXPECT_THAT(run(other_, {"get", asked.at("id")}).out, HasSubstr("APPROVED"));
    EXPECT_EQ(run(other_, {"reject", asked.at("id")}).code, roles::exit_refused);
}

TEST(ApprovalPolicy, TakesTheNamesOfActions) {
    api::ApprovalPolicy policy;
    EXPECT_EQ(policy.take("close,discard"), "");
    EXPECT_EQ(policy.actions, (std::set{api::ApprovedAction::discard, api::ApprovedAction::close}));
    for (const char* wrong : {"", "all", "close,", "discard, close"}) EXPECT_NE(policy.take(wrong), "") << wrong;
}

}  // namespace
}  // namespace ledgerline::test
