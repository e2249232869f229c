#include "http/server/logins.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/server/edge_fixture.h"

namespace ledgerline::http {
namespace {

using Login = Logins::Session;

const std::vector<std::string> kKeys = {"the-first-key-of-all", "the-second-key-of-all"};

Request request_with(std::vector<Header> headers, std::string method = "GET") {
    Request request;
    request.method = std::move(method);
    request.headers = std::move(headers);
    return request;
}

std::string cookie_text(const Login& session) { return std::string(Logins::cookie_name) + '=' + session.cookie; }

Request change_by(const Login& session) {
    return request_with({{"cookie", cookie_text(session)}, {"x-csrf-token", session.token}}, "POST");
}

class LoginsTest : public testing::Test {
protected:
    Login log_in(const std::string& key = kKeys[0]) const {
        return logins.log_in(request_with({{"x-api-key", key}})).value();
    }
    // Whether the request may proceed.
    int status(const Request& request) const {
        const auto admitted = logins.admit(request, Scope::any);
        return admitted ? 200 : admitted.error().status;
    }

    ManualClock clock;
    SeededRandom random{1};
    ApiKeys keys{kKeys, clock};
    const Logins logins{keys, clock, random};
};

TEST_F(LoginsTest, ASessionStandsForItsKey) {
    const Login session = log_in();
    const std::string id = keys.admit(request_with({{"x-api-key", kKeys[0]}}), Scope::any).value()->id;
    EXPECT_EQ(session.key_id, id);
    const Request by_cookie = request_with({{"cookie", "a=b; " + cookie_text(session) + ";c=\""}});
    EXPECT_EQ(logins.admit(by_cookie, Scope::any).value()->id, id);
    EXPECT_EQ(status(request_with({})), 401);
    EXPECT_EQ(logins.log_in(request_with({{"x-api-key", "a-wrong-key-of-some-length"}})).error().status, 403);
    EXPECT_EQ(logins.log_in(request_with({})).error().status, 401);
    EXPECT_THAT(session.cookie, testing::Not(testing::HasSubstr(kKeys[0])));
}

TEST_F(LoginsTest, AKeyInTheRequestCountsInsteadOfTheSession) {
    EXPECT_EQ(status(request_with({{"cookie", cookie_text(log_in())}, {"x-api-key", "a-wrong-key-of-some-length"}})),
              403);
    EXPECT_EQ(status(request_with({{"x-api-key", kKeys[1]}}, "POST")), 200);
}

TEST_F(LoginsTest, AChangeNeedsTheTokenAndASessionThatMayChange) {
    const Login reads = log_in();
    EXPECT_FALSE(reads.may_change);
    EXPECT_EQ(status(request_with({{"cookie", cookie_text(reads)}}, "POST")), 403);
    EXPECT_EQ(status(change_by(reads)), 403);
    const Login changes = logins.renew(reads, true).value();
    EXPECT_EQ(status(change_by(changes)), 200);
    EXPECT_EQ(changes.expires_at, reads.expires_at);
    for (const char* method : {"POST", "PATCH", "PUT", "DELETE"})
        EXPECT_EQ(status(request_with({{"cookie", cookie_text(changes)}}, method)), 403) << method;
    EXPECT_EQ(status(request_with({{"cookie", cookie_text(changes)}, {"x-csrf-token", reads.token}}, "POST")), 403);
    EXPECT_EQ(status(request_with({{"cookie", cookie_text(changes)}}, "HEAD")), 200);
}

TEST_F(LoginsTest, ASessionEndsByItsTime) {
    const Login session = log_in();
    clock.advance(Logins::session_max - std::chrono::seconds(1));
    EXPECT_TRUE(logins.find(change_by(session)));
    EXPECT_EQ(logins.left(session), std::chrono::seconds(1));
    const Login renewed = logins.renew(session, true).value();
    clock.advance(std::chrono::seconds(1));
    EXPECT_FALSE(logins.find(change_by(session)));
    EXPECT_FALSE(logins.find(change_by(renewed)));
    EXPECT_EQ(status(change_by(renewed)), 401);
    EXPECT_EQ(logins.for_change(change_by(renewed)).error().status, 401);
}

TEST_F(LoginsTest, ASessionEndsWithItsKeyAndNoOther) {
    const Login first = log_in(), second = log_in(kKeys[1]);
    keys.replace(std::vector<std::string>{kKeys[1], "a-third-key-of-them-all"});
    EXPECT_FALSE(logins.find(change_by(first)));
    EXPECT_FALSE(logins.renew(first, true));
    EXPECT_TRUE(logins.find(change_by(second)));
}

// As several processes behind a balancer do.
TEST_F(LoginsTest, AnotherProcessWithTheSameKeysTakesIt) {
    SeededRandom other_random{2};
    const ApiKeys other_keys{kKeys, clock};
    const Logins other{other_keys, clock, other_random};
    const Login login = log_in();
    const auto found = other.for_change(change_by(login));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->token, login.token);
}

TEST_F(LoginsTest, NothingButWhatWasSealedIsTaken) {
    const Login session = log_in();
    const std::string good = cookie_text(session);
    for (std::size_t i = Logins::cookie_name.size() + 1; i < good.size(); ++i) {
        std::string changed = good;
        changed[i] = changed[i] == '0' ? '1' : '0';
        EXPECT_FALSE(logins.find(request_with({{"cookie", changed}}))) << changed;
        EXPECT_FALSE(logins.find(request_with({{"cookie", good.substr(0, i)}}))) << i;
    }
    for (const std::string& wrong : {good + '0', good + ".", "x" + good, std::string("ledgerline_session="),
                                     std::string("ledgerline_session"), std::string(";;=;"), good + "; " + good})
        EXPECT_FALSE(logins.find(request_with({{"cookie", wrong}}))) << wrong;
    EXPECT_FALSE(logins.find(request_with({{"cookie", good}, {"cookie", good}})));
}

// The token is shown to the page: it must not be of use as a cookie.
TEST_F(LoginsTest, TheTokenIsNoSeal) {
    const Login session = log_in();
    const std::string stamp = session.cookie.substr(0, session.cookie.rfind('.') + 1);
    EXPECT_NE(session.cookie, stamp + session.token);
    EXPECT_FALSE(logins.find(request_with({{"cookie", "ledgerline_session=" + stamp + session.token}})));
}

TEST_F(LoginsTest, WithoutKeysEverybodyMayCall) {
    const ApiKeys open{std::vector<std::string>{}, clock};
    const Logins nothing{open, clock, random};
    EXPECT_FALSE(nothing.needs_key());
    EXPECT_EQ(nothing.admit(request_with({}, "POST"), Scope::any).value(), nullptr);
    EXPECT_FALSE(nothing.find(change_by(log_in())));
}

class LoginsOfAListener : public EdgeTest {};

TEST_F(LoginsOfAListener, AreAskedForEachCallThatNeedsAKey) {
    config.api_keys = kKeys;
    start();
    const Login reads = listener->logins().log_in(request_with({{"x-api-key", kKeys[0]}})).value();
    const Login changes = listener->logins().renew(reads, true).value();
    const auto headers = [](const Login& session) {
        return "Cookie: " + cookie_text(session) + "\r\nX-CSRF-Token: " + session.token + "\r\n";
    };
    EXPECT_EQ(answer_to(get("/echo/a", headers(reads)))->status, 200);
    EXPECT_EQ(answer_to(get("/echo/a"))->status, 401);
    EXPECT_EQ(answer_to(post("/things", "{}", headers(reads)))->status, 403);
    EXPECT_EQ(answer_to(post("/things", "{}", headers(changes)))->status, 200);
    listener->keys().replace(std::vector{kKeys[1]});
    EXPECT_EQ(answer_to(get("/echo/a", headers(changes)))->status, 401);
}

}  // namespace
}  // namespace ledgerline::http
