// What an HTTP call answered, as tests look at it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "http/client.h"

namespace ledgerline::test {

struct Answer {
    int status = 0;
    std::vector<http::Header> headers;
    json::Value body;

    std::string header(std::string_view name) const;  // "" when there is none
    // The member at a path such as "results.0.transaction.id": texts and numbers as they are, null as "null", and
    // "missing" where there is none.
    std::string at(std::string_view path) const;
    std::string code() const { return at("code"); }
};

// The body as JSON where it is JSON, else as one text.
Answer answer_of(http::ClientResponse response);

}  // namespace ledgerline::test
