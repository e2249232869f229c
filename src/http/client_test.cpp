#include "http/client.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <utility>

#include "http/server/edge_fixture.h"
#include "lab/answering_server.h"

namespace ledgerline::http {
namespace {

TEST(BaseUrl, TakesWhatPeopleTypeForAnHttpUrl) {
    const auto parsed = [](std::string_view text) {
        const auto url = BaseUrl::parse(text);
        if (!url) return url.error().code;
        return (url->tls ? "tls:" : "") + url->host + "|" + std::to_string(url->port) + "|" + url->prefix;
    };
    EXPECT_EQ(parsed("http://localhost:8080"), "localhost|8080|");
    EXPECT_EQ(parsed("HTTP://example.com/"), "example.com|80|");
    EXPECT_EQ(parsed("http://[::1]:81/a/b/"), "::1|81|/a/b");
    EXPECT_EQ(parsed("localhost:8080"), "localhost|8080|");
    EXPECT_EQ(parsed("example.com"), "example.com|80|");
    EXPECT_EQ(parsed("[::1]:8080/a/"), "::1|8080|/a");
    EXPECT_EQ(parsed("127.0.0.1:8080//"), "127.0.0.1|8080|");
    EXPECT_EQ(parsed("https://a"), "tls:a|443|");
    EXPECT_EQ(parsed("HTTPS://[::1]:8443/p/"), "tls:::1|8443|/p");
    for (const char* bad :
         {"",           "https://",   "HTTPS://a:0", "ftp://a",    "http:a",         "http:/a",    "https:a",
          "://a",       "http://",    "http:///a",   "/a",         ":8080",          "::1",        "http://u@a",
          "u:p@a",      "http://a?b", "http://a#b",  "http://a:0", "http://a:65536", "http://a:b", "a:b",
          "http://a b", "a b",        "http://a\n",  "a\x1b"}) {
        const auto refused = BaseUrl::parse(bad);
        ASSERT_FALSE(refused) << bad;
        EXPECT_EQ(refused.error().code, "bad_url") << bad;
        EXPECT_EQ(refused.error().message.find("u:p"), std::string::npos);
    }
    EXPECT_NE(BaseUrl::parse("ftp://a").error().message.find("neither http nor https"), std::string::npos);
    EXPECT_EQ(BaseUrl::parse("https://a:443/p/")->to_string(), "https://a/p");
    EXPECT_EQ(BaseUrl::parse("http://[::1]:81/a/")->to_string(), "http://[::1]:81/a");
}

TEST(PercentEncode, KeepsOnlyUnreservedCharacters) {
    EXPECT_EQ(percent_encode("aZ0-._~"), "aZ0-._~");
    EXPECT_EQ(percent_encode("a b+c/\xc3\xa4%"), "a%20b%2Bc%2F%C3%A4%25");
}

class Clients : public EdgeTest {
protected:
    Client client() const { return Client(BaseUrl{"127.0.0.1", listener->port(), ""}); }
};

TEST_F(Clients, SendRequestsAndReadAnswersOverOneConnection) {
    config.connections_max = 1;
    start();
    Client one = client();
    const auto made = one.send({"POST", "/things", {{"X-Request-Id", "mine"}}, "[1]"}, kPatience);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->status, 200);
    ASSERT_TRUE(made->header("x-request-id"));
    EXPECT_EQ(*made->header("x-request-id"), "mine");
    EXPECT_TRUE(made->body.contains("[1]"));
    const auto head = one.send({"HEAD", "/echo/a", {}, ""}, kPatience);
    ASSERT_TRUE(head);
    EXPECT_EQ(head->body, "");
    EXPECT_EQ(one.send({"GET", "/nowhere", {}, ""}, kPatience)->status, 404);
    EXPECT_EQ(one.send({"POST", "/act", {}, ""}, kPatience)->status, 200);
}

TEST_F(Clients, ReadTheRefusalOfABodyTheyAreStillSending) {
    start();
    Client one = client();
    const auto refused = one.send({"POST", "/things", {}, std::string(32 * 1024 * 1024, ' ')}, kPatience);
    ASSERT_TRUE(refused) << refused.error().message;
    EXPECT_EQ(refused->status, 413);
    EXPECT_EQ(one.send({"GET", "/echo/a", {}, ""}, kPatience)->status, 200);
}

TEST_F(Clients, ConnectAgainWhenTheServerClosedAnIdleConnection) {
    start();
    Client one = client();
    ASSERT_TRUE(one.send({"GET", "/echo/a", {}, ""}, kPatience));
    config.port = listener->port();
    listener->stop(kPatience);
    const auto away = one.send({"GET", "/echo/a", {}, ""}, kPatience);
    ASSERT_FALSE(away);
    EXPECT_EQ(away.error().code, client_unreachable);
    EXPECT_EQ(away.error().disposition, Disposition::retry);
    EXPECT_FALSE(may_have_been_executed(away.error()));
    start();
    EXPECT_TRUE(one.send({"GET", "/echo/a", {}, ""}, kPatience));
}

TEST_F(Clients, GiveUpAtTheirDeadline) {
    start();
    Client one = client();
    const auto late = one.send({"GET", "/wait", {}, ""}, milliseconds(50));
    ASSERT_FALSE(late);
    EXPECT_TRUE(may_have_been_executed(late.error()));
    EXPECT_EQ(late.error().disposition, Disposition::retry);
    // The late answer must not be mistaken for the next one.
    gate.open();
    const auto next = one.send({"GET", "/echo/next", {}, ""}, kPatience);
    ASSERT_TRUE(next);
    EXPECT_TRUE(next->body.contains("/echo/next"));
}

TEST_F(Clients, RefuseWhatHttpCannotCarry) {
    start();
    Client one = client();
    for (const ClientRequest& bad :
         {ClientRequest{"GE T", "/", {}, ""}, ClientRequest{"GET", "a", {}, ""}, ClientRequest{"GET", "/a b", {}, ""},
          ClientRequest{"GET", "/a\r\nB: c", {}, ""}, ClientRequest{"GET", "/", {{"A", "b\r\nC: d"}}, ""}}) {
        const auto sent = one.send(bad, kPatience);
        ASSERT_FALSE(sent);
        EXPECT_EQ(sent.error().code, client_bad_request);
        EXPECT_EQ(sent.error().disposition, Disposition::refuse);
    }
}

// Answers the requests of one connection with these bytes in turn, and closes it. Another connection is another
// request.
class FixedServer {
public:
    explicit FixedServer(std::vector<std::string> answers)
        : answers_(std::move(answers)),
          server_([this](int socket, const std::string& request) { serve(socket, request); }) {}
    explicit FixedServer(const char* answer) : FixedServer(std::vector<std::string>{answer}) {}

