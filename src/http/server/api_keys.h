// ApiKeys: decides who may call. A key comes as X-API-Key or as Authorization: Bearer, a token as the latter. A request
// with neither may stand for the stored key that its client's certificate names. Safe to use from any thread.
//
// Keys come from a file, which have all scopes, and from whoever stores keys (store()). Only hashes are kept.
#pragma once

#include <atomic>
#include <expected>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "http/api_key.h"
#include "http/message.h"
#include "http/server/refused_logins.h"
#include "http/tenant_limits.h"
#include "http/tokens/access_tokens.h"

namespace ledgerline::http {

struct KeyPolicy {
    bool stored = false;                        // keys are stored as well: nobody is let in before store() was called
    bool always_asked = false;                  // for a key, even while there is none
    std::shared_ptr<AccessTokens> tokens = {};  // which are taken as well; null: none
};

class ApiKeys {
public:
    // How many bytes of its hash are the id of a key in a file: enough to tell keys apart, and to match one against the
    // file.
    static constexpr std::size_t fingerprint_bytes = 6;
    using Key = std::shared_ptr<const ApiKey>;

    // file_keys: those of a file. While there are no keys at all, everybody may call unless the policy says otherwise,
    // and credentials in requests are ignored. clock must outlive it.
    ApiKeys(std::span<const std::string> file_keys, const Clock& clock, KeyPolicy policy = {});
    // Replaces the keys of the file; there must be at least one. Requests already admitted are not affected.
    void replace(std::span<const std::string> file_keys);
    // Replaces the stored keys by those in force now. once_there: whether there is one, in force or not. What the
    // process knows of the use of a key stays.
    void store(std::vector<ApiKey> keys, bool once_there);

    // The key, if the request may call what needs that scope; null when none is needed. Otherwise the answer: 401 when
    // its key is missing or malformed or its token is not good, 403 when it is not one of ours, or may not do that, 429
    // beyond its limit, 503 before keys are known. When both headers are sent, X-API-Key counts, since gateways use
    // Authorization for themselves.
    std::expected<Key, Response> admit(const Request& request, Scope scope) const;
    // The same for a request that stands for that key by other means.
    std::expected<Key, Response> admit(Key key, const Request& request, Scope scope) const;
    // Whom a request with that key, or without one, is for: the tenant that the header X-Tenant names, if its caller
    // may act in all of them, otherwise that of its key. 403 for any other tenant, 404 for one that is not known.
    static constexpr std::string_view tenant_header = "X-Tenant";
    std::expected<int, Response> tenant_of(const Key& key, const Request& request) const;
    // There are these tenants, among others, and these are their limits.
    void know(std::span<const KnownTenant> tenants);
    // What the tenant did; null when it has no limits.
    std::shared_ptr<TenantUse> use_of(int tenant) const;

    // Whether nobody is asked for a key.
    bool is_open() const { return is_open(*table_.load()); }
    // Whether it is known that there is no key that anybody could call with, and no token either.
    bool none() const;
    // Whether a request that was admitted with that key, or without one, would still be let in.
    bool still_admit(const Key& key) const;
    // The key in force with that id; null when there is none.
    Key find(std::string_view id) const;
    // A secret that follows from the key and from which nothing about the key follows. It changes when the key rotates.
    static KeyHash secret_of(const ApiKey& key);

    // The keys that were used since the last call, each with the number of its secret.
    std::vector<std::pair<std::string, int>> take_used() const;
    RefusedLogins& refused() const { return refused_; }

    // The id in the text of a stored key; nothing for any other text.
    static std::optional<std::string> stored_id_of(std::string_view text);
    static KeyHash hash_of(std::string_view key, const KeyHash* salt = nullptr);

private:
    struct Table {
        std::map<std::string, Key, std::less<>> of_file, stored;  // by id
        std::map<std::string, int, std::less<>> tenants{{std::string(default_tenant_name), default_tenant}};
        std::map<int, std::shared_ptr<TenantUse>> limited;  // the tenants that have limits
        bool known = false;                                 // the stored keys have been told
        bool once_there = false;                            // there is or was a stored key
    };
    bool is_open(const Table& table) const;
    static bool is_known(const Table& table, const KnownTenant& tenant);
    bool found_by_secret(const ApiKey& key, std::string_view text) const;
    Key find_by_text(const Table& table, std::string_view text) const;
    std::expected<Key, Response> find_by_token(const Table& table, const Request& request, std::string_view text) const;
    std::unexpected<Response> refuse(const Request& request, Response answer, std::string_view key_id = "") const;
    void change(const std::function<void(Table&)>& how);

    const KeyPolicy policy_;
    const Clock& clock_;
    std::mutex writing_;
    std::atomic<std::shared_ptr<const Table>> table_;
    mutable RefusedLogins refused_;
};

}  // namespace ledgerline::http
