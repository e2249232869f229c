#include "cli/amounts.h"

#include <gtest/gtest.h>

#include <atomic>

#include "cli/server.h"
#include "lab/answering_server.h"

namespace ledgerline::cli {
namespace {

using test::AnsweringServer;
using test::http_answer;

constexpr const char* kAssets =
    R"({"assets":[{"code":"EUR","exponent":2},{"code":"PTS","exponent":0},{"code":"XAU","exponent":null}]})";

// A server that gives the same answer to all, and counts them.
class Amounts : public testing::Test {
protected:
    Server& serve(const std::string& status, const std::string& body) {
        answering_ = std::make_unique<AnsweringServer>([this, status, body](int socket, const std::string& request) {
            ++asked_;
            EXPECT_EQ(request.substr(0, 15), "GET /v1/assets ");
            test::send_all(socket, http_answer(status, body));
        });
        server_ = Server::open({.url = answering_->url(), .api_key_file = {}}).value();
        return *server_;
    }
    static std::string shown(const std::string& object, Server& server, const std::string& currency = "") {
        return json::serialize(for_people(json::parse(object).value(), amounts_of(server), currency));
    }
    static std::string cents(const std::string& text, const std::string& currency, Server& server) {
        const auto found = cents_of({.cents = {}, .text = text}, currency, server);
        return found ? std::to_string(*found) : found.error().message;
    }

    std::atomic<int> asked_ = 0;
    std::unique_ptr<AnsweringServer> answering_;
    std::optional<Server> server_;
};

TEST_F(Amounts, AreShownInTheCurrencyOfTheirObject) {
    Server& server = serve("200 OK", kAssets);
    EXPECT_EQ(shown(R"({"amount_cents":321760,"currency":"CZK","seq":7,"note_cents":null})", server),
              R"({"amount":"3,217.60 CZK","currency":"CZK","seq":7,"note":null})");
    EXPECT_EQ(shown(R"({"net_cents":-100})", server, "JPY"), R"({"net":"-100 JPY"})");
    EXPECT_EQ(shown(R"({"net_cents":5})", server), R"({"net":"5 minor units"})");
    EXPECT_EQ(shown(R"({"amount_cents":99999999999999999999,"currency":"EUR"})", server),
              R"({"amount":"99999999999999999999 minor units of EUR","currency":"EUR"})");
    EXPECT_EQ(shown(R"({"legs":[{"from_external":true,"to_account_id":"A","amount_cents":5,"currency":"BHD"},)"
                    R"({"from_account_id":"A","to_account_id":"B","amount_cents":1,"currency":"EUR"}]})",
                    server),
              R"({"legs[0]":"0.005 BHD from external to A","legs[1]":"0.01 EUR from A to B"})");
    EXPECT_EQ(asked_, 0) << "ISO 4217 is known";
}

TEST_F(Amounts, OfOtherAssetsAskTheServerOnce) {
    Server& server = serve("200 OK", kAssets);
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(shown(R"({"a_cents":1250,"currency":"PTS"})", server), R"({"a":"1,250 PTS","currency":"PTS"})");
    EXPECT_EQ(cents("7", "PTS", server), "7");
    EXPECT_EQ(cents("7", "XAU", server), "--amount: it is not known how many decimals XAU has; give --amount-cents");
    EXPECT_EQ(cents("7", "ABC", server), "--amount: it is not known how many decimals ABC has; give --amount-cents");
    EXPECT_EQ(asked_, 1);
}

TEST_F(Amounts, AreInMinorUnitsWhereAnOlderServerDoesNotSayMore) {
    Server& server = serve("404 Not Found", R"({"code":"not_found","detail":"There is no such resource."})");
    EXPECT_EQ(shown(R"({"a_cents":1250,"currency":"PTS"})", server),
              R"({"a":"1,250 minor units of PTS","currency":"PTS"})");
    EXPECT_EQ(cents("1.5", "EUR", server), "150");
    EXPECT_EQ(cents("1.5", "PTS", server), "--amount: it is not known how many decimals PTS has; give --amount-cents");
    EXPECT_EQ(asked_, 1);
}

// What cannot be shown better is shown; money is not moved by guessing.
TEST_F(Amounts, DoNotTrustAnAnswerThatMakesNoSense) {
    for (const char* body : {R"({"assets":[{"code":"PTS","exponent":-1}]})",
                             R"({"assets":[{"code":"PTS","exponent":13}]})", R"({"assets":7})", R"([])", "no JSON"}) {
        Server& server = serve("200 OK", body);
        EXPECT_EQ(shown(R"({"a_cents":5,"currency":"PTS"})", server),
                  R"({"a":"5 minor units of PTS","currency":"PTS"})");
        EXPECT_NE(cents("1", "PTS", server).find("is this a Ledgerline server?"), std::string::npos) << body;
    }
    Server& server = serve("503 Service Unavailable", R"({"code":"overloaded","detail":"Later."})");
    EXPECT_EQ(shown(R"({"a_cents":5,"currency":"PTS"})", server), R"({"a":"5 minor units of PTS","currency":"PTS"})");
    EXPECT_EQ(cents("1", "PTS", server), "Later. (HTTP 503, overloaded)");
}

}  // namespace
}  // namespace ledgerline::cli
