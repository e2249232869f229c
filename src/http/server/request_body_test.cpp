// Which bodies the edge accepts, which it refuses, and whether the connection survives: over real sockets.
#include "http/server/edge_fixture.h"

namespace ledgerline::http {
namespace {

using RequestBodies = EdgeTest;

// Whether the connection serves another request.
bool is_kept(RawConnection& connection) {
    connection.send(get("/open"));
    const auto response = connection.receive();
    return response && response->status == 200;
}

TEST_F(RequestBodies, OnlyJsonIsTaken) {
    start();
    RawConnection connection = connect();
    const auto status = [&](std::string_view headers) {
        connection.send("POST /things HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n" + std::string(headers) + "\r\n{}");
        const auto response = connection.receive();
        if (response->status != 200) EXPECT_EQ(response->code(), edge_code::unsupported_media_type);
        return response->status;
    };
    for (const char* fine :
         {"Content-Type: application/json\r\n", "Content-Type: Application/JSON;Charset=UTF-8\r\n",
          "Content-Type: application/json ; charset=\"utf-8\"\r\n", "Content-Type: application/json; version=2\r\n",
          "Content-Type: application/json;; q=\"a;charset=latin1\\\"\" ;CHARSET=\"\\UTF-8\"\r\n",
          "Content-Type: application/json\r\nContent-Encoding: , Identity ,\r\n",
          "Content-Type: application/json;\r\nContent-Encoding: identity\r\n"})
        EXPECT_EQ(status(fine), 200) << fine;
    for (const char* bad :
         {"", "Content-Type:\r\n", "Content-Type: text/plain\r\n", "Content-Type: application/jsonp\r\n",
          "Content-Type: application/json; charset=latin1\r\n",
          "Content-Type: application/json; charset=utf-8; charset=\"ISO-8859-1\"\r\n",
          "Content-Type: application/json; a=\"b\"; Charset=utf-16\r\n", "Content-Type: application/json; charset=\r\n",
          "Content-Type: application/json; charset=\"utf-8\r\n", "Content-Type: application/json; =2\r\n",
          "Content-Type: application/json\r\nContent-Encoding: identity, gzip\r\n",
          "Content-Type: application/json, text/plain\r\n", "Content-Type: ; charset=utf-8\r\n",
          "Content-Type: application/json\r\nContent-Type: application/json\r\n",
          "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
          "Content-Type: application/json\r\nContent-Encoding: identity\r\nContent-Encoding: br\r\n"})
        EXPECT_EQ(status(bad), 415) << bad;
}

TEST_F(RequestBodies, AnEmptyBodyNeedsNoType) {
    start();
    RawConnection connection = connect();
    for (const char* target : {"/things", "/act"}) {
        connection.send("POST " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_EQ(connection.receive()->status, 200);
        connection.send("POST " + std::string(target) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        EXPECT_EQ(connection.receive()->status, 200);
    }
    connection.send(post_chunked("/act", "0\r\n\r\n"));
    EXPECT_EQ(connection.receive()->status, 200);
}

TEST_F(RequestBodies, ABodyNobodyAskedForIsRefused) {
    start();
    RawConnection connection = connect();
    connection.send(post("/act", "{}"));
    const auto response = connection.receive();
    EXPECT_EQ(response->status, 400);
    EXPECT_EQ(response->code(), edge_code::unexpected_body);
    EXPECT_TRUE(is_kept(connection));

    connection.send(post_chunked("/act", "2\r\n{}\r\n0\r\n\r\n"));
    const auto chunked = connection.receive();
    EXPECT_EQ(chunked->code(), edge_code::unexpected_body);
    EXPECT_EQ(chunked->header("connection"), "close");
}

TEST_F(RequestBodies, ASmallBodyOfARefusedRequestIsReadOver) {
    start();
    RawConnection connection = connect();
    const std::string body = get("/echo/smuggled");
    for (const char* target : {"/nowhere", "/echo/a", "/things/%00"}) {
        connection.send(post(target, body));
        EXPECT_GE(connection.receive()->status, 400) << target;
        EXPECT_TRUE(is_kept(connection)) << target;
    }
    connection.send(post("/nowhere", std::string(65'537, ' ')));
    EXPECT_EQ(connection.receive()->header("connection"), "close");
}

TEST_F(RequestBodies, AnAnnouncedBodyBeyondTheLimitIsRefusedUnread) {
    start();
    RawConnection connection = connect();
    const std::string length = std::to_string(kThingBytesMax + 1);
    connection.send("POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: " + length +
                    "\r\n\r\n");
    const auto response = connection.receive();
    EXPECT_EQ(response->status, 413);
    EXPECT_EQ(response->code(), edge_code::body_too_large);
    EXPECT_EQ(response->header("connection"), "close");
    EXPECT_EQ(answer_to("POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                        "Content-Length: 18446744073709551615\r\n\r\n")
                  ->status,
              413);
}

TEST_F(RequestBodies, AClientThatSendsAllOfATooLargeBodyStillReadsTheAnswer) {
    start();
    RawConnection connection = connect();
    EXPECT_TRUE(connection.send(post("/things", std::string(8 * 1024 * 1024, ' '))));
    EXPECT_EQ(connection.receive()->status, 413);
}

TEST_F(RequestBodies, AChunkedBodyIsCountedWhileItIsRead) {
    start();
    std::string chunks;
    const std::string chunk = "2710\r\n" + std::string(10'000, ' ') + "\r\n";
    for (int i = 0; i < 10; ++i) chunks += chunk;
    EXPECT_EQ(answer_to(post_chunked("/things", chunks + "0\r\n\r\n"))->status, 200);
    EXPECT_EQ(answer_to(post_chunked("/things", chunks + "1\r\n"))->status, 413);
    EXPECT_EQ(answer_to(post_chunked("/things", "ffffffffffffffff\r\n"))->status, 413);
}

TEST_F(RequestBodies, MalformedChunksAreRefused) {
    start();
    using namespace std::string_literals;
    const std::string filler(9 * 1024, 'a');
    for (const std::string& chunks : {"2\n{}\r\n0\r\n\r\n"s,
                                      "2\r\n{}\n0\r\n\r\n"s,
                                      "2\r\n{}0\r\n\r\n"s,
                                      "+2\r\n{}\r\n0\r\n\r\n"s,
                                      "-2\r\n{}\r\n"s,
                                      "0x2\r\n{}\r\n"s,
                                      " 2\r\n{}\r\n"s,
                                      "2 \r\n{}\r\n"s,
                                      "\r\n{}\r\n"s,
                                      "g\r\n"s,
                                      "2\r\n{}}\r\n"s,
                                      "2\r\n{}\r\r\n"s,
                                      "2;a\rb\r\n{}\r\n"s,
                                      "2;a\0\r\n{}\r\n"s,
                                      "2,2\r\n{}\r\n"s,
                                      "00000000000000002\r\n{}\r\n"s,
                                      "2;" + filler + "\r\n{}\r\n",
                                      "2;" + filler,
                                      "2\r\n{}\r\n0\r\nX: " + filler + "\r\n\r\n",
                                      "2\r\n{}\r\n0\r\nno colon\r\n\r\n"s,
                                      "2\r\n{}\r\n0\r\nX : a\r\n\r\n"s,
                                      "2\r\n{}\r\n0\r\n folded: a\r\n\r\n"s,
                                      "2\r\n{}\r\n0\r\nX: a\n\r\n"s}) {
        const auto response = answer_to(post_chunked("/things", chunks));
        ASSERT_TRUE(response) << chunks;
        EXPECT_EQ(response->status, 400) << chunks;
        EXPECT_EQ(response->code(), edge_code::malformed_request);
        EXPECT_EQ(response->header("connection"), "close");
    }
}

// RFC 9110, sections 5.6.1 and 10.1.4: codings are case-insensitive, and empty list members are ignored.
TEST_F(RequestBodies, ChunkedMayBeWrittenInAnyCase) {
    start();
    RawConnection connection = connect();
    for (const char* coding : {"chunked", "Chunked", "CHUNKED", "\tcHuNkEd ", ", chunked", "chunked , ,"}) {
        connection.send("POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: " +
                        std::string(coding) + "\r\n\r\n2 ;a=b\r\n{}\r\n0\r\n\r\n");
        const auto response = connection.receive();
        ASSERT_TRUE(response) << coding;
        EXPECT_EQ(response->status, 200) << coding;
        EXPECT_TRUE(is_kept(connection)) << coding;
    }
}

TEST_F(RequestBodies, WhatFollowsTheLastChunkIsTheNextRequest) {
    start();
    RawConnection connection = connect();
    connection.send(post_chunked("/things", "2\r\n{}\r\n0\r\n\r\n") + get("/echo/next"));
    EXPECT_EQ(connection.receive()->status, 200);
    EXPECT_TRUE(connection.receive()->body.contains("/echo/next"));
}

TEST_F(RequestBodies, ContinueIsSaidWhenTheBodyIsWanted) {
    start();
    const std::string body = "{}";
    const std::string request = post("/things", body, "Expect: 100-Continue\r\n");
    const std::string head = request.substr(0, request.size() - body.size());
    RawConnection connection = connect();
    connection.send(head);
    EXPECT_EQ(connection.receive()->status, 100);
    connection.send(body);
    EXPECT_EQ(connection.receive()->status, 200);
    // A client that does not wait gets no 100.
    connection.send(request);
    EXPECT_EQ(connection.receive()->status, 200);
    EXPECT_TRUE(is_kept(connection));
}

TEST_F(RequestBodies, ContinueIsNotSaidWhenTheBodyIsNotWanted) {
    start();
    for (const auto& [target, status] :
         {std::pair("/nowhere", 404), std::pair("/echo/a", 405), std::pair("/act", 400)}) {
        const std::string request = post(target, "{}", "Expect: 100-continue\r\n");
        const auto response = answer_to(request.substr(0, request.size() - 2));
        ASSERT_TRUE(response);
        EXPECT_EQ(response->status, status);
        EXPECT_EQ(response->header("connection"), "close");
    }
}

TEST_F(RequestBodies, OtherExpectationsAreRefused) {
    start();
    RawConnection connection = connect();
    for (const char* expect : {"Expect: 200-ok\r\n", "Expect: 100-continue, 200-ok\r\n",
                               "Expect: 100-continue\r\nExpect: 100-continue=1\r\n"}) {
        connection.send(post("/things", "{}", expect));
        const auto response = connection.receive();
        ASSERT_TRUE(response) << expect;
        EXPECT_EQ(response->status, 417);
        EXPECT_EQ(response->code(), edge_code::expectation_failed);
    }
    EXPECT_EQ(answer_to("GET /echo/a HTTP/1.0\r\nExpect: 200-ok\r\n\r\n")->status, 200);
}

}  // namespace
}  // namespace ledgerline::http
