// What callers say about keys: the bodies of their calls, checked against every rule that needs no database.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "http/api_key.h"
#include "http/message.h"
#include "http/problem.h"

namespace ledgerline::api {

inline constexpr std::size_t key_name_chars_max = 100;
inline constexpr std::size_t key_networks_max = 20;
inline constexpr std::chrono::seconds rotation_overlap_default = std::chrono::days(1);
inline constexpr std::chrono::seconds rotation_overlap_max = std::chrono::days(30);

struct NewKey {
    std::string name;
    std::vector<std::string> scopes;
    std::vector<std::string> networks;
    http::KeyLimits limits;
    std::optional<WallTime> expires_at;
};
// Of POST /v1/keys. now: expires_at lies after it.
std::expected<NewKey, http::Problem> parse_key(const json::Value& body, WallTime now);

struct KeyChange {
    std::optional<std::string> reason;
    std::chrono::seconds overlap = rotation_overlap_default;  // of a rotation
};
// Of POST /v1/keys/{id}/revoke and …/rotate, which need no body.
enum class KeyChangeKind { revoke, rotate };
std::expected<KeyChange, http::Problem> parse_key_change(const http::Request& request, KeyChangeKind kind);

}  // namespace ledgerline::api
