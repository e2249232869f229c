#include "api/key_store.h"

#include <algorithm>
#include <utility>

#include "base/hex.h"
#include "base/json.h"
#include "http/server/api_keys.h"

namespace ledgerline::api {
namespace {

constexpr std::size_t kHashBytes = 32;

std::span<const unsigned char> bytes_of(const std::string& text) {
    return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

std::string random_bytes(Random& random) {
    std::string bytes;
    while (bytes.size() < kHashBytes) {
        const std::uint64_t word = random.next();
        bytes.append(reinterpret_cast<const char*>(&word), sizeof(word));
    }
    return bytes;
}

std::string digits_of(const Uuid& id) {
    std::string digits = id.to_string();
    std::erase(digits, '-');
    return digits;
}

http::KeyHash hash_of(const db::Bytes& bytes) {
    http::KeyHash hash{};
    db::expect(bytes.bytes.size() == hash.size(), "a key's hash has another length");
    std::ranges::copy(bytes_of(bytes.bytes), hash.begin());
    return hash;
}

KeyText hashed(std::string text, Random& random) {
    KeyText made{.text = std::move(text), .salt = {random_bytes(random)}, .hash = {}};
    const http::KeyHash salt = hash_of(made.salt), hash = http::ApiKeys::hash_of(made.text, &salt);
    made.hash.bytes.assign(hash.begin(), hash.end());
    return made;
}

std::vector<std::string> texts_of(const std::string& json) {
    std::vector<std::string> texts;
    const auto parsed = json::parse(json);
    const json::Array* items = parsed ? parsed->if_array() : nullptr;
    db::expect(items != nullptr, "a key's list is none");
    for (const json::Value& item : *items)
        if (const std::string* text = item.if_string()) texts.push_back(*text);
    return texts;
}

// What this version does not know is left out: a scope then allows nothing, and a network admits nobody.
http::ApiKey key_of(const sql::KeysInForce::Row& row) {
    http::ApiKey key{.id = row.id.to_string(), .name = row.name, .scopes = {}};
    key.tenant = row.tenant;
    key.tenant_name = row.tenant_name;
    for (const std::string& name : texts_of(row.scopes))
        if (const auto scope = http::parse_scope(name)) key.scopes.add(*scope);
    for (const std::string& text : texts_of(row.networks))
        key.networks.push_back(http::Network::parse(text).value_or(*http::Network::parse("0.0.0.0/32")));
    key.limits = {.amount_cents_max = row.amount_cents_max,
                  .may_overdraw = row.may_overdraw,
                  .may_credit_external = row.may_credit_external,
                  .requests_per_second = row.requests_per_second,
                  .transactions_per_second = row.transactions_per_second};
    return key;
}

sql::KeysAuditKey audit_of(const Uuid& id, std::string_view action, const KeyAuthor& author) {
    return {.key = id,
            .audit_id = author.audit_id,
            .action = action,
            .key_id = author.caller.key_id,
            .operator_name = author.caller.operator_name,
            .peer = author.caller.peer,
            .request_id = author.caller.request_id,
            .reason = author.reason,
            .tenant = author.caller.tenant};
}

// Commits what was done, or makes what an earlier run did as durable.
Result<ChangedKey> commit_change(db::Connection& connection, const Uuid& id, bool made,
                                 const sql::KeysAuditKey& audit) {
    const db::Call first = made ? db::Call(audit) : db::Call(sql::DbSessionDurableMark{});
    LEDGERLINE_TRY(const auto results,
                   connection.commit_pipeline({first, sql::KeysById{id, audit.tenant}, {db::commit, {}}}));
    auto keys = db::rows_of<sql::KeysById>(results[1]);
    if (keys.empty()) return ChangedKey{};
    return ChangedKey{"", std::move(keys.front())};
}

// What a statement says that gives {obstacle, made}, after the keys are locked.
template <class Query>
Result<ChangedKey> change(db::Connection& connection, const Uuid& id, const Query& query,
                          const sql::KeysAuditKey& audit) {
    LEDGERLINE_TRY(const auto results, connection.pipeline({{db::begin, {}}, sql::KeysLock{}, query}));
    const auto rows = db::rows_of<Query>(results[2]);
    const bool hindered = !rows.empty() && rows.front().obstacle;
    if (rows.empty() || hindered) {
        connection.rollback();
        return ChangedKey{hindered ? *rows.front().obstacle : "", std::nullopt};
    }
    return commit_change(connection, id, rows.front().made, audit);
}

}  // namespace

KeyText KeyText::make(const Uuid& id, Random& random) {
    const std::string secret = random_bytes(random);
    return hashed(std::string(http::key_prefix) + digits_of(id) + '_' + hex_of(bytes_of(secret)), random);
}

std::optional<std::pair<Uuid, KeyText>> KeyText::parse(std::string_view text, Random& random) {
    const auto id = http::ApiKeys::stored_id_of(text);
    const auto uuid = id ? Uuid::parse(*id) : std::nullopt;
    if (!uuid) return std::nullopt;
    return std::pair(*uuid, hashed(std::string(text), random));
}

Result<ChangedKey> create_key(db::Connection& connection, const Uuid& id, const NewKey& key, const KeyText& text,
                              const KeyAuthor& author) {
    const sql::KeysCreate query{.id = id,
                                .name = key.name,
                                .scopes = key.scopes,
                                .networks = key.networks,
                                .amount_cents_max = key.limits.amount_cents_max,
                                .may_overdraw = key.limits.may_overdraw,
                                .may_credit_external = key.limits.may_credit_external,
                                .requests_per_second = key.limits.requests_per_second,
                                .transactions_per_second = key.limits.transactions_per_second,
                                .expires_at = key.expires_at,
                                .salt = text.salt,
                                .hash = text.hash,
                                .keys_max = keys_max,
                                .must_be_admin = !author.caller.key_id,
                                .tenant = author.caller.tenant};
    return change(connection, id, query, audit_of(id, "key_created", author));
}

Result<ChangedKey> revoke_key(db::Connection& connection, const Uuid& id, const KeyAuthor& author) {
    LEDGERLINE_TRY(const auto results,
                   connection.pipeline({{db::begin, {}}, sql::KeysLock{}, sql::KeysRevoke{id, author.caller.tenant}}));
    const bool revoked = db::row_of<sql::KeysRevoke>(results[2]).revoked;
    return commit_change(connection, id, revoked, audit_of(id, "key_revoked", author));
}

Result<ChangedKey> rotate_key(db::Connection& connection, const Uuid& id, const KeyText& text,
                              std::chrono::seconds overlap, const KeyAuthor& author) {
    const sql::KeysRotate query{
        .id = id, .salt = text.salt, .hash = text.hash, .overlap_s = overlap.count(), .tenant = author.caller.tenant};
    return change(connection, id, query, audit_of(id, "key_rotated", author));
}

http::KnownTenant known_of(const sql::Tenant& tenant, std::int64_t instances) {
    // The parts are no more than the limit together, unless there are more instances than that.
    const auto part = [&](const auto& limit) -> std::optional<std::int64_t> {
        if (!limit) return std::nullopt;
        return tenant.shared.value_or(false) ? std::max<std::int64_t>(1, *limit / instances) : *limit;
    };
    return {.name = tenant.name,
            .id = static_cast<int>(tenant.id),
            .limits = {.requests_per_second = part(tenant.requests_per_second),
                       .transactions_per_second = part(tenant.transactions_per_second),
                       .request_kib_per_second = part(tenant.request_kib_per_second),
                       .waiters_max = part(tenant.waiters_max)}};
}

Result<StoredKeys> read_keys(db::Connection& connection) {
    LEDGERLINE_TRY(const auto results, connection.pipeline({sql::KeysInForce{}, sql::KeysExist{}, sql::KeysTenants{}}));
    StoredKeys keys{.in_force = {}, .once_there = db::row_of<sql::KeysExist>(results[1]).there, .tenants = {}};
    keys.tenants = db::rows_of<sql::KeysTenants>(results[2]);
    Uuid last{};
    for (const auto& row : db::rows_of<sql::KeysInForce>(results[0])) {
        if (keys.in_force.empty() || row.id != last) keys.in_force.push_back(key_of(row));
        last = row.id;
        keys.in_force.back().secrets.push_back(
            {.number = row.number, .salt = hash_of(row.salt), .hash = hash_of(row.hash), .ends_at = row.ends_at});
    }
    return keys;
}

}  // namespace ledgerline::api
