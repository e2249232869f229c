// Scopes: what a key may do. Every route declares the one that it needs.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace ledgerline::http {

enum class Scope : std::uint8_t {
    undeclared,  // no route may be
    open,        // no key is needed
    any,         // a key, whatever its scopes
    accounts_read,
    accounts_write,
    transactions_read,
    transactions_write,
    holds_write,
    dead_letters_read,
    dead_letters_decide,
    lanes_read,
    webhooks_read,
    webhooks_write,
    cross_tenant,   // pay accounts of other tenants
    tenants_admin,  // make tenants, act in any of them, and be admin there
    admin,          // keys and the audit; includes all others, but for cross_tenant
};

// Those that a key can have, with their names: "accounts:read".
struct NamedScope {
    Scope scope;
    std::string_view name;
};
inline constexpr std::array<NamedScope, 13> named_scopes{{{Scope::accounts_read, "accounts:read"},
                                                          {Scope::accounts_write, "accounts:write"},
                                                          {Scope::transactions_read, "transactions:read"},
                                                          {Scope::transactions_write, "transactions:write"},
                                                          {Scope::holds_write, "holds:write"},
                                                          {Scope::dead_letters_read, "dead-letters:read"},
                                                          {Scope::dead_letters_decide, "dead-letters:decide"},
                                                          {Scope::lanes_read, "lanes:read"},
                                                          {Scope::webhooks_read, "webhooks:read"},
                                                          {Scope::webhooks_write, "webhooks:write"},
                                                          {Scope::cross_tenant, "transfers:cross-tenant"},
                                                          {Scope::tenants_admin, "tenants:admin"},
                                                          {Scope::admin, "admin"}}};
std::optional<Scope> parse_scope(std::string_view name);
// "" for those that no key has.
std::string_view name_of(Scope scope);
// Whether it shows or changes what all tenants share: only keys of the default tenant can use it.
constexpr bool is_of_installation(Scope scope) { return scope == Scope::lanes_read || scope == Scope::tenants_admin; }

class Scopes {
public:
    static Scopes all();
    void add(Scope scope) { bits_ |= bit(scope); }
    // Whether a key with these may call a route that needs that one.
    bool allow(Scope needed) const;
    // The names of all that a key with these may have done: with admin, all.
    std::vector<std::string_view> names() const;

private:
    static constexpr std::uint32_t bit(Scope scope) { return std::uint32_t{1} << static_cast<unsigned>(scope); }
    std::uint32_t bits_ = 0;
};

}  // namespace ledgerline::http
