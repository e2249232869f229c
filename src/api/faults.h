// Faults: all that is wrong with a request's body or with its query, one fault a field.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "http/problem.h"

namespace ledgerline::api {

class Faults {
public:
    // The most faults that are listed.
    static constexpr std::size_t listed_max = 20;

    // Keeps the fault, unless its field has one or the list is full.
    void add(http::Problem fault);
    // Empty when nothing is wrong. Otherwise the first fault, with all of them as its member `errors`:
    // [{code, field, detail}, ...].
    std::optional<http::Problem> problem() const;

private:
    std::vector<http::Problem> list_;
};

}  // namespace ledgerline::api
