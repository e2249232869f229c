// The OpenAPI 3.1 document of the API: src/api/openapi.json, embedded at build time. openapi_test.cpp checks it against
// the router's routes and the problem codes.
#pragma once

#include <string_view>

namespace ledgerline::api {

extern const std::string_view openapi_document;

}  // namespace ledgerline::api
