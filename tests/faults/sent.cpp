#include "faults/sent.h"

#include <fmt/format.h>

namespace ledgerline::test {
namespace {

constexpr const char* kLegs =
    R"({{"legs":[{{"from_account_id":"{}","to_account_id":"{}","amount_cents":{},"currency":"{}"}}],)"
    R"("idempotency_key":"{}"{}}})";

}  // namespace

std::string SentTransaction::path() const {
    if (type == "TRANSFER") return "/v1/transfers";
    if (type == "HOLD") return "/v1/holds";
    if (type == "CAPTURE") return fmt::format("/v1/holds/{}/capture", parent_id);
    if (type == "RELEASE") return fmt::format("/v1/holds/{}/release", parent_id);
    if (type == "REVERSAL") return fmt::format("/v1/transactions/{}/reverse", parent_id);
    return "/v1/transactions";
}

std::string SentTransaction::body(const char* currency) const {
    const std::string follows = previous_key.empty() ? "" : R"(,"after_previous":true)";
    if (type == "TRANSFER")
        return fmt::format(fmt::runtime(kLegs), account_id, to_account_id, amount_cents, currency, key, follows);
    if (type == "HOLD")
        return fmt::format(
            R"({{"account_id":"{}","amount_cents":{},"currency":"{}","expires_in_s":{},"idempotency_key":"{}"}})",
            account_id, amount_cents, currency, expires_in_s, key);
    if (type == "CAPTURE") {
        const std::string payee = to_account_id.empty() ? "" : fmt::format(R"(,"to_account_id":"{}")", to_account_id);
        return fmt::format(R"({{"amount_cents":{},"final":{},"idempotency_key":"{}"{}}})", amount_cents, final, key,
                           payee);
    }
    if (type == "RELEASE") return fmt::format(R"({{"idempotency_key":"{}"}})", key);
    if (type == "REVERSAL") return fmt::format(R"({{"amount_cents":{},"idempotency_key":"{}"}})", amount_cents, key);
    return fmt::format(
        R"({{"account_id":"{}","amount_cents":{},"currency":"{}","type":"{}","idempotency_key":"{}"{}}})", account_id,
        amount_cents, currency, type, key, follows);
}

}  // namespace ledgerline::test
