#include "lab/token_issuer.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sodium.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/result.h"
#include "http/server/self_signed.h"

namespace ledgerline::test {
namespace {

constexpr int kCoordinateBytes = 32;

EVP_PKEY* generate(const std::string& algorithm) {
    if (algorithm == "RS256") return EVP_RSA_gen(2048);
    if (algorithm == "ES256") return EVP_EC_gen("P-256");
    return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
}

std::string number_in(EVP_PKEY* key, const char* name, int bytes = 0) {
    BIGNUM* number = nullptr;
    LEDGERLINE_ASSERT(EVP_PKEY_get_bn_param(key, name, &number) == 1);
    std::string out(static_cast<std::size_t>(bytes > 0 ? bytes : BN_num_bytes(number)), '\0');
    LEDGERLINE_ASSERT(BN_bn2binpad(number, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size())) >
                      0);
    BN_free(number);
    return base64url(out);
}

std::string parts_of(EVP_PKEY* key, const std::string& algorithm) {
    if (algorithm == "RS256")
        return fmt::format(R"("kty":"RSA","n":"{}","e":"{}")", number_in(key, OSSL_PKEY_PARAM_RSA_N),
                           number_in(key, OSSL_PKEY_PARAM_RSA_E));
    if (algorithm == "ES256")
        return fmt::format(R"("kty":"EC","crv":"P-256","x":"{}","y":"{}")",
                           number_in(key, OSSL_PKEY_PARAM_EC_PUB_X, kCoordinateBytes),
                           number_in(key, OSSL_PKEY_PARAM_EC_PUB_Y, kCoordinateBytes));
    std::string raw(kCoordinateBytes, '\0');
    std::size_t size = raw.size();
    LEDGERLINE_ASSERT(EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(raw.data()), &size) == 1);
    return fmt::format(R"("kty":"OKP","crv":"Ed25519","x":"{}")", base64url(raw));
}

// The two numbers of an ECDSA signature, one after the other.
std::string numbers_of(const std::string& der) {
    const auto* in = reinterpret_cast<const unsigned char*>(der.data());
    ECDSA_SIG* signature = d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(der.size()));
    LEDGERLINE_ASSERT(signature);
    std::string out(2 * kCoordinateBytes, '\0');
    auto* bytes = reinterpret_cast<unsigned char*>(out.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(signature), bytes, kCoordinateBytes);
    BN_bn2binpad(ECDSA_SIG_get0_s(signature), bytes + kCoordinateBytes, kCoordinateBytes);
    ECDSA_SIG_free(signature);
    return out;
}

}  // namespace

std::string base64url(std::string_view bytes) {
    constexpr int kEncoding = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
    std::string text(sodium_base64_encoded_len(bytes.size(), kEncoding), '\0');
    sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                      kEncoding);
    text.pop_back();
    return text;
}

TokenIssuer::TokenIssuer() {
    std::signal(SIGPIPE, SIG_IGN);
    const auto made = http::make_self_signed({"127.0.0.1"}, clock_.wall_now(), std::chrono::days(30));
    const auto write = [&](const char* name, const std::string& text) {
        const auto path = dir_.path() / name;
        std::ofstream(path) << text;
        return path.string();
    };
    const auto tls = http::TlsContext::load({write("issuer.pem", made.certificate), write("issuer.key", made.key), ""},
                                            clock_.wall_now());
    LEDGERLINE_ASSERT(tls);
    const auto add = [this](const char* path, const char* name, http::Handler handler) {
        router_.add({"GET", path, name, std::move(handler), 0, http::Scope::open});
    };
    add("/.well-known/openid-configuration", "document", [this](const http::Request&) {
        const std::lock_guard lock(mutex_);
        return answer(fmt::format(R"({{"issuer":"{}","jwks_uri":"{}"}})", named_, keys_url()));
    });
    add("/keys", "keys", [this](const http::Request&) {
        ++served_;
        return answer(key_set());
    });
    http::ListenerConfig config;
    config.port = 0;
    config.tls = *tls;
    listener_ = std::make_unique<http::Listener>(config, router_, context_);
    LEDGERLINE_ASSERT(listener_->start());
    named_ = url_ = fmt::format("https://127.0.0.1:{}", listener_->port());
}

