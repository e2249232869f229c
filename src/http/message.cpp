#include "http/message.h"

#include <algorithm>

#include "http/api_key.h"

namespace ledgerline::http {

const std::string* Request::header(std::string_view name) const {
    const auto found = std::ranges::find(headers, name, &Header::first);
    return found == headers.end() ? nullptr : &found->second;
}

void Request::drop_body() {
    const std::size_t weight = std::min(body.capacity(), memory.bytes());
    std::string().swap(body);
    memory.resize(memory.bytes() - weight);
}

std::string_view Request::key_id() const { return key ? std::string_view(key->id) : std::string_view(); }

std::string_view Request::tenant_name() const {
    if (const std::string* named = header("x-tenant")) return *named;
    return key ? std::string_view(key->tenant_name) : default_tenant_name;
}

bool Request::is_of_operator() const { return !key || key->is_operator(); }

bool Request::may_cross_tenants() const { return !key || key->may(Scope::cross_tenant, tenant); }

bool ApiKey::may(Scope scope, int for_tenant) const {
    if (tenant != default_tenant) return for_tenant == tenant && !is_of_installation(scope) && scopes.allow(scope);
    const bool rules = scopes.allow(Scope::tenants_admin);
    if (for_tenant != default_tenant && !rules) return false;
    return scopes.allow(scope) || (scope == Scope::admin && for_tenant != default_tenant);
}

std::vector<std::string_view> ApiKey::usable_scopes() const {
    std::vector<std::string_view> names;
    for (const NamedScope& each : named_scopes)
        if (may(each.scope, tenant)) names.push_back(each.name);
    return names;
}

std::string_view Request::path_param(std::string_view name) const {
    const auto found = std::ranges::find(path_params, name, &std::pair<std::string, std::string>::first);
    return found == path_params.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace ledgerline::http
