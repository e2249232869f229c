#include "http/client.h"

#include <thread>

#include "http/server/edge_fixture.h"

namespace ledgerline::http {
namespace {

TEST(BaseUrl, TakesWhatPeopleTypeForAnHttpUrl) {
    const auto parsed = [](std::string_view text) {
        const auto url = BaseUrl::parse(text);
        return url ? url->host + "|" + std::to_string(url->port) + "|" + url->prefix : url.error().code;
    };
    EXPECT_EQ(parsed("http://localhost:8080"), "localhost|8080|");
    EXPECT_EQ(parsed("HTTP://example.com/"), "example.com|80|");
    EXPECT_EQ(parsed("http://[::1]:81/a/b/"), "::1|81|/a/b");
    EXPECT_EQ(parsed("localhost:8080"), "localhost|8080|");
    EXPECT_EQ(parsed("example.com"), "example.com|80|");
    EXPECT_EQ(parsed("[::1]:8080/a/"), "::1|8080|/a");
    EXPECT_EQ(parsed("127.0.0.1:8080//"), "127.0.0.1|8080|");
    for (const char* bad :
         {"",           "https://a",  "HTTPS://a:443", "ftp://a",    "http:a",         "http:/a",    "https:a",
          "://a",       "http://",    "http:///a",     "/a",         ":8080",          "::1",        "http://u@a",
          "u:p@a",      "http://a?b", "http://a#b",    "http://a:0", "http://a:65536", "http://a:b", "a:b",
          "http://a b", "a b",        "http://a\n",    "a\x1b"}) {
        const auto refused = BaseUrl::parse(bad);
        ASSERT_FALSE(refused) << bad;
        EXPECT_EQ(refused.error().code, "bad_url") << bad;
        EXPECT_EQ(refused.error().message.find("u:p"), std::string::npos);
    }
    EXPECT_NE(BaseUrl::parse("https://a").error().message.find("https is not supported"), std::string::npos);
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

// A server that answers one connection with fixed bytes, whatever the request, and closes it.
class FixedServer {
public:
    explicit FixedServer(std::string bytes) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(::listen(socket_, 1), 0);
        getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
        port = ntohs(address.sin_port);
        thread_ = std::jthread([this, answer = std::move(bytes)] {
            const int peer = ::accept(socket_, nullptr, nullptr);
            char block[4096];
            EXPECT_GT(::recv(peer, block, sizeof block, 0), 0);
            EXPECT_EQ(::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL), static_cast<ssize_t>(answer.size()));
            ::close(peer);
        });
    }
    ~FixedServer() {
        thread_.join();
        ::close(socket_);
    }

    Result<ClientResponse> answer() const {
        return Client(BaseUrl{"127.0.0.1", port, ""}).send({"GET", "/", {}, ""}, kPatience);
    }

    std::uint16_t port = 0;

private:
    int socket_;
    std::jthread thread_;
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
         {"", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", "SSH-2.0-OpenSSH\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"}) {
        const auto response = FixedServer(bytes).answer();
        ASSERT_FALSE(response) << bytes;
        EXPECT_TRUE(may_have_been_executed(response.error())) << bytes;
    }
}

}  // namespace
}  // namespace ledgerline::http