TokenIssuer::~TokenIssuer() { listener_->stop(milliseconds(0)); }

boost::asio::awaitable<http::Response> TokenIssuer::answer(std::string body) const {
    http::Response response;
    response.status = status_;
    response.body = std::move(body);
    co_return response;
}

void TokenIssuer::name_issuer(const std::string& name) {
    const std::lock_guard lock(mutex_);
    named_ = name;
}

void TokenIssuer::make_key(const std::string& id, const std::string& algorithm, const std::string& more) {
    std::shared_ptr<EVP_PKEY> made(generate(algorithm), EVP_PKEY_free);
    LEDGERLINE_ASSERT(made);
    std::string jwk = fmt::format(R"({{{},"kid":"{}"{}}})", parts_of(made.get(), algorithm), id, more);
    const std::lock_guard lock(mutex_);
    keys_[id] = {std::move(made), algorithm, std::move(jwk)};
}

void TokenIssuer::retract_key(const std::string& id) {
    const std::lock_guard lock(mutex_);
    keys_.at(id).published = false;
}

std::string TokenIssuer::key_set() const {
    const std::lock_guard lock(mutex_);
    std::string keys;
    for (const auto& [id, key] : keys_)
        if (key.published) keys += (keys.empty() ? "" : ",") + key.jwk;
    return R"({"keys":[)" + keys + "]}";
}

std::string TokenIssuer::public_pem(const std::string& id) const {
    BIO* out = BIO_new(BIO_s_mem());
    LEDGERLINE_ASSERT(PEM_write_bio_PUBKEY(out, key(id).key.get()) == 1);
    char* text = nullptr;
    const long size = BIO_get_mem_data(out, &text);
    std::string pem(text, static_cast<std::size_t>(size));
    BIO_free(out);
    return pem;
}

json::Object TokenIssuer::claims(const json::Object& more, WallTime now) const {
    const std::int64_t seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
    json::Object all{{"iss", url_}, {"aud", audience}, {"iat", seconds}, {"exp", seconds + 300}};
    for (const auto& [name, value] : more) {
        std::erase_if(all, [&](const json::Member& member) { return member.first == name; });
        if (!value.is_null()) all.emplace_back(name, value);
    }
    return all;
}

std::string TokenIssuer::token(const std::string& id, const json::Object& more, WallTime now) const {
    const std::string header = fmt::format(R"({{"alg":"{}","kid":"{}","typ":"at+jwt"}})", key(id).algorithm, id);
    return sign(id, header, json::serialize(claims(more, now)));
}

std::string TokenIssuer::sign(const std::string& id, std::string_view header, std::string_view claims) const {
    const std::string text = base64url(header) + '.' + base64url(claims);
    return text + '.' + base64url(signature(id, text));
}

std::string TokenIssuer::signature(const std::string& id, std::string_view text) const {
    const Key& with = key(id);
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    const EVP_MD* digest = with.algorithm == "EdDSA" ? nullptr : EVP_sha256();
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    std::size_t size = 0;
    LEDGERLINE_ASSERT(EVP_DigestSignInit(context, nullptr, digest, nullptr, with.key.get()) == 1);
    LEDGERLINE_ASSERT(EVP_DigestSign(context, nullptr, &size, bytes, text.size()) == 1);
    std::string made(size, '\0');
    LEDGERLINE_ASSERT(
        EVP_DigestSign(context, reinterpret_cast<unsigned char*>(made.data()), &size, bytes, text.size()) == 1);
    EVP_MD_CTX_free(context);
    made.resize(size);
    return with.algorithm == "ES256" ? numbers_of(made) : made;
}

}  // namespace ledgerline::test
