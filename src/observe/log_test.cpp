#include "observe/log.h"

#include <gtest/gtest.h>

namespace ledgerline {
namespace {

// C libraries use null for an absent value.
TEST(Log, AFieldOfACStringThatIsAbsentIsNull) {
    EXPECT_TRUE(log::Field("reason", static_cast<const char*>(nullptr)).value.is_null());
    const log::Field there("reason", "gone");
    ASSERT_TRUE(there.value.if_string());
    EXPECT_EQ(*there.value.if_string(), "gone");
}

std::string logged(log::Format format, std::string_view message, log::Fields fields) {
    log::configure(log::Level::info, format, "publisher");
    testing::internal::CaptureStderr();
    log::info(message, fields);
    EXPECT_TRUE(log::flush(milliseconds(30'000)));
    log::configure(log::Level::info, log::default_format(), "ledgerline");
    return testing::internal::GetCapturedStderr();
}

TEST(Log, APlainLineOfARequestFitsAndHasNoEmptyFields) {
    const log::Fields fields = {{"request_id", "01a21c3b-8da3-73bd-91e2-60c8b458ff13"},
                                {"trace_id", "75d0f1358fb25c65529d5021234efa4b"},
                                {"method", "DELETE"},
                                {"path", "/v1/accounts/by-reference/{reference}/and/more"},
                                {"route", "list_transactions"},
                                {"status", 200},
                                {"code", ""},
                                {"duration_ms", 30000},
                                {"reason", ""}};
    const std::string line = logged(log::Format::plain, log::request_answered, fields);
    EXPECT_EQ(line.substr(12), " info  publisher DELETE /v1/accounts/by-reference/{reference}/and/more 200 30000 ms\n");
    EXPECT_LE(line.size(), 121u);
    EXPECT_EQ(logged(log::Format::plain, "stopped", {{"error", ""}, {"lane", 3}, {"why", nullptr}}).substr(12),
              " info  publisher stopped lane=3\n");
}

TEST(Log, ARefusedRequestCanBeFound) {
    const std::string line = logged(
        log::Format::plain, log::request_answered,
        {{"request_id", "r-1"}, {"method", "POST"}, {"path", "/v1/holds"}, {"status", 402}, {"code", "no\nmoney"}});
    EXPECT_EQ(line.substr(12), " info  publisher POST /v1/holds 402 ms code=\"no\\nmoney\" request_id=r-1\n");
}

TEST(Log, EveryJsonLineNamesItsRole) {
    const auto line = json::parse(logged(log::Format::json, "stopped", {}));
    ASSERT_TRUE(line);
    EXPECT_EQ(*line->find("service")->if_string(), "ledgerline");
    EXPECT_EQ(*line->find("role")->if_string(), "publisher");
}

}  // namespace
}  // namespace ledgerline
