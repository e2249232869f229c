#include "api/list_query.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "api/fields.h"

namespace ledgerline::api {
namespace {

constexpr std::size_t kHashChars = 16;

// FNV-1a, 64 bit.
std::uint64_t hash_text(std::uint64_t hash, std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return (hash ^ 0xff) * 0x100000001b3;  // a separator that never occurs in UTF-8 text
}

std::optional<std::int64_t> parse_digits(std::string_view text) {
    std::int64_t number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || text.front() == '-') return std::nullopt;
    return number;
}

const std::string* find_parameter(const http::Request& request, std::string_view name) {
    const auto found = std::ranges::find(request.query, name, &std::pair<std::string, std::string>::first);
    return found == request.query.end() ? nullptr : &found->second;
}

}  // namespace

std::optional<http::Problem> check_parameters(const http::Request& request, std::span<const std::string_view> names) {
    for (auto it = request.query.begin(); it != request.query.end(); ++it) {
        const std::string& name = it->first;
        const auto earlier = [&](const auto& each) { return each.first == name; };
        if (std::any_of(request.query.begin(), it, earlier))
            return problem(ProblemCode::duplicate_parameter,
                           fmt::format("{} must not be given more than once.", http::echo(name)), name);
        if (std::ranges::find(names, name) != names.end()) continue;
        if (name == "offset")
            return problem(ProblemCode::use_cursor, "Lists are paged by cursor: pass next_cursor as cursor.", name);
        return problem(ProblemCode::unknown_parameter,
                       fmt::format("{} is not a query parameter of this call.", http::echo(name)), name);
    }
    return std::nullopt;
}

ListQuery::ListQuery(const http::Request& request, std::string_view route, std::span<const std::string_view> filters,
                     std::initializer_list<CursorKind> kinds)
    : request_(request) {
    std::vector<std::string_view> names(filters.begin(), filters.end());
    names.push_back("limit");
    names.push_back("cursor");
    problem_ = check_parameters(request, names);
    filters_hash_ = hash_text(0xcbf29ce484222325, route);
    for (const std::string_view name : filters) {
        const std::string* value = find(name);
        if (!value) continue;
        filters_hash_ = hash_text(hash_text(filters_hash_, name), *value);
    }
    read_limit();
    read_cursor(kinds);
}

std::expected<bool, http::Problem> truth_parameter(const http::Request& request, std::string_view name) {
    const std::string* value = find_parameter(request, name);
    if (!value || *value == "false") return false;
    if (*value == "true") return true;
    return std::unexpected(
        problem(ProblemCode::invalid_parameter, fmt::format("{} must be true or false.", name), std::string(name)));
}

std::expected<std::optional<WallTime>, http::Problem> time_parameter(const http::Request& request,
                                                                     std::string_view name) {
    const std::string* value = find_parameter(request, name);
    if (!value) return std::nullopt;
    if (const auto time = parse_rfc3339(*value)) return time;
    return std::unexpected(problem(ProblemCode::invalid_parameter,
                                   fmt::format("{} must be an RFC 3339 time, such as 2026-01-31T09:00:00Z.", name),
                                   std::string(name)));
}

const std::string* ListQuery::find(std::string_view name) const { return find_parameter(request_, name); }

void ListQuery::complain(ProblemCode code, std::string_view name, std::string detail) {
    if (!problem_) problem_ = ledgerline::api::problem(code, std::move(detail), std::string(name));
}

void ListQuery::read_limit() {
    const std::string* text = find("limit");
    if (!text) return;
    const auto limit = text->empty() ? std::nullopt : parse_digits(*text);
    if (limit && *limit >= 1 && *limit <= page_rows_max)
        limit_ = *limit;
    else
        complain(ProblemCode::invalid_parameter, "limit",
                 fmt::format("limit must be an integer from 1 to {}.", page_rows_max));
}

