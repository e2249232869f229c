#include "http/scope.h"

#include <algorithm>

namespace ledgerline::http {

std::optional<Scope> parse_scope(std::string_view name) {
    const auto found = std::ranges::find(named_scopes, name, &NamedScope::name);
    return found == named_scopes.end() ? std::nullopt : std::optional(found->scope);
}

std::string_view name_of(Scope scope) {
    const auto found = std::ranges::find(named_scopes, scope, &NamedScope::scope);
    return found == named_scopes.end() ? std::string_view() : found->name;
}

Scopes Scopes::all() {
    Scopes scopes;
    scopes.add(Scope::admin);
    scopes.add(Scope::cross_tenant);
    return scopes;
}

bool Scopes::allow(Scope needed) const {
    if (needed == Scope::undeclared) return false;
    if (needed == Scope::open || needed == Scope::any) return true;
    const std::uint32_t implied = needed == Scope::cross_tenant ? 0 : bit(Scope::admin);
    return (bits_ & (bit(needed) | implied)) != 0;
}

std::vector<std::string_view> Scopes::names() const {
    std::vector<std::string_view> names;
    for (const auto& [scope, name] : named_scopes)
        if (allow(scope)) names.push_back(name);
    return names;
}

}  // namespace ledgerline::http
