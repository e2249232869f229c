// ApiKeys: who may call. A key comes as X-API-Key or as Authorization: Bearer. Safe to use from any thread.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "http/message.h"

namespace ledgerline::http {

class ApiKeys {
public:
    // Keeps only hashes. With no keys everybody may call, and credentials sent along are not looked at.
    explicit ApiKeys(std::span<const std::string> keys);

    // Nothing when the request may go on; 401 when its key is missing or malformed, 403 when it is not one of ours.
    // X-API-Key is the one that counts where both are sent, since gateways use Authorization for themselves.
    std::optional<Response> refuse(const Request& request) const;

private:
    using Hash = std::array<unsigned char, 32>;
    static Hash hash_of(std::string_view key);
    bool knows(std::string_view key) const;

    std::vector<Hash> hashes_;
};

}  // namespace ledgerline::http
