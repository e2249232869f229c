#include "notify/signature.h"

#include <gtest/gtest.h>

#include <array>

namespace ledgerline::notify {
namespace {

// The example that libraries of the specification are tested with.
TEST(Signature, IsThatOfTheSpecification) {
    const std::array<std::string, 1> secret{
        "\x31\xf2\x90\xf6\xbf\x06\x29\x8a\xab\x4f\x08\xd4\x3c\x3f\x08\x2c\xf6\x48\xa3\x62\xda\x2d\xa4\xb0"};
    EXPECT_EQ(secret_text(secret[0]), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    EXPECT_EQ(signature_of(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, R"({"test": 2432232314})"),
              "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(Signature, HasAPartForEachSecret) {
    const std::array<std::string, 2> secrets{std::string(32, 'a'), std::string(32, 'b')};
    const std::string both = signature_of(secrets, "id", 1, "body");
    EXPECT_EQ(both, signature_of(std::span(secrets).first(1), "id", 1, "body") + ' ' +
                        signature_of(std::span(secrets).last(1), "id", 1, "body"));
}

}  // namespace
}  // namespace ledgerline::notify
