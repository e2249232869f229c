// What each problem means, for people who follow the type of one: the meanings of the OpenAPI document.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ledgerline::api {

// {type, code, status, meaning, retry}; nothing when there is no such code.
std::optional<std::string> problem_type_json(std::string_view code);

}  // namespace ledgerline::api
