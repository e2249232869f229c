#include "http/tokens/verification_key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "base/base64.h"

namespace ledgerline::http {
namespace {

constexpr std::size_t kCoordinateBytes = 32;  // of P-256, and a key of Ed25519
constexpr std::size_t kRsaExponentBytesMax = 8;
constexpr char kUncompressedPoint = '\x04';

template <auto destroy>
struct Freed {
    void operator()(auto* object) const { destroy(object); }
};
template <class T, auto destroy>
using Owned = std::unique_ptr<T, Freed<destroy>>;
using Number = Owned<BIGNUM, BN_free>;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
Number number_of(std::string_view bytes) {
    return Number(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
}

const std::string* text_of(const json::Value& jwk, std::string_view member) {
    const json::Value* value = jwk.find(member);
    return value ? value->if_string() : nullptr;
}
bool has(const json::Value& jwk, std::string_view member, std::string_view text) {
    const std::string* value = text_of(jwk, member);
    return value && *value == text;
}
std::optional<std::string> bytes_of(const json::Value& jwk, std::string_view member) {
    const std::string* text = text_of(jwk, member);
    return text ? from_base64url(*text) : std::nullopt;
}

// Null when OpenSSL takes no such key.
EVP_PKEY* key_of(const char* kind, OSSL_PARAM_BLD* parts) {
    const Owned<OSSL_PARAM, OSSL_PARAM_free> params(OSSL_PARAM_BLD_to_param(parts));
    const Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
    EVP_PKEY* key = nullptr;
    if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
        return nullptr;
    return key;
}

EVP_PKEY* rsa_key(const json::Value& jwk) {
    const auto modulus = bytes_of(jwk, "n"), exponent = bytes_of(jwk, "e");
    if (!modulus || !exponent || exponent->size() > kRsaExponentBytesMax) return nullptr;
    const Number n = number_of(*modulus), e = number_of(*exponent);
    const int bits = n ? BN_num_bits(n.get()) : 0;
    if (bits < VerificationKey::rsa_bits_min || bits > VerificationKey::rsa_bits_max) return nullptr;
    if (!e || BN_num_bits(e.get()) < 2 || BN_is_odd(e.get()) != 1 || BN_is_odd(n.get()) != 1) return nullptr;
    const Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> parts(OSSL_PARAM_BLD_new());
    if (!parts || OSSL_PARAM_BLD_push_BN(parts.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(parts.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
        return nullptr;
    return key_of("RSA", parts.get());
}

EVP_PKEY* p256_key(const json::Value& jwk) {
    const auto x = bytes_of(jwk, "x"), y = bytes_of(jwk, "y");
    if (!has(jwk, "crv", "P-256") || !x || !y || x->size() != kCoordinateBytes || y->size() != kCoordinateBytes)
        return nullptr;
    const std::string point = kUncompressedPoint + *x + *y;
    const Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> parts(OSSL_PARAM_BLD_new());
    if (!parts || OSSL_PARAM_BLD_push_utf8_string(parts.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(parts.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1)
        return nullptr;
    EVP_PKEY* key = key_of("EC", parts.get());
    if (!key) return nullptr;
    const Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    if (context && EVP_PKEY_public_check(context.get()) == 1) return key;
    EVP_PKEY_free(key);
    return nullptr;
}

EVP_PKEY* ed25519_key(const json::Value& jwk) {
    const auto x = bytes_of(jwk, "x");
    if (!has(jwk, "crv", "Ed25519") || !x || x->size() != kCoordinateBytes) return nullptr;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(*x), x->size());
}

std::pair<TokenAlgorithm, EVP_PKEY*> key_of(const json::Value& jwk) {
    if (has(jwk, "kty", "RSA")) return {TokenAlgorithm::rs256, rsa_key(jwk)};
    if (has(jwk, "kty", "EC")) return {TokenAlgorithm::es256, p256_key(jwk)};
    if (has(jwk, "kty", "OKP")) return {TokenAlgorithm::eddsa, ed25519_key(jwk)};
    return {TokenAlgorithm::rs256, nullptr};
}

// Whether the key says nothing that forbids to check signatures with it.
bool is_for_signatures(const json::Value& jwk) {
    if (jwk.find("d") || jwk.find("k")) return false;  // whoever reads it could sign
    if (jwk.find("use") && !has(jwk, "use", "sig")) return false;
    const json::Value* uses = jwk.find("key_ops");
    if (!uses) return true;
    const json::Array* names = uses->if_array();
    return names && std::ranges::any_of(*names, [](const json::Value& name) {
               return name.if_string() && *name.if_string() == "verify";
           });
}

// What OpenSSL takes for a signature of ECDSA; a token has its two numbers, one after the other.
std::string der_of(std::string_view signature) {
    if (signature.size() != 2 * kCoordinateBytes) return "";
    const Owned<ECDSA_SIG, ECDSA_SIG_free> numbers(ECDSA_SIG_new());
    Number r = number_of(signature.substr(0, kCoordinateBytes)), s = number_of(signature.substr(kCoordinateBytes));
    if (!numbers || !r || !s || ECDSA_SIG_set0(numbers.get(), r.get(), s.get()) != 1) return "";
    static_cast<void>(r.release());
    static_cast<void>(s.release());
    const int size = i2d_ECDSA_SIG(numbers.get(), nullptr);
    if (size <= 0) return "";
    std::string der(static_cast<std::size_t>(size), '\0');
    auto* out = reinterpret_cast<unsigned char*>(der.data());
    return i2d_ECDSA_SIG(numbers.get(), &out) == size ? der : "";
}

std::unexpected<Error> bad_set(std::string why) { return failure(Disposition::refuse, "bad_key_set", std::move(why)); }

}  // namespace

VerificationKey::VerificationKey(TokenAlgorithm algorithm, std::string id, evp_pkey_st* key)
    : algorithm_(algorithm), id_(std::move(id)), key_(key, EVP_PKEY_free) {}

std::optional<VerificationKey> VerificationKey::parse(const json::Value& jwk) {
    if (!jwk.if_object() || !is_for_signatures(jwk)) return std::nullopt;
    const std::string* id = text_of(jwk, "kid");
    if (jwk.find("kid") && (!id || id->empty() || id->size() > Jws::key_id_bytes_max)) return std::nullopt;
    const auto [algorithm, key] = key_of(jwk);
    ERR_clear_error();
    if (!key) return std::nullopt;
    VerificationKey made(algorithm, id ? *id : "", key);
    const std::string* named = text_of(jwk, "alg");
    if (jwk.find("alg") && (!named || parse_algorithm(*named) != algorithm)) return std::nullopt;
    return made;
}

bool VerificationKey::verifies(std::string_view text, std::string_view signature) const {
    const std::string der = algorithm_ == TokenAlgorithm::es256 ? der_of(signature) : std::string(signature);
    const Owned<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
    const EVP_MD* digest = algorithm_ == TokenAlgorithm::eddsa ? nullptr : EVP_sha256();
    const bool good = context && EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key_.get()) == 1 &&
                      EVP_DigestVerify(context.get(), bytes_of(der), der.size(), bytes_of(text), text.size()) == 1;
    ERR_clear_error();
    return good;
}

Result<KeySet> KeySet::parse(std::string_view text) {
    const auto document = json::parse(text);
    if (!document) return bad_set("is not JSON: " + document.error().message);
    const json::Value* keys = document->find("keys");
    if (!keys || !keys->if_array()) return bad_set("has no list of keys");
    if (keys->if_array()->size() > keys_max) return bad_set("has more than " + std::to_string(keys_max) + " keys");
    KeySet set;
    for (const json::Value& jwk : *keys->if_array())
        if (auto key = VerificationKey::parse(jwk)) set.keys_.push_back(*std::move(key));
    if (set.keys_.empty()) return bad_set("has no public key for RS256, ES256 or EdDSA");
    return set;
}

const VerificationKey* KeySet::find(TokenAlgorithm algorithm, const std::optional<std::string>& id) const {
    const VerificationKey* found = nullptr;
    for (const VerificationKey& key : keys_) {
        if (key.algorithm() != algorithm || (id && key.id() != *id)) continue;
        if (found) return id ? found : nullptr;
        found = &key;
    }
    return found;
}

}  // namespace ledgerline::http