    std::string url() const { return server_.url(); }
    std::uint16_t port() const { return server_.port(); }
    Result<ClientResponse> answer() const { return Client(url()).send({"GET", "/", {}, ""}, kPatience); }
    // Ends the server; then requests and received say what came.
    void end() { server_.end(); }
    int requests = 0;
    std::string received;

private:
    void serve(int socket, std::string request) {
        const auto answers = std::exchange(answers_, {});
        if (answers.empty()) ++requests;
        for (const std::string& answer : answers) {
            if (request.empty()) request = test::receive_some(socket);
            if (request.empty()) break;
            ++requests;
            received += std::exchange(request, "");
            EXPECT_TRUE(test::send_all(socket, answer));
        }
    }
    std::vector<std::string> answers_;
    test::AnsweringServer server_;
};

TEST(FixedAnswers, AreReadInEveryFraming) {
    for (const char* bytes : {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 200 OK\r\n\r\nabc",
                              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
                              "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"}) {
        const auto response = FixedServer(bytes).answer();
        ASSERT_TRUE(response) << bytes << response.error().message;
        EXPECT_EQ(response->status, 200);
        EXPECT_EQ(response->body, "abc") << bytes;
    }
}

TEST(FixedAnswers, ThatAreCutOffOrNotHttpLeaveTheOutcomeUnknown) {
    for (const char* bytes :
         {"", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc",
          "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"}) {
        const auto response = FixedServer(bytes).answer();
        ASSERT_FALSE(response) << bytes;
        EXPECT_TRUE(may_have_been_executed(response.error())) << bytes;
    }
}

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// libcurl would send the request again: the server may have executed the first one.
TEST(FixedAnswers, ThatEndAKeptConnectionAreNotAskedForAgain) {
    FixedServer server(std::vector<std::string>{kOk, ""});
    Client client(server.url());
    ASSERT_TRUE(client.send({"POST", "/", {}, "{}"}, kPatience));
    const auto lost = client.send({"POST", "/", {}, "{}"}, kPatience);
    ASSERT_FALSE(lost);
    EXPECT_TRUE(may_have_been_executed(lost.error()));
    EXPECT_EQ(lost.error().message, server.url() + " gave no answer: the server closed the connection");
    server.end();
    EXPECT_EQ(server.requests, 2);
}

TEST(FixedAnswers, ThatRedirectAreFollowedOnlyIfAsked) {
    const char* moved = "HTTP/1.1 307 Temporary Redirect\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n";
    const auto plain = FixedServer(moved).answer();
    ASSERT_TRUE(plain) << plain.error().message;
    EXPECT_EQ(plain->status, 307);
    FixedServer server(std::vector<std::string>{moved, kOk});
    const auto followed = Client(server.url(), {.redirects_max = 1}).send({"POST", "/here", {}, "{}"}, kPatience);
    ASSERT_TRUE(followed) << followed.error().message;
    EXPECT_EQ(followed->status, 200);
    server.end();
    EXPECT_THAT(server.received, testing::HasSubstr("POST /there HTTP/1.1\r\n"));
}

TEST(FixedAnswers, ThatAreTooLongAreRefusedOrCut) {
    const std::string answer = "HTTP/1.1 200 OK\r\n\r\nabc";
    FixedServer one(answer.c_str()), other(answer.c_str());
    const auto long_one = Client(one.url(), {.response_bytes_max = 2}).send({}, kPatience);
    ASSERT_FALSE(long_one);
    EXPECT_THAT(long_one.error().message, testing::HasSubstr("the answer is longer than"));
    const auto cut = Client(other.url(), {.response_bytes_max = 2, .cuts_long_responses = true}).send({}, kPatience);
    ASSERT_TRUE(cut) << cut.error().message;
    EXPECT_EQ(cut->body, "ab");
}

TEST(FixedAnswers, WithEndlessHeadsAreGivenUp) {
    std::string interim, lines = "HTTP/1.1 200 OK\r\n";
    while (interim.size() <= Client::head_bytes_max) interim += "HTTP/1.1 100 Continue\r\n\r\n";
    while (lines.size() <= Client::head_bytes_max) lines += "A: b\r\n";
    for (const std::string& bytes : {interim, lines}) {
        const auto response = FixedServer(bytes.c_str()).answer();
        ASSERT_FALSE(response);
        EXPECT_THAT(response.error().message, testing::HasSubstr("the answer is not HTTP: its head is too long"));
    }
}

TEST(Urls, WithSecretsAreShownWithoutThem) {
    const auto refused = Client("http://user:hush@127.0.0.1:1/path?key=hush").send({}, kPatience);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message, "http://127.0.0.1:1/path cannot be reached: Connection refused");
}

