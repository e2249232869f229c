// The keys in the database: made, revoked, rotated and read. Each change is in the audit, in the same transaction.
//
// All of it may run twice: what an earlier run did is found, not done again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/header_fields.h"
#include "api/key_requests.h"
#include "api/records.h"
#include "base/random.h"
#include "base/result.h"
#include "base/uuid.h"
#include "db/connection.h"
#include "http/api_key.h"
#include "http/tenant_limits.h"
#include "observe/process_context.h"
#include "sql/queries.h"

namespace ledgerline::api {

// The code of what is wrong with --first-key-file.
inline constexpr std::string_view bad_first_key_file = "bad_first_key_file";

inline constexpr std::int64_t keys_max = 1000;  // that are not revoked

// What its holder sends. Shown once: only the hash is stored.
struct KeyText {
    std::string text;
    db::Bytes salt, hash;

    // A new secret for the key with that id.
    static KeyText make(const Uuid& id, Random& random);
    // Of a text that was made earlier: the id of its key as well. Nothing when text is no key.
    static std::optional<std::pair<Uuid, KeyText>> parse(std::string_view text, Random& random);
};

// Who changes a key, for the audit.
struct KeyAuthor {
    Caller caller;
    Uuid audit_id;  // made before the first try
    std::optional<std::string> reason = {};
};

struct ChangedKey {
    std::string obstacle;          // why nothing was changed; empty when it was, or was so before
    std::optional<KeyRecord> key;  // as it is now; nothing when there is none, or with an obstacle
};

// Obstacles: name_taken, too_many_keys, first_key_not_admin.
Result<ChangedKey> create_key(db::Connection& connection, const Uuid& id, const NewKey& key, const KeyText& text,
                              const KeyAuthor& author);
Result<ChangedKey> revoke_key(db::Connection& connection, const Uuid& id, const KeyAuthor& author);
// Obstacles: key_ended, rotation_under_way.
Result<ChangedKey> rotate_key(db::Connection& connection, const Uuid& id, const KeyText& text,
                              std::chrono::seconds overlap, const KeyAuthor& author);

struct StoredKeys {
    std::vector<http::ApiKey> in_force;
    bool once_there = false;
    std::vector<sql::Tenant> tenants;
};
// The tenant with its limits in this instance, when so many live.
http::KnownTenant known_of(const sql::Tenant& tenant, std::int64_t instances);
Result<StoredKeys> read_keys(db::Connection& connection);

// Makes a first key, with the scope admin and without limits, unless there is or was a key: nothing then. It is in the
// file, which only its owner may read, before it is in the database. A file that holds a key already is taken as it is;
// error bad_first_key_file (refuse) for one that holds anything else, or that cannot be made.
Result<void> make_first_key(const db::ConnectionConfig& config, const std::string& path, const ProcessContext& context);

}  // namespace ledgerline::api
