// What pages of other sites may do through somebody's browser.
#include "http/server/browsers.h"

#include <gmock/gmock.h>

#include "http/server/edge_fixture.h"

namespace ledgerline::http {
namespace {

using testing::HasSubstr;
using testing::Not;

class BrowsersTest : public EdgeTest {
protected:
    static std::string request(const std::string& method, const std::string& host, const std::string& headers = "") {
        return method + " /" + (method == "POST" ? "act" : "echo/a") + " HTTP/1.1\r\nHost: " + host + "\r\n" + headers +
               "\r\n";
    }
    int status_of(const std::string& bytes) const {
        const auto answer = answer_to(bytes);
        return answer ? answer->status : 0;
    }
    std::string head_of(const std::string& bytes) const {
        RawConnection connection = connect();
        connection.send(bytes);
        return connection.receive_all().value_or("");
    }
};

constexpr const char* kClose = "Connection: close\r\n";

TEST_F(BrowsersTest, ANameThatIsNotOursIsRefused) {
    config.allowed_hosts = {"ledger.example", "*.internal.example"};
    start();
    for (const char* ours :
         {"127.0.0.1:8080", "127.0.0.1", "[::1]:8080", "10.1.2.3", "localhost", "LOCALHOST:80", "a.localhost",
          "ledger.example", "Ledger.Example:443", "ledger.example.", "api.internal.example:1"})
        EXPECT_EQ(status_of(request("GET", ours)), 200) << ours;
    for (const char* foreign : {"evil.example", "evil.example:8080", "ledger.example.evil", "xledger.example",
                                "internal.example", "localhost.evil", "1.2.3"})
        EXPECT_EQ(status_of(request("GET", foreign)), 421) << foreign;
    const auto refused = answer_to(request("POST", "evil.example"));
    ASSERT_TRUE(refused);
    EXPECT_THAT(refused->body, HasSubstr(R"("code":"host_not_allowed")"));
    EXPECT_THAT(refused->body, HasSubstr(R"("field":"Host")"));
    EXPECT_EQ(status_of("GET /echo/a HTTP/1.0\r\n\r\n"), 200) << "no browser leaves Host out";
}

TEST_F(BrowsersTest, WithoutAListAnyNameIsServed) {
    start();
    EXPECT_EQ(status_of(request("GET", "evil.example")), 200);
}

TEST_F(BrowsersTest, APageOfAnotherSiteChangesNothing) {
    config.allowed_hosts.emplace();
    start();
    const std::string host = "localhost:8080";
    for (const char* forged :
         {"Origin: https://evil.example\r\n", "Origin: null\r\n", "Origin: http://localhost\r\n",
          "Origin: http://localhost:80800\r\n", "Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n",
          "Origin: localhost:8080\r\n", "Origin: http://localhost:8080\r\nSec-Fetch-Site: same-site\r\n"}) {
        EXPECT_EQ(status_of(request("POST", host, forged)), 403) << forged;
        EXPECT_EQ(status_of(request("GET", host, forged)), 200) << forged;
    }
    for (const char* honest :
         {"", "Origin: http://localhost:8080\r\n", "Origin: https://LOCALHOST:8080\r\n", "Sec-Fetch-Site: none\r\n",
          "Sec-Fetch-Site: same-origin\r\n", "Origin: https://behind.a.proxy\r\nSec-Fetch-Site: same-origin\r\n"})
        EXPECT_EQ(status_of(request("POST", host, honest)), 200) << honest;
    EXPECT_THAT(answer_to(request("POST", host, "Origin: null\r\n"))->body,
                HasSubstr(R"("code":"origin_not_allowed")"));
}

TEST_F(BrowsersTest, NoPageReadsAnAnswerUnlessItsOriginIsNamed) {
    start();
    const std::string said = head_of(request("GET", "a", std::string(kClose) + "Origin: https://desk.example\r\n"));
    EXPECT_THAT(said, HasSubstr("200 OK"));
    EXPECT_THAT(said, Not(HasSubstr("Access-Control")));
    EXPECT_THAT(said, HasSubstr("X-Content-Type-Options: nosniff\r\n"));
    EXPECT_EQ(status_of(request("OPTIONS", "a",
                                "Origin: https://desk.example\r\n"
                                "Access-Control-Request-Method: POST\r\n")),
              405);
}

TEST_F(BrowsersTest, PagesOfANamedOriginMayCallAndReadRefusalsToo) {
    config.cors_origins = {"https://desk.example"};
    config.api_keys = {"a-key-of-this-test-0123456789"};
    start();
    const std::string desk = std::string(kClose) + "Origin: https://desk.example\r\n";
    const std::string asked = "Access-Control-Request-Method: POST\r\n";
    const std::string preflight = head_of(request("OPTIONS", "a", desk + asked));
    EXPECT_THAT(preflight, HasSubstr("HTTP/1.1 204"));
    EXPECT_THAT(preflight, HasSubstr("Access-Control-Allow-Origin: https://desk.example\r\n"));
    EXPECT_THAT(preflight, HasSubstr("Access-Control-Allow-Methods: GET, HEAD, POST"));
    EXPECT_THAT(preflight, HasSubstr("X-API-Key"));
    EXPECT_THAT(preflight, Not(HasSubstr("Allow-Credentials"))) << "the cookie is for our own pages";
    const std::string called = head_of(
        request("POST", "a", desk + "Sec-Fetch-Site: cross-site\r\nX-API-Key: a-key-of-this-test-0123456789\r\n"));
    EXPECT_THAT(called, HasSubstr("200 OK"));
    EXPECT_THAT(called, HasSubstr("Access-Control-Allow-Origin: https://desk.example\r\n"));
    EXPECT_THAT(called, HasSubstr("Vary: Origin\r\n"));
    const std::string refused = head_of(request("POST", "a", desk));
    EXPECT_THAT(refused, HasSubstr("401"));
    EXPECT_THAT(refused, HasSubstr("Access-Control-Allow-Origin: https://desk.example\r\n"));

    const std::string other =
        head_of(request("OPTIONS", "a", std::string(kClose) + "Origin: https://evil.example\r\n" + asked));
    EXPECT_THAT(other, HasSubstr("HTTP/1.1 405"));
    EXPECT_THAT(other, Not(HasSubstr("Access-Control")));
    EXPECT_THAT(other, HasSubstr("Vary: Origin\r\n"));
}

}  // namespace
}  // namespace ledgerline::http
