// What proves to a receiver that a message is from this ledger, as the Standard Webhooks specification says.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ledgerline::notify {

inline constexpr std::size_t secret_bytes = 32;

// The secret as receivers get it: whsec_ and its bytes in base64.
std::string secret_text(std::string_view secret);

// The header webhook-signature of a message: "v1," and an HMAC-SHA256 in base64 for each secret, with spaces between.
std::string signature_of(std::span<const std::string> secrets, std::string_view id, std::int64_t unix_seconds,
                         std::string_view body);

}  // namespace ledgerline::notify
