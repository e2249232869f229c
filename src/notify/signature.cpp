#include "notify/signature.h"

#include <sodium.h>

#include "base/base64.h"

namespace ledgerline::notify {
namespace {

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

}  // namespace

std::string secret_text(std::string_view secret) { return "whsec_" + base64_of(secret); }

std::string signature_of(std::span<const std::string> secrets, std::string_view id, std::int64_t unix_seconds,
                         std::string_view body) {
    const std::string head = std::string(id) + '.' + std::to_string(unix_seconds) + '.';
    std::string header;
    for (const std::string& secret : secrets) {
        crypto_auth_hmacsha256_state state;
        crypto_auth_hmacsha256_init(&state, bytes_of(secret), secret.size());
        crypto_auth_hmacsha256_update(&state, bytes_of(head), head.size());
        crypto_auth_hmacsha256_update(&state, bytes_of(body), body.size());
        std::string mac(crypto_auth_hmacsha256_BYTES, '\0');
        crypto_auth_hmacsha256_final(&state, reinterpret_cast<unsigned char*>(mac.data()));
        header += (header.empty() ? "v1," : " v1,") + base64_of(mac);
    }
    return header;
}

}  // namespace ledgerline::notify
