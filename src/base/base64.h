// Base64 (RFC 4648): bytes as text, and back. In constant time, so that it may be used on secrets.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ledgerline {

// With padding (section 4).
std::string base64_of(std::string_view bytes);
// For URLs, without padding (section 5).
std::string base64url_of(std::string_view bytes);

// Nothing for any text that the function above does not make: another alphabet or padding, or unused bits that are not
// zero.
std::optional<std::string> from_base64(std::string_view text);
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace ledgerline
