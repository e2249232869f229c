#include "http/server/api_keys.h"

#include <sodium.h>

#include "base/result.h"
#include "base/text.h"
#include "http/problem.h"

namespace ledgerline::http {
namespace {

Response unauthorized() {
    Response response = to_response(edge_problem(
        401, edge_code::unauthorized, "One API key must be sent, as X-API-Key or as Authorization: Bearer."));
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
    return response;
}

// The key in the request; nothing when there is none, several, or one that cannot be a key.
std::optional<std::string_view> key_of(const Request& request) {
    const auto count = [&](std::string_view name) { return std::ranges::count(request.headers, name, &Header::first); };
    const bool own_header = count("x-api-key") > 0;
    const std::string_view name = own_header ? "x-api-key" : "authorization";
    if (count(name) != 1) return std::nullopt;
    std::string_view key = *request.header(name);
    if (!own_header) {
        constexpr std::string_view scheme = "bearer ";
        if (!equal_ignoring_case(key.substr(0, scheme.size()), scheme)) return std::nullopt;
        key = trimmed(key.substr(scheme.size()));
    }
    if (key.empty() || !is_visible_ascii(key)) return std::nullopt;
    return key;
}

}  // namespace

ApiKeys::ApiKeys(std::span<const std::string> keys) : hashes_(hashes_of(keys)) {}

void ApiKeys::replace(std::span<const std::string> keys) {
    LEDGERLINE_ASSERT(!keys.empty());
    hashes_.store(hashes_of(keys));
}

std::shared_ptr<const ApiKeys::Hashes> ApiKeys::hashes_of(std::span<const std::string> keys) {
    LEDGERLINE_ASSERT(sodium_init() >= 0);
    auto hashes = std::make_shared<Hashes>();
    for (const std::string& key : keys) {
        LEDGERLINE_ASSERT(!key.empty());
        hashes->push_back(hash_of(key));
    }
    return hashes;
}

std::expected<std::string, Response> ApiKeys::admit(const Request& request) const {
    const auto hashes = hashes_.load();
    if (hashes->empty()) return "";
    const auto key = key_of(request);
    if (!key) return std::unexpected(unauthorized());
    const Hash hash = hash_of(*key);
    if (!knows(*hashes, hash))
        return std::unexpected(to_response(edge_problem(403, edge_code::forbidden, "This API key is not known.")));
    return fingerprint_of(hash);
}

std::optional<ApiKeys::Hash> ApiKeys::secret_of(std::string_view fingerprint) const {
    const auto hashes = hashes_.load();
    for (const Hash& hash : *hashes) {
        if (fingerprint_of(hash) != fingerprint) continue;
        constexpr std::string_view purpose = "ledgerline session";
        Hash secret;
        crypto_generichash(secret.data(), secret.size(), reinterpret_cast<const unsigned char*>(purpose.data()),
                           purpose.size(), hash.data(), hash.size());
        return secret;
    }
    return std::nullopt;
}

std::string ApiKeys::fingerprint_of(const Hash& hash) {
    std::string fingerprint(2 * fingerprint_bytes + 1, '\0');
    sodium_bin2hex(fingerprint.data(), fingerprint.size(), hash.data(), fingerprint_bytes);
    fingerprint.pop_back();  // the terminating zero
    return fingerprint;
}

ApiKeys::Hash ApiKeys::hash_of(std::string_view key) {
    Hash hash;
    crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(key.data()), key.size(),
                       nullptr, 0);
    return hash;
}

bool ApiKeys::knows(const Hashes& hashes, const Hash& wanted) {
    bool found = false;
    // Compares all of them, so that the time taken does not reveal which one matched.
    for (const Hash& hash : hashes) found |= sodium_memcmp(hash.data(), wanted.data(), hash.size()) == 0;
    return found;
}

}  // namespace ledgerline::http