// <kind><hash of the list and its filters><position>
void ListQuery::read_cursor(std::initializer_list<CursorKind> kinds) {
    const std::string* text = find("cursor");
    if (!text) return;
    const std::string_view cursor = *text;
    if (cursor.size() > 1 + kHashChars && cursor.substr(1, kHashChars) == fmt::format("{:016x}", filters_hash_)) {
        const std::string_view position = cursor.substr(1 + kHashChars);
        const auto kind = static_cast<CursorKind>(cursor.front());
        const bool known = std::ranges::find(kinds, kind) != kinds.end();
        if (known && kind == CursorKind::id) after_id_ = Uuid::parse(position);
        if (known && kind == CursorKind::seq) after_seq_ = parse_digits(position);
        if (known && kind == CursorKind::letter) after_letter_ = Uuid::parse(position);
    }
    if (!after_id_ && !after_seq_ && !after_letter_) complain_of_cursor();
}

void ListQuery::complain_of_cursor() {
    complain(ProblemCode::invalid_cursor, "cursor", "cursor must be the next_cursor of a list with the same filters.");
}

void ListQuery::expect_cursor(CursorKind kind) {
    const bool other = (after_id_ && kind != CursorKind::id) || (after_seq_ && kind != CursorKind::seq) ||
                       (after_letter_ && kind != CursorKind::letter);
    if (other) complain_of_cursor();
}

void ListQuery::refuse(std::string_view name, std::string detail) {
    complain(ProblemCode::invalid_parameter, name, std::move(detail));
}

std::optional<std::string> ListQuery::text(std::string_view name, std::size_t code_points_max) {
    const std::string* value = find(name);
    if (!value) return std::nullopt;
    const bool is_text = json::parse(json::serialize(json::Value(*value))).has_value();  // valid UTF-8, without U+0000
    if (is_text && !value->empty() && code_points(*value) <= code_points_max) return *value;
    complain(ProblemCode::invalid_parameter, name,
             fmt::format("{} must have 1 to {} UTF-8 characters.", name, code_points_max));
    return std::nullopt;
}

std::optional<std::string> ListQuery::choice(std::string_view name, std::span<const std::string_view> choices) {
    const std::string* value = find(name);
    if (!value) return std::nullopt;
    if (std::ranges::find(choices, *value) != choices.end()) return *value;
    complain(ProblemCode::invalid_parameter, name,
             fmt::format("{} must be one of {}.", name, fmt::join(choices, ", ")));
    return std::nullopt;
}

std::optional<Uuid> ListQuery::uuid(std::string_view name) {
    const std::string* value = find(name);
    if (!value) return std::nullopt;
    const auto id = Uuid::parse(*value);
    if (!id)
        complain(ProblemCode::invalid_parameter, name,
                 fmt::format("{} must be a UUID in its 36-character form.", name));
    return id;
}

std::optional<std::int64_t> ListQuery::integer(std::string_view name, std::int64_t least, std::int64_t most) {
    const std::string* value = find(name);
    if (!value) return std::nullopt;
    const auto number = value->empty() ? std::nullopt : parse_digits(*value);
    if (number && *number >= least && *number <= most) return number;
    complain(ProblemCode::invalid_parameter, name,
             fmt::format("{} must be an integer from {} to {}.", name, least, most));
    return std::nullopt;
}

std::optional<WallTime> ListQuery::time(std::string_view name) {
    auto time = time_parameter(request_, name);
    if (time) return *time;
    if (!problem_) problem_ = std::move(time).error();
    return std::nullopt;
}

std::string ListQuery::cursor_after(const Uuid& id) const { return encode(CursorKind::id, id.to_string()); }
std::string ListQuery::cursor_after(std::int64_t seq) const { return encode(CursorKind::seq, std::to_string(seq)); }
std::string ListQuery::cursor_after_letter(const Uuid& letter) const {
    return encode(CursorKind::letter, letter.to_string());
}

std::string ListQuery::encode(CursorKind kind, std::string_view position) const {
    return fmt::format("{}{:016x}{}", static_cast<char>(kind), filters_hash_, position);
}

}  // namespace ledgerline::api
