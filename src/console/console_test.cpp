// The console's calls on a listener of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "console/endpoints.h"
#include "http/server/edge_fixture.h"

namespace ledgerline::console {
namespace {

using http::RawResponse;
using testing::HasSubstr;
using testing::Not;

const std::string kKey = "a-key-of-the-console";
const std::string kKeyHeader = "X-API-Key: " + kKey + "\r\n";

class Console : public http::EdgeTest {
protected:
    void begin(std::vector<std::string> keys) {
        config.api_keys = std::move(keys);
        listener = std::make_unique<http::Listener>(config, router, context);
        console_ = std::make_unique<ConsoleEndpoints>(listener->logins(), "1.2.3");
        console_->add_routes(router);
        ASSERT_TRUE(listener->start());
    }
    ~Console() override { listener.reset(); }

    RawResponse call(const std::string& method, const std::string& target, const std::string& headers = "") const {
        return answer_to(method + " " + target + " HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n").value();
    }
    static json::Value body_of(const RawResponse& response) { return json::parse(response.body).value(); }
    // The headers of a request of that session.
    static std::string headers_of(const RawResponse& response) {
        const std::string cookie = response.header("set-cookie");
        const json::Value body = body_of(response);
        return "Cookie: " + cookie.substr(0, cookie.find(';')) +
               "\r\nX-CSRF-Token: " + *body.find("token")->if_string() + "\r\n";
    }

private:
    std::unique_ptr<ConsoleEndpoints> console_;
};

TEST_F(Console, ServesItsFilesAndNoOther) {
    begin({kKey});
    for (const auto& [target, type] :
         {std::pair("/console", "text/html"), std::pair("/console/app.js", "text/javascript"),
          std::pair("/console/app.css", "text/css"), std::pair("/console/icon.svg", "image/svg+xml")}) {
        const RawResponse response = call("GET", target);
        EXPECT_EQ(response.status, 200) << target;
        EXPECT_THAT(response.header("content-type"), HasSubstr(type));
        EXPECT_THAT(response.header("content-security-policy"), HasSubstr("default-src 'none'"));
        EXPECT_THAT(response.header("content-security-policy"), Not(HasSubstr("unsafe")));
        EXPECT_EQ(response.header("x-content-type-options"), "nosniff");
        EXPECT_GT(response.body.size(), 100u);
    }
    EXPECT_EQ(call("GET", "/console/app.ts").status, 404);
    EXPECT_EQ(call("GET", "/console/").header("location"), "../console");
    const RawResponse posted = call("POST", "/console/app.js");
    EXPECT_EQ(posted.status, 405);
    EXPECT_EQ(posted.header("allow"), "GET, HEAD");
}

TEST_F(Console, SendsAKnownFileNoSecondTime) {
    begin({});
    const std::string etag = call("GET", "/console/app.js").header("etag");
    EXPECT_THAT(etag, testing::MatchesRegex("\"[0-9a-f]+\""));
    for (const std::string& known : {etag, "W/" + etag, "\"other\", " + etag, std::string("*")}) {
        const RawResponse response = call("GET", "/console/app.js", "If-None-Match: " + known + "\r\n");
        EXPECT_EQ(response.status, 304) << known;
        EXPECT_EQ(response.header("etag"), etag);
        EXPECT_TRUE(response.body.empty());
    }
    EXPECT_EQ(call("GET", "/console/app.js", "If-None-Match: \"other\"\r\n").status, 200);
    EXPECT_NE(call("GET", "/console/app.css").header("etag"), etag);
}

TEST_F(Console, BeginsASessionWithAKey) {
    begin({kKey});
    EXPECT_EQ(call("POST", "/console/session").status, 401);
    const RawResponse wrong = call("POST", "/console/session", "X-API-Key: another-key-of-some-length\r\n");
    EXPECT_EQ(wrong.status, 403);
    EXPECT_EQ(wrong.header("set-cookie"), "");
    const RawResponse begun = call("POST", "/console/session", kKeyHeader);
    EXPECT_EQ(begun.status, 200);
    EXPECT_EQ(begun.header("cache-control"), "no-store");
    EXPECT_THAT(begun.header("set-cookie"), HasSubstr("; Path=/; Max-Age=28800; HttpOnly; SameSite=Strict"));
    EXPECT_THAT(begun.header("set-cookie"), Not(HasSubstr("Secure")));
    EXPECT_EQ(call("GET", "/echo/a", headers_of(begun)).status, 200);
    const json::Value found = body_of(call("GET", "/console/session", headers_of(begun)));
    EXPECT_EQ(*found.find("token")->if_string(), *body_of(begun).find("token")->if_string());
    EXPECT_FALSE(*found.find("may_change")->if_bool());
    const json::Value stranger = body_of(call("GET", "/console/session"));
    EXPECT_TRUE(*stranger.find("needs_key")->if_bool());
    EXPECT_EQ(stranger.find("token"), nullptr);
}

TEST_F(Console, SaysWhatASessionMayDo) {
    begin({kKey});
    EXPECT_EQ(body_of(call("GET", "/console/session")).find("scopes"), nullptr);
    const json::Value begun = body_of(call("POST", "/console/session", kKeyHeader));
    EXPECT_EQ(begun.find("scopes")->if_array()->size(), http::named_scopes.size());
    EXPECT_EQ(*begun.find("tenant")->if_string(), "default");
}

TEST_F(Console, BehindHttpsTheCookieStaysThere) {
    begin({kKey});
    for (const char* header : {"Origin: https://a\r\n", "X-Forwarded-Proto: HTTPS\r\n"})
        EXPECT_THAT(call("POST", "/console/session", kKeyHeader + header).header("set-cookie"), HasSubstr("; Secure"))
            << header;
}

TEST_F(Console, AllowsAndForbidsChangesWithTheToken) {
    begin({kKey});
    const std::string reads = headers_of(call("POST", "/console/session", kKeyHeader));
    const std::string cookie_only = reads.substr(0, reads.find("X-CSRF"));
    EXPECT_EQ(call("POST", "/act", reads).status, 403);
    EXPECT_EQ(call("PUT", "/console/session/changes").status, 401);
    EXPECT_EQ(call("PUT", "/console/session/changes", cookie_only).status, 403);
    const RawResponse allowed = call("PUT", "/console/session/changes", reads);
    EXPECT_TRUE(*body_of(allowed).find("may_change")->if_bool());
    EXPECT_EQ(call("POST", "/act", headers_of(allowed)).status, 200);
    const RawResponse forbidden = call("DELETE", "/console/session/changes", headers_of(allowed));
    EXPECT_EQ(call("POST", "/act", headers_of(forbidden)).status, 403);
}

TEST_F(Console, EndsASession) {
    begin({kKey});
    const std::string session = headers_of(call("POST", "/console/session", kKeyHeader));
    EXPECT_EQ(call("DELETE", "/console/session", session.substr(0, session.find("X-CSRF"))).status, 403);
    EXPECT_THAT(call("DELETE", "/console/session", session).header("set-cookie"), HasSubstr("=; Path=/; Max-Age=0;"));
}

TEST_F(Console, WithoutKeysThereAreNoSessions) {
    begin({});
    const json::Value open = body_of(call("GET", "/console/session"));
    EXPECT_FALSE(*open.find("needs_key")->if_bool());
    EXPECT_EQ(open.find("scopes")->if_array()->size(), http::named_scopes.size());
    const RawResponse begun = call("POST", "/console/session", kKeyHeader);
    EXPECT_EQ(begun.status, 200);
    EXPECT_EQ(begun.header("set-cookie"), "");
}

}  // namespace
}  // namespace ledgerline::console
