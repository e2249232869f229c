#include "api/parameters.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "api/fields.h"
#include "base/text.h"

namespace ledgerline::api {

Parameters::Parameters(const http::Request& request, std::span<const std::string_view> names) : request_(request) {
    for (auto it = request.query.begin(); it != request.query.end(); ++it) {
        const std::string& name = it->first;
        const auto earlier = [&](const auto& each) { return each.first == name; };
        if (std::any_of(request.query.begin(), it, earlier))
            complain(ProblemCode::duplicate_parameter, name,
                     fmt::format("{} must not be given more than once.", http::echo(name)));
        else if (std::ranges::find(names, name) != names.end())
            continue;
        else if (name == "offset")
            complain(ProblemCode::use_cursor, name, "Lists are paged by cursor: pass next_cursor as cursor.");
        else
            complain(ProblemCode::unknown_parameter, name,
                     fmt::format("{} is not a query parameter of this call.", http::echo(name)));
    }
}

const std::string* Parameters::find(std::string_view name) const {
    const auto found = std::ranges::find(request_.query, name, &std::pair<std::string, std::string>::first);
    return found == request_.query.end() ? nullptr : &found->second;
}

void Parameters::complain(ProblemCode code, std::string_view name, std::string detail) {
    faults_.add(ledgerline::api::problem(code, std::move(detail), http::echo(name)));
}

std::optional<std::string> Parameters::text(std::string_view name, std::size_t code_points_max) {
    const std::string* value = find(name);
    if (!value) return std::nullopt;
    const bool is_text = json::parse(json::serialize(json::Value(*value))).has_value();  // valid UTF-8, without U+0000
    if (is_text && !value->empty() && code_points(*value) <= code_points_max) return *value;
    refuse(name, fmt::format("{} must have 1 to {} UTF-8 characters.", name, code_points_max));
    return std::nullopt;
}

std::optional<std::string> Parameters::choice(std::string_view name, std::span<const std::string_view> choices) {
    const std::string* value = find(name);
    if (!value) return std::nullopt;
    if (std::ranges::find(choices, *value) != choices.end()) return *value;
    refuse(name, fmt::format("{} must be one of {}.", name, fmt::join(choices, ", ")));
    return std::nullopt;
}

std::optional<Uuid> Parameters::uuid(std::string_view name) {
    const std::string* value = find(name);
    if (!value) return std::nullopt;
    const auto id = Uuid::parse(*value);
    if (!id) refuse(name, fmt::format("{} must be a UUID in its 36-character form.", name));
    return id;
}

std::optional<std::int64_t> Parameters::integer(std::string_view name, std::int64_t least, std::int64_t most) {
    const std::string* value = find(name);
    if (!value) return std::nullopt;
    const auto number = parse_integer<std::int64_t>(*value);
    if (number && *number >= least && *number <= most) return number;
    refuse(name, fmt::format("{} must be an integer from {} to {}.", name, least, most));
    return std::nullopt;
}

std::optional<WallTime> Parameters::time(std::string_view name) {
    const std::string* value = find(name);
    if (!value) return std::nullopt;
    const auto time = parse_rfc3339(*value);
    if (!time) refuse(name, fmt::format("{} must be an RFC 3339 time, such as 2026-01-31T09:00:00Z.", name));
    return time;
}

bool Parameters::truth(std::string_view name) {
    const std::string* value = find(name);
    if (!value || *value == "false") return false;
    if (*value != "true") refuse(name, fmt::format("{} must be true or false.", name));
    return *value == "true";
}

}  // namespace ledgerline::api
