#include "api/faults.h"

#include <algorithm>
#include <utility>

namespace ledgerline::api {

void Faults::add(http::Problem fault) {
    const bool known = std::ranges::find(list_, fault.field, &http::Problem::field) != list_.end();
    if (!known && list_.size() < listed_max) list_.push_back(std::move(fault));
}

std::optional<http::Problem> Faults::problem() const {
    if (list_.empty()) return std::nullopt;
    json::Array errors;
    for (const http::Problem& fault : list_)
        errors.push_back(
            json::Object{{"code", fault.code}, {"field", http::echo(fault.field)}, {"detail", fault.detail}});
    http::Problem first = list_.front();
    first.extensions.emplace_back("errors", std::move(errors));
    return first;
}

}  // namespace ledgerline::api
