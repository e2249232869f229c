// VerificationKey: a public key of an issuer, from its JSON Web Key (RFC 7517), over OpenSSL. A key serves one
// algorithm: which one follows from the key alone. Safe to use from any thread.
//
// KeySet: all keys of an issuer.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "http/tokens/jws.h"

struct evp_pkey_st;

namespace ledgerline::http {

class VerificationKey {
public:
    static constexpr int rsa_bits_min = 2048, rsa_bits_max = 8192;

    // Nothing for a key that is of another kind, too short, not on its curve, meant for something else than signatures,
    // or not public.
    static std::optional<VerificationKey> parse(const json::Value& jwk);

    TokenAlgorithm algorithm() const { return algorithm_; }
    const std::string& id() const { return id_; }  // "": it has none
    bool verifies(std::string_view text, std::string_view signature) const;

private:
    VerificationKey(TokenAlgorithm algorithm, std::string id, evp_pkey_st* key);

    TokenAlgorithm algorithm_;
    std::string id_;
    std::shared_ptr<evp_pkey_st> key_;
};

class KeySet {
public:
    static constexpr std::size_t keys_max = 100;

    // A JSON Web Key Set. Keys that are not for us are left out. Error bad_key_set (refuse): it is no such set, has no
    // key that can be used, or too many keys.
    static Result<KeySet> parse(std::string_view text);

    // The key of that algorithm and name. A token without a name is of the only key of its algorithm; null when there
    // is none, or another one.
    const VerificationKey* find(TokenAlgorithm algorithm, const std::optional<std::string>& id) const;
    std::size_t size() const { return keys_.size(); }

private:
    std::vector<VerificationKey> keys_;
};

}  // namespace ledgerline::http
