// The screen, the head parser and the body decoder on their own.
#include "http/server/head.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "http/fuzz_entry.h"

namespace ledgerline::http {
namespace {

Head parsed(std::string_view text) {
    Head head;
    const auto problem = parse_head(text, head);
    EXPECT_FALSE(problem) << problem->detail;
    return head;
}

TEST(Screen, FindsTheEndOfTheHead) {
    HeadScreen screen(HeadScreen::Limits{});
    const std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET";
    const auto seen = screen.look(bytes);
    ASSERT_TRUE(seen && *seen);
    EXPECT_EQ((*seen)->head, "GET / HTTP/1.1\r\nHost: a\r\n");
    EXPECT_EQ(bytes.substr((*seen)->bytes_used), "GET");
}

TEST(Screen, AsksForMore) {
    HeadScreen screen(HeadScreen::Limits{});
    for (const char* bytes : {"", "\r", "\r\n", "\r\nG", "\r\nGET / HTTP/1.1\r\n", "\r\nGET / HTTP/1.1\r\n\r"}) {
        const auto seen = screen.look(bytes);
        ASSERT_TRUE(seen) << bytes;
        EXPECT_FALSE(*seen) << bytes;
    }
    const auto seen = screen.look("\r\nGET / HTTP/1.1\r\n\r\n");
    ASSERT_TRUE(seen && *seen);
    EXPECT_EQ((*seen)->head, "GET / HTTP/1.1\r\n");
}

TEST(Screen, RefusesAtOnceWhatCannotBecomeGood) {
    for (const std::string_view bytes : {"\n", "G\n", "G\r\r", "\r\r", "G\x01", "GET / HTTP/1.1\r\nA: \x7f"}) {
        HeadScreen screen(HeadScreen::Limits{});
        const auto seen = screen.look(bytes);
        ASSERT_FALSE(seen) << bytes;
        EXPECT_EQ(seen.error().status, 400);
    }
}

TEST(Screen, LimitsAreExact) {
    const HeadScreen::Limits limits{30, 2};
    const auto status = [&](std::string_view bytes) {
        HeadScreen screen(limits);
        const auto seen = screen.look(bytes);
        return !seen ? seen.error().status : *seen ? 200 : 100;
    };
    EXPECT_EQ(status("GET / HTTP/1.1\r\nA: 4567890\r\n\r\n"), 200);
    EXPECT_EQ(status("GET / HTTP/1.1\r\nA: 45678901\r\n\r\n"), 431);
    EXPECT_EQ(status(std::string(30, 'a')), 100);
    EXPECT_EQ(status(std::string(31, 'a')), 431);
    EXPECT_EQ(status("GET /\r\nA:1\r\nB:2\r\n\r\n"), 200);
    EXPECT_EQ(status("GET /\r\nA:1\r\nB:2\r\nC:3\r\n"), 431);
}

TEST(ParseHead, TakesTheHeadApart) {
    const Head head = parsed("PATCH /a?b HTTP/1.1\r\nHoSt: x\r\nX-A:\t 1  2 \t\r\nX-A:\r\nB: \xc3\xa4\r\n");
    EXPECT_EQ(head.method, "PATCH");
    EXPECT_EQ(head.target, "/a?b");
    EXPECT_EQ(head.headers, (std::vector<Header>{{"host", "x"}, {"x-a", "1  2"}, {"x-a", ""}, {"b", "\xc3\xa4"}}));
    EXPECT_EQ(head.framing.body, Framing::Body::none);
    EXPECT_TRUE(head.framing.keep_alive);
}

TEST(ParseHead, ReadsTheFraming) {
    const Head length = parsed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0017\r\n");
    EXPECT_EQ(length.framing.body, Framing::Body::length);
    EXPECT_EQ(length.framing.content_length, 17u);
    EXPECT_EQ(parsed("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n").framing.body,
              Framing::Body::chunked);
    EXPECT_EQ(parsed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n").framing.body, Framing::Body::none);
    EXPECT_FALSE(parsed("GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n").framing.keep_alive);
    EXPECT_FALSE(parsed("GET / HTTP/1.0\r\n").framing.keep_alive);
    EXPECT_TRUE(parsed("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n").framing.keep_alive);
    EXPECT_FALSE(parsed("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n").framing.keep_alive);
}

TEST(ParseHead, KeepsTheHeadersOfARefusedHead) {
    Head head;
    EXPECT_TRUE(parse_head("GET nowhere HTTP/1.1\r\nHost: a\r\nX-Request-Id: b\r\n", head));
    ASSERT_EQ(head.headers.size(), 2u);
    EXPECT_EQ(head.headers[1].second, "b");
}

rc::Gen<std::string> request_like() {
    const auto part = rc::gen::element<std::string>(
        "GET", "POST", " ", "/a", "*", "http://a/", "%2", "HTTP/1.1", "HTTP/1.0", "\r\n", "\r\n", "\r\n", "\r", "\n",
        ":", "Host: a", "Host: b", "Content-Length: ", "Transfer-Encoding: chunked", "Connection: close", "X: y", "0",
        "5", "12", "a", ";x", "\t", ",", std::string(1, '\0'), "\x7f", "\xff");
    return rc::gen::map(rc::gen::container<std::vector<std::string>>(part), [](const std::vector<std::string>& parts) {
        std::string bytes;
        for (const std::string& each : parts) bytes += each;
        return bytes;
    });
}

RC_GTEST_PROP(Fuzz, PromisesHoldForAnyBytes, ()) {
    fuzz_request(*request_like());
    fuzz_request("POST / HTTP/1.1\r\nHost: a\r\n" + *request_like());
    fuzz_request("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + *request_like());
}

RC_GTEST_PROP(Body, AnyChunkingGivesTheBodyBack, (const std::vector<std::string>& chunks, const std::string& rest)) {
    std::string wire, body;
    for (const std::string& chunk : chunks) {
        if (chunk.empty()) continue;
        char size[20];
        std::snprintf(size, sizeof size, "%zX\r\n", chunk.size());
        wire += size + chunk + "\r\n";
        body += chunk;
    }
    wire += "0\r\n\r\n";
    Framing framing;
    framing.body = Framing::Body::chunked;
    const auto piece = *rc::gen::inRange<std::size_t>(1, 20);
    const auto decoded = decode_in_pieces(framing, wire + rest, piece, body.size());
    RC_ASSERT(decoded.state == BodyDecoder::State::done);
    RC_ASSERT(decoded.body == body);
    RC_ASSERT(decoded.used == wire.size());
    if (!body.empty())
        RC_ASSERT(decode_in_pieces(framing, wire, piece, body.size() - 1).state == BodyDecoder::State::too_large);
}

TEST(Body, ALengthIsCountedOff) {
    Framing framing;
    framing.body = Framing::Body::length;
    framing.content_length = 3;
    const auto decoded = decode_in_pieces(framing, "abcdef", 2, 3);
    EXPECT_EQ(decoded.state, BodyDecoder::State::done);
    EXPECT_EQ(decoded.body, "abc");
    EXPECT_EQ(decoded.used, 3u);
    EXPECT_EQ(decode_in_pieces(framing, "abcdef", 2, 2).state, BodyDecoder::State::too_large);
}

TEST(Body, ExtrasOfAllChunksTogetherAreBounded) {
    Framing framing;
    framing.body = Framing::Body::chunked;
    std::string wire;
    const std::string chunk = "1;" + std::string(1000, 'x') + "\r\na\r\n";
    for (int i = 0; i < 8; ++i) wire += chunk;
    EXPECT_EQ(decode_in_pieces(framing, wire, 100, 1000).state, BodyDecoder::State::more);
    EXPECT_EQ(decode_in_pieces(framing, wire + chunk, 100, 1000).state, BodyDecoder::State::malformed);
}

}  // namespace
}  // namespace ledgerline::http
