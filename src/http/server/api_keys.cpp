#include "http/server/api_keys.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <ranges>
#include <utility>

#include "base/hex.h"
#include "base/result.h"
#include "base/text.h"
#include "http/problem.h"
#include "http/server/room.h"

namespace ledgerline::http {
namespace {

constexpr std::size_t kIdDigits = 32;
constexpr std::size_t kSecretDigits = 64;

Response unauthorized() {
    Response response = to_response(edge_problem(
        401, edge_code::unauthorized, "One API key must be sent, as X-API-Key or as Authorization: Bearer."));
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
    return response;
}

Response forbidden(std::string_view detail) {
    return to_response(edge_problem(403, edge_code::forbidden, std::string(detail)));
}

Response scope_missing(const ApiKey& key, Scope scope) {
    const bool has_token = key.token_ends_at.has_value();
    const bool is_shared = key.tenant != default_tenant && is_of_installation(scope);
    const std::string_view caller = has_token ? "access token" : "API key";
    Problem problem = edge_problem(
        403, edge_code::insufficient_scope,
        is_shared ? fmt::format("This is of all tenants: only an {} of the default tenant may call it.", caller)
                  : fmt::format("This {} has no scope {}.", caller, name_of(scope)));
    problem.extensions.emplace_back("scope", name_of(scope));
    Response response = to_response(problem);
    if (has_token)
        response.headers.emplace_back("WWW-Authenticate",
                                      fmt::format(R"(Bearer error="insufficient_scope", scope="{}")", name_of(scope)));
    return response;
}

// RFC 6750, section 3.1.
Response invalid_token(TokenFault why) {
    Response response = to_response(
        edge_problem(401, edge_code::invalid_token, fmt::format("This access token is not taken: {}.", why)));
    response.headers.emplace_back("WWW-Authenticate",
                                  fmt::format(R"(Bearer error="invalid_token", error_description="{}")", why));
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

// Whether it can be nothing but a token. Only as Authorization: Bearer.
bool may_be_token(const Request& request, std::string_view text) {
    return !request.header("x-api-key") && !text.starts_with(key_prefix) && std::ranges::count(text, '.') >= 2;
}

bool equal(const KeyHash& a, const KeyHash& b) { return sodium_memcmp(a.data(), b.data(), a.size()) == 0; }

}  // namespace

ApiKeys::ApiKeys(std::span<const std::string> file_keys, const Clock& clock, KeyPolicy policy)
    : policy_(std::move(policy)), clock_(clock), table_(std::make_shared<Table>()) {
    LEDGERLINE_ASSERT(sodium_init() >= 0);
    if (!file_keys.empty()) replace(file_keys);
}

void ApiKeys::change(const std::function<void(Table&)>& how) {
    const std::lock_guard lock(writing_);
    auto table = std::make_shared<Table>(*table_.load());
    how(*table);
    table_.store(std::move(table));
}

void ApiKeys::replace(std::span<const std::string> file_keys) {
    LEDGERLINE_ASSERT(!file_keys.empty());
    change([&](Table& table) {
        table.of_file.clear();
        for (const std::string& text : file_keys) {
            LEDGERLINE_ASSERT(!text.empty());
            ApiKey key{.id = {}, .name = "file", .scopes = Scopes::all()};
            key.secrets.push_back({.number = 1, .hash = hash_of(text)});
            key.id = hex_of(std::span(key.secrets.front().hash).first(fingerprint_bytes));
            key.use = std::make_shared<KeyUse>(key.limits);
            table.of_file.insert_or_assign(key.id, std::make_shared<const ApiKey>(key));
        }
    });
}

void ApiKeys::store(std::vector<ApiKey> keys, bool once_there) {
    change([&](Table& table) {
        const auto before = std::exchange(table.stored, {});
        table.known = true;
        table.once_there = once_there;
        for (ApiKey& key : keys) {
            const auto known = before.find(key.id);
            key.use = known != before.end() ? known->second->use : std::make_shared<KeyUse>(key.limits);
            std::string id = key.id;
            table.stored.emplace(std::move(id), std::make_shared<const ApiKey>(std::move(key)));
        }
    });
}

bool ApiKeys::is_open(const Table& table) const {
    return !policy_.always_asked && !policy_.tokens && table.of_file.empty() && !table.once_there &&
           (table.known || !policy_.stored);
}

bool ApiKeys::none() const {
    const auto table = table_.load();
    return !policy_.tokens && table->of_file.empty() && table->stored.empty() && (table->known || !policy_.stored);
}

ApiKeys::Key ApiKeys::find(std::string_view id) const {
    const auto table = table_.load();
    for (const auto* keys : {&table->stored, &table->of_file})
        if (const auto found = keys->find(id); found != keys->end()) return found->second;
    return nullptr;
}

// Whether one of the key's secrets is the text. Notes which.
bool ApiKeys::found_by_secret(const ApiKey& key, std::string_view text) const {
    for (std::size_t nth = 0; nth < key.secrets.size(); ++nth) {
        const KeySecret& secret = key.secrets[nth];
        if (secret.ends_at && *secret.ends_at <= clock_.wall_now()) continue;
        if (!equal(secret.hash, hash_of(text, &secret.salt))) continue;
        key.use->used_secrets[std::min(nth, key.use->used_secrets.size() - 1)].store(secret.number,
                                                                                     std::memory_order_relaxed);
        return true;
    }
    return false;
}

ApiKeys::Key ApiKeys::find_by_text(const Table& table, std::string_view text) const {
    if (const auto id = stored_id_of(text)) {
        const auto found = table.stored.find(*id);
        if (found != table.stored.end() && found_by_secret(*found->second, text)) return found->second;
    }
    if (table.of_file.empty()) return nullptr;
    const KeyHash hash = hash_of(text);
    Key match;
    // Compares all of them, so that the time taken does not reveal which one matched.
    for (const auto& key : table.of_file | std::views::values)
        if (equal(key->secrets.front().hash, hash)) match = key;
    return match;
}

std::expected<ApiKeys::Key, Response> ApiKeys::admit(const Request& request, Scope scope) const {
    const auto table = table_.load();
    if (policy_.stored && !table->known)
        return std::unexpected(busy(edge_code::not_ready, "The API keys have not been read yet."));
    if (is_open(*table)) return nullptr;
    const bool names_one = request.header("x-api-key") || request.header("authorization");
    if (!names_one && !request.certificate_key.empty()) {
        const auto found = table->stored.find(request.certificate_key);
        if (found != table->stored.end()) return admit(found->second, request, scope);
        return refuse(request, forbidden("The API key that the client's certificate names is not known."));
    }
    const auto text = key_of(request);
    if (!text) return refuse(request, unauthorized());
    Key key = find_by_text(*table, *text);
    if (!key && may_be_token(request, *text)) {
        auto found = find_by_token(*table, request, *text);
        if (!found) return found;
        key = *std::move(found);
    }
    if (!key) return refuse(request, forbidden("This API key is not known."));
    return admit(std::move(key), request, scope);
}

// Null when no tokens are taken.
std::expected<ApiKeys::Key, Response> ApiKeys::find_by_token(const Table& table, const Request& request,
                                                             std::string_view text) const {
    if (!policy_.tokens) return nullptr;
    const auto tenant_of = [&](std::string_view name) -> std::optional<int> {
        const auto found = table.tenants.find(name);
        return found == table.tenants.end() ? std::nullopt : std::optional(found->second);
    };
    auto caller = policy_.tokens->admit(text, tenant_of);
    if (caller) return *std::move(caller);
    if (caller.error().later)
        return std::unexpected(busy(edge_code::not_ready, "The keys of the tokens' issuer are being asked for."));
    return refuse(request, invalid_token(caller.error().why));
}

bool ApiKeys::still_admit(const Key& key) const {
    if (!key) return is_open();
    return key->token_ends_at ? *key->token_ends_at > clock_.wall_now() : find(key->id) != nullptr;
}

std::expected<ApiKeys::Key, Response> ApiKeys::admit(Key key, const Request& request, Scope scope) const {
    if (!key->networks.empty()) {
        const auto from = parse_address(request.peer);
        const auto has = [&](const Network& network) { return from && network.contains(*from); };
        if (std::ranges::none_of(key->networks, has))
            return refuse(request, forbidden("This API key may not be used from this address."), key->id);
    }
    const auto tenant = tenant_of(key, request);
    if (!tenant) return refuse(request, tenant.error(), key->id);
    if (!key->may(scope, *tenant)) return refuse(request, scope_missing(*key, scope), key->id);
    return key;
}

std::expected<int, Response> ApiKeys::tenant_of(const Key& key, const Request& request) const {
    const int own = key ? key->tenant : default_tenant;
    const std::string* name = request.header("x-tenant");
    if (!name) return own;
    if (std::ranges::count(request.headers, "x-tenant", &Header::first) > 1)
        return std::unexpected(forbidden("X-Tenant must be sent once."));
    const auto table = table_.load();
    const auto named = table->tenants.find(*name);
    const bool known = named != table->tenants.end();
    if (known && named->second == own) return own;
    if (key && !key->is_operator())
        return std::unexpected(forbidden("This API key may not act in another tenant than its own."));
    if (known) return named->second;
    return std::unexpected(to_response(
        edge_problem(404, edge_code::tenant_not_found, "There is no tenant with this name.", tenant_header)));
}

bool ApiKeys::is_known(const Table& table, const KnownTenant& tenant) {
    const auto limited = table.limited.find(tenant.id);
    const TenantLimits limits = limited == table.limited.end() ? TenantLimits() : limited->second->limits;
    return table.tenants.contains(tenant.name) && limits == tenant.limits;
}

void ApiKeys::know(std::span<const KnownTenant> tenants) {
    const auto known = table_.load();
    const auto is_new = [&](const KnownTenant& tenant) { return !is_known(*known, tenant); };
    if (std::ranges::none_of(tenants, is_new)) return;
    change([&](Table& table) {
        for (const KnownTenant& tenant : tenants) {
            if (is_known(table, tenant)) continue;
            table.tenants.insert_or_assign(tenant.name, tenant.id);
            table.limited.erase(tenant.id);
            if (tenant.limits != TenantLimits())
                table.limited.emplace(tenant.id, std::make_shared<TenantUse>(tenant.limits));
        }
    });
}

std::shared_ptr<TenantUse> ApiKeys::use_of(int tenant) const {
    const auto table = table_.load();
    const auto found = table->limited.find(tenant);
    return found == table->limited.end() ? nullptr : found->second;
}

std::unexpected<Response> ApiKeys::refuse(const Request& request, Response answer, std::string_view key_id) const {
    refused_.note(request, answer.problem_code, key_id);
    return std::unexpected(std::move(answer));
}

std::vector<std::pair<std::string, int>> ApiKeys::take_used() const {
    std::vector<std::pair<std::string, int>> used;
    for (const auto& [id, key] : table_.load()->stored)
        for (std::atomic<int>& secret : key->use->used_secrets)
            if (const int number = secret.exchange(0, std::memory_order_relaxed)) used.emplace_back(id, number);
    return used;
}

KeyHash ApiKeys::secret_of(const ApiKey& key) {
    constexpr std::string_view purpose = "ledgerline session";
    const KeyHash& hash = key.secrets.front().hash;
    KeyHash secret;
    crypto_generichash(secret.data(), secret.size(), reinterpret_cast<const unsigned char*>(purpose.data()),
                       purpose.size(), hash.data(), hash.size());
    return secret;
}

std::optional<std::string> ApiKeys::stored_id_of(std::string_view text) {
    if (!text.starts_with(key_prefix)) return std::nullopt;
    text.remove_prefix(key_prefix.size());
    if (text.size() != kIdDigits + 1 + kSecretDigits || text[kIdDigits] != '_') return std::nullopt;
    std::string id(text.substr(0, kIdDigits));
    for (const std::size_t at : {8u, 13u, 18u, 23u}) id.insert(at, 1, '-');
    return id;
}

KeyHash ApiKeys::hash_of(std::string_view key, const KeyHash* salt) {
    KeyHash hash;
    crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(key.data()), key.size(),
                       salt ? salt->data() : nullptr, salt ? salt->size() : 0);
    return hash;
}

}  // namespace ledgerline::http