// A variable of the environment, for as long as this lives.
class Variable {
public:
    Variable(const char* name, const std::string& value) : name_(name) {
        if (const char* before = std::getenv(name)) before_ = before;
        ::setenv(name, value.c_str(), 1);
    }
    ~Variable() { before_ ? ::setenv(name_, before_->c_str(), 1) : ::unsetenv(name_); }

private:
    const char* const name_;
    std::optional<std::string> before_;
};

TEST(Proxies, AreAskedForOtherMachinesOnly) {
    FixedServer proxy(kOk);
    const Variable http("http_proxy", proxy.url()), all("all_proxy", proxy.url()), none("no_proxy", "");
    FixedServer here(kOk);
    EXPECT_TRUE(here.answer());
    FixedServer by_name(kOk);
    EXPECT_TRUE(Client("http://localhost:" + std::to_string(by_name.port())).send({}, kPatience));
    const auto there = Client("http://ledger.example:8080").send({.target = "/v1/lanes"}, kPatience);
    ASSERT_TRUE(there) << there.error().message;
    proxy.end();
    EXPECT_EQ(proxy.requests, 1);
    EXPECT_THAT(proxy.received, testing::StartsWith("GET http://ledger.example:8080/v1/lanes HTTP/1.1\r\n"));
}

TEST(Proxies, ThatRefuseToConnectHaveNotBeenSentTheRequest) {
    FixedServer proxy("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    const Variable https("https_proxy", proxy.url()), none("no_proxy", "");
    const auto refused = Client("https://ledger.example").send({"POST", "/", {}, "{}"}, kPatience);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, client_unreachable);
    EXPECT_THAT(refused.error().message, testing::StartsWith("https://ledger.example cannot be reached: "));
    EXPECT_THAT(refused.error().message, testing::HasSubstr("403"));
}

}  // namespace
}  // namespace ledgerline::http
