// Jws: a signed token in the compact form (RFC 7515), taken apart. Nothing in it is believed yet.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace ledgerline::http {

// Only those with which nobody but the issuer can sign. A token chooses none: its key has one (verification_key.h).
enum class TokenAlgorithm : std::uint8_t { rs256, es256, eddsa };
// As tokens and keys name it: "RS256".
std::optional<TokenAlgorithm> parse_algorithm(std::string_view name);

// Why a token is refused, for people: what it says about the token is no secret and quotes nothing of it.
using TokenFault = std::string_view;

struct Jws {
    static constexpr std::size_t bytes_max = 8 * 1024;  // of the whole token
    static constexpr std::size_t key_id_bytes_max = 200;

    TokenAlgorithm algorithm = TokenAlgorithm::rs256;
    std::optional<std::string> key_id;
    std::string_view signed_text;  // of the text that was parsed
    std::string payload, signature;

    static std::expected<Jws, TokenFault> parse(std::string_view text);
};

}  // namespace ledgerline::http
