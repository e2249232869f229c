#include "notify/signature.h"

#include <sodium.h>

#include <array>

namespace ledgerline::notify {
namespace {

constexpr int kEncoding = sodium_base64_VARIANT_ORIGINAL;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string base64(std::span<const unsigned char> bytes) {
    std::string text(sodium_base64_encoded_len(bytes.size(), kEncoding), '\0');
    sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), kEncoding);
    text.pop_back();  // its terminator
    return text;
}

}  // namespace

std::string secret_text(std::string_view secret) { return "whsec_" + base64({bytes_of(secret), secret.size()}); }

std::string signature_of(std::span<const std::string> secrets, std::string_view id, std::int64_t unix_seconds,
                         std::string_view body) {
    const std::string head = std::string(id) + '.' + std::to_string(unix_seconds) + '.';
    std::string header;
    for (const std::string& secret : secrets) {
        crypto_auth_hmacsha256_state state;
        crypto_auth_hmacsha256_init(&state, bytes_of(secret), secret.size());
        crypto_auth_hmacsha256_update(&state, bytes_of(head), head.size());
        crypto_auth_hmacsha256_update(&state, bytes_of(body), body.size());
        std::array<unsigned char, crypto_auth_hmacsha256_BYTES> mac{};
        crypto_auth_hmacsha256_final(&state, mac.data());
        header += (header.empty() ? "v1," : " v1,") + base64(mac);
    }
    return header;
}

}  // namespace ledgerline::notify
