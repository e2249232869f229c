// The parts of the load generator: what it counts, what it sends and what it understands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <cstring>

#include "bench/answer_reader.h"
#include "bench/histogram.h"
#include "bench/request_text.h"

namespace ledgerline::bench {
namespace {

using namespace std::chrono_literals;
using State = AnswerReader::State;

constexpr const char* kAccount = "01890a5d-ac96-774b-bcce-b302099a8057";

TEST(Histogram, QuantilesAreAtMostOnePercentTooHigh) {
    Histogram histogram;
    for (int us = 1; us <= 100'000; ++us) histogram.record(std::chrono::microseconds(us));
    EXPECT_EQ(histogram.count(), 100'000u);
    for (const double q : {0.001, 0.5, 0.9, 0.99, 0.999}) {
        const double exact_ns = q * 1e8;
        EXPECT_GE(static_cast<double>(histogram.quantile(q).count()), exact_ns) << q;
        EXPECT_LE(static_cast<double>(histogram.quantile(q).count()), exact_ns * 1.008) << q;
    }
    EXPECT_EQ(histogram.quantile(1), 100ms);
    EXPECT_EQ(histogram.max(), 100ms);
}

TEST(Histogram, TakesEveryDuration) {
    Histogram histogram;
    EXPECT_EQ(histogram.quantile(0.5), 0ns);
    histogram.record(nanoseconds::max());
    EXPECT_EQ(histogram.quantile(1), nanoseconds::max());
    histogram.record(-1ns);
    histogram.record(127ns);
    histogram.record(128ns);
    EXPECT_EQ(histogram.quantile(0), 0ns);
    EXPECT_EQ(histogram.quantile(0.5), 127ns);
    EXPECT_EQ(histogram.quantile(0.75), 128ns);
}

std::string_view body_of(std::string_view request) { return request.substr(request.find("\r\n\r\n") + 4); }

std::size_t declared_length(std::string_view request) {
    constexpr std::string_view kName = "Content-Length: ";
    return std::stoul(std::string(request.substr(request.find(kName) + kName.size(), 8)));
}

TEST(RequestText, EachRequestHasItsOwnKey) {
    const RequestShape shape{.host = "a:1", .accounts = {kAccount}, .currency = "EUR", .key_prefix = "k"};
    RequestText text(shape);
    Source source{SeededRandom(1)};
    bool seen_credit = false, seen_debit = false;
    for (int i = 0; i < 100; ++i) {
        const std::string_view request = text.next(source);
        EXPECT_TRUE(request.starts_with("POST /v1/transactions HTTP/1.1\r\nHost: a:1\r\n"));
        EXPECT_EQ(declared_length(request), body_of(request).size());
        EXPECT_FALSE(request.contains("Prefer"));
        const auto body = boost::json::parse(body_of(request)).as_object();
        EXPECT_EQ(body.at("account_id"), kAccount);
        EXPECT_EQ(body.at("idempotency_key").as_string(),
                  "k-" + std::string(i < 10 ? 11 : 10, '0') + std::to_string(i));
        EXPECT_GE(body.at("amount_cents").as_int64(), RequestText::amount_cents_min);
        seen_credit |= body.at("type") == "CREDIT";
        seen_debit |= body.at("type") == "DEBIT";
    }
    EXPECT_TRUE(seen_credit && seen_debit);
}

TEST(RequestText, ABatchHasSoManyTransactions) {
    const RequestShape shape{.host = "a:1",
                             .accounts = {kAccount},
                             .currency = "EUR",
                             .key_prefix = "k",
                             .batch_size = 3,
                             .transfers = false,
                             .prefer_wait_seconds = 10};
    RequestText text(shape);
    Source source{SeededRandom(1)};
    text.next(source);
    const std::string_view request = text.next(source);
    EXPECT_TRUE(request.starts_with("POST /v1/transactions/batch HTTP/1.1\r\n"));
    EXPECT_TRUE(request.contains("\r\nPrefer: wait=10\r\n"));
    EXPECT_EQ(declared_length(request), body_of(request).size());
    const auto body = boost::json::parse(body_of(request)).as_object();
    const auto& items = body.at("transactions").as_array();
    ASSERT_EQ(items.size(), 3u);
    EXPECT_EQ(items[2].at("idempotency_key").as_string(), "k-000000000005");
}

TEST(RequestText, ATransferHasTwoAccounts) {
    const std::string other = "00000000-0000-7000-8000-00000000000b";
    const RequestShape shape{.host = "a:1",
                             .accounts = {kAccount, other},
                             .currency = "EUR",
                             .key_prefix = "k",
                             .batch_size = 0,
                             .transfers = true};
    RequestText text(shape);
    Source source{SeededRandom(1)};
    bool seen_from = false, seen_to = false;
    for (int i = 0; i < 50; ++i) {
        const std::string_view request = text.next(source);
        EXPECT_TRUE(request.starts_with("POST /v1/transfers HTTP/1.1\r\n"));
        EXPECT_EQ(declared_length(request), body_of(request).size());
        const auto body = boost::json::parse(body_of(request)).as_object();
        const auto& leg = body.at("legs").as_array().at(0).as_object();
        EXPECT_NE(leg.at("from_account_id"), leg.at("to_account_id"));
        EXPECT_EQ(leg.at("currency"), "EUR");
        seen_from |= leg.at("from_account_id") == kAccount;
        seen_to |= leg.at("to_account_id") == kAccount;
    }
    EXPECT_TRUE(seen_from && seen_to);
}

State give(AnswerReader& reader, std::string_view text) {
    State state = State::incomplete;
    for (const char c : text) {
        const auto room = reader.room();
        room[0] = c;
        state = reader.take(1);
        if (state != State::incomplete) break;
    }
    return state;
}

TEST(AnswerReader, ReadsAnswersByteByByte) {
    AnswerReader reader;
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(give(reader, "HTTP/1.1 201 Created\r\ncontent-length:  5\r\nServer: x\r\n\r\nhell"),
                  State::incomplete);
        EXPECT_EQ(give(reader, "o"), State::complete);
        EXPECT_EQ(reader.status(), 201);
        EXPECT_EQ(reader.body(), "hello");
        EXPECT_TRUE(reader.keeps_alive());
        reader.reset();
    }
    EXPECT_EQ(give(reader, "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), State::complete);
    EXPECT_EQ(reader.status(), 503);
    EXPECT_FALSE(reader.keeps_alive());
}

TEST(AnswerReader, RefusesWhatItCannotRead) {
    for (const std::string_view wrong :
         {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"}) {
        AnswerReader reader;
        EXPECT_EQ(give(reader, wrong), State::malformed) << wrong;
    }
    AnswerReader reader;
    const std::string_view two = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200";
    std::memcpy(reader.room().data(), two.data(), two.size());
    EXPECT_EQ(reader.take(two.size()), State::malformed);
}

TEST(Occurrences, DoNotOverlap) {
    EXPECT_EQ(occurrences("aaaa", "aa"), 2u);
    EXPECT_EQ(occurrences("a", "aa"), 0u);
    EXPECT_EQ(occurrences("", "a"), 0u);
}

}  // namespace
}  // namespace ledgerline::bench
