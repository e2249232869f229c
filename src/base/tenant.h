// Tenants: whose accounts are, and with them all that belongs to these. Whoever calls does so for one tenant, and
// whatever belongs to another one is as if it were not there.
#pragma once

#include <cstddef>
#include <string_view>

namespace ledgerline {

// Of those who want none, and of whoever operates the installation.
inline constexpr int default_tenant = 0;
inline constexpr std::string_view default_tenant_name = "default";
inline constexpr std::size_t tenant_name_chars_max = 63;

// Lower-case letters and digits, with hyphens between them.
bool is_tenant_name(std::string_view name);

}  // namespace ledgerline
