#include "http/tokens/claims.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <ranges>

#include "base/json.h"
#include "base/text.h"

namespace ledgerline::http {
namespace {

constexpr double kSecondsMax = 253'402'300'799;  // the end of the year 9999
constexpr std::size_t kClaimCharsMax = 200;

// A NumericDate (RFC 7519, section 2).
std::optional<WallTime> time_of(const json::Value& value) {
    const json::Number* number = value.if_number();
    if (!number) return std::nullopt;
    double seconds = 0;
    const char* const end = number->text.data() + number->text.size();
    const auto parsed = std::from_chars(number->text.data(), end, seconds);
    if (parsed.ec != std::errc() || parsed.ptr != end || !(seconds >= 0 && seconds <= kSecondsMax)) return std::nullopt;
    return WallTime(std::chrono::seconds(static_cast<std::int64_t>(seconds)));
}

// Whether the value is that text, or a list with it.
bool names_one_of(const json::Value& value, const std::vector<std::string>& texts) {
    const auto is_one = [&](const json::Value& each) {
        return each.if_string() && std::ranges::count(texts, *each.if_string()) > 0;
    };
    const json::Array* list = value.if_array();
    return list ? std::ranges::any_of(*list, is_one) : is_one(value);
}

std::string unescaped(std::string_view step) {
    std::string name;
    for (std::size_t at = 0; at < step.size(); ++at) {
        if (step[at] == '~' && at + 1 < step.size())
            name += step[++at] == '0' ? '~' : '/';
        else
            name += step[at];
    }
    return name;
}

// Null when there is no such claim.
const json::Value* claim_of(const json::Value& claims, std::string_view where) {
    if (!where.starts_with('/')) return claims.find(where);
    const json::Value* found = &claims;
    for (const auto step : std::views::split(where.substr(1), '/')) {
        found = found->find(unescaped({step.begin(), step.end()}));
        if (!found) return nullptr;
    }
    return found;
}

void add_named(std::string_view names, Scopes& scopes) {
    for (const auto name : std::views::split(names, ' '))
        if (const auto scope = parse_scope({name.begin(), name.end()})) scopes.add(*scope);
}

// A text with spaces between the names, or a list.
Scopes scopes_of(const json::Value* value) {
    Scopes scopes;
    if (!value) return scopes;
    if (const std::string* names = value->if_string()) add_named(*names, scopes);
    if (const json::Array* list = value->if_array())
        for (const json::Value& each : *list)
            if (each.if_string()) add_named(*each.if_string(), scopes);
    return scopes;
}

std::optional<TokenFault> read_tenant(const json::Value& claims, const TokenPolicy& policy, std::string& name) {
    name = default_tenant_name;
    if (policy.tenant_claim.empty()) return std::nullopt;
    const json::Value* value = claim_of(claims, policy.tenant_claim);
    if (!value || !value->if_string()) return "its claim of a tenant is missing, or no text";
    name = *value->if_string();
    return std::nullopt;
}

std::optional<TokenFault> read_times(const json::Value& claims, WallTime now, WallTime& ends_at) {
    const auto time = [&](std::string_view name) -> std::optional<WallTime> {
        const json::Value* value = claims.find(name);
        return value ? time_of(*value) : std::nullopt;
    };
    const auto expires_at = time("exp");
    if (!expires_at) return "exp is not a time in seconds";
    ends_at = *expires_at + Claims::skew_max;
    if (ends_at <= now) return "it has expired";
    for (const std::string_view name : {"nbf", "iat"}) {
        if (!claims.find(name)) continue;
        const auto begins_at = time(name);
        if (!begins_at) return "nbf or iat is not a time in seconds";
        if (*begins_at > now + Claims::skew_max) return "it is not valid yet";
    }
    return std::nullopt;
}

}  // namespace

std::expected<Claims, TokenFault> Claims::parse(std::string_view payload, const TokenPolicy& policy, WallTime now) {
    const auto claims = json::parse(payload);
    if (!claims || !claims->if_object()) return std::unexpected("its claims are not one JSON object");
    const json::Value *issuer = claims->find("iss"), *audience = claims->find("aud"), *subject = claims->find("sub");
    if (!issuer || !issuer->if_string() || *issuer->if_string() != policy.issuer)
        return std::unexpected("iss is not the issuer that is trusted here");
    if (!audience || !names_one_of(*audience, policy.audiences)) return std::unexpected("aud does not name this API");
    Claims made;
    if (const auto fault = read_times(*claims, now, made.ends_at)) return std::unexpected(*fault);
    // Who holds it must prove more than that (RFC 7800), which nobody could here.
    if (claims->find("cnf")) return std::unexpected("cnf binds it to a key of its sender");
    const std::string* name = subject ? subject->if_string() : nullptr;
    if (!name || name->empty() || name->size() > subject_bytes_max || has_byte_below(*name, ' '))
        return std::unexpected("sub is no text, too long, or has control characters");
    made.subject = *name;
    if (const auto fault = read_tenant(*claims, policy, made.tenant)) return std::unexpected(*fault);
    made.scopes = scopes_of(claim_of(*claims, policy.scope_claim));
    return made;
}

std::string broken_claim_rule(std::string_view text) {
    if (!text.empty() && text.size() <= kClaimCharsMax && is_visible_ascii(text)) return "";
    return "the name of a claim, or a JSON pointer such as /realm_access/roles";
}

}  // namespace ledgerline::http
