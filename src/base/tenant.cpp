#include "base/tenant.h"

#include <algorithm>

namespace ledgerline {

bool is_tenant_name(std::string_view name) {
    const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
    return !name.empty() && name.size() <= tenant_name_chars_max && std::ranges::all_of(name, fits) &&
           name.front() != '-' && name.back() != '-';
}

}  // namespace ledgerline
