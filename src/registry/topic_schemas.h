// What the values of each topic are, as JSON Schemas for a registry: made at build time from the files in schemas/.
#pragma once

#include <string_view>

namespace ledgerline::registry {

extern const std::string_view events_schema;
extern const std::string_view dead_letters_schema;
extern const std::string_view outcomes_schema;

}  // namespace ledgerline::registry
