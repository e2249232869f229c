#include "cli/listening.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "cli/called.h"

namespace ledgerline::cli {
namespace {

using namespace std::string_view_literals;

TEST(Listening, FollowsFlagsThenVariablesThenTheDefault) {
    EXPECT_EQ(url_of_listener("ledgerline\0api\0"sv, ""), "http://127.0.0.1:8080");
    EXPECT_EQ(url_of_listener("ledgerline\0api\0--listen\0"
                              "0.0.0.0:9000\0"sv,
                              "LEDGERLINE_LISTEN=h:1\0"sv),
              "http://127.0.0.1:9000");
    EXPECT_EQ(url_of_listener("ledgerline\0--listen=[::]:9001\0api\0"sv, ""), "http://[::1]:9001");
    EXPECT_EQ(url_of_listener("ledgerline\0api\0"sv, "A=b\0LEDGERLINE_LISTEN=ledger.internal:9002\0"sv),
              "http://ledger.internal:9002");
    EXPECT_EQ(url_of_listener("ledgerline\0api\0--probe-listen\0h:1\0"sv, "XLEDGERLINE_LISTEN=h:1\0"sv),
              "http://127.0.0.1:8080");
}

TEST(Listening, HealthAsksTheProcess) {
    const std::string self = std::to_string(getpid());
    EXPECT_THAT(call({"health", "--of-process", self.c_str()}).err, testing::HasSubstr("http://127.0.0.1:8080"));
    EXPECT_THAT(complaint({"health", "--of-process", "2147483647"}),
                testing::HasSubstr("--of-process: there is no process 2147483647"));
    EXPECT_THAT(complaint({"health", "--of-process", "1", "--url", "x"}), testing::HasSubstr("cannot be combined"));
}

}  // namespace
}  // namespace ledgerline::cli
