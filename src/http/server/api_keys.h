// ApiKeys: decides who may call. A key comes as X-API-Key or as Authorization: Bearer. Safe to use from any thread.
#pragma once

#include <array>
#include <atomic>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace ledgerline::http {

class ApiKeys {
public:
    // How many bytes of a key's hash its fingerprint shows: enough to tell keys apart, and to match one against a key
    // file.
    static constexpr std::size_t fingerprint_bytes = 6;
    using Hash = std::array<unsigned char, 32>;

    // Keeps only hashes. With no keys, everybody may call, and credentials in requests are ignored.
    explicit ApiKeys(std::span<const std::string> keys);
    // Replaces the keys; there must be at least one. Requests already admitted are not affected.
    void replace(std::span<const std::string> keys);

    // Returns the key's fingerprint when the request may proceed ("" if there are no keys); 401 when its key is missing
    // or malformed, 403 when it is not one of ours. When both headers are sent, X-API-Key counts, since gateways use
    // Authorization for themselves.
    std::expected<std::string, Response> admit(const Request& request) const;

    // Whether there are no keys.
    bool is_open() const { return hashes_.load()->empty(); }
    // A secret that follows from the key with that fingerprint and from which nothing about the key follows; nothing
    // when there is no such key.
    std::optional<Hash> secret_of(std::string_view fingerprint) const;

private:
    using Hashes = std::vector<Hash>;
    static Hash hash_of(std::string_view key);
    static std::string fingerprint_of(const Hash& hash);
    static std::shared_ptr<const Hashes> hashes_of(std::span<const std::string> keys);
    static bool knows(const Hashes& hashes, const Hash& wanted);

    std::atomic<std::shared_ptr<const Hashes>> hashes_;
};

}  // namespace ledgerline::http
