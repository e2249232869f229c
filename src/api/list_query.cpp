#include "api/list_query.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace ledgerline::api {
namespace {

constexpr std::size_t kHashChars = 16;

// FNV-1a, 64 bit.
std::uint64_t hash_text(std::uint64_t hash, std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return (hash ^ 0xff) * 0x100000001b3;  // a separator that never occurs in UTF-8 text
}

// The parameters of a list call.
std::vector<std::string_view> with_paging(std::span<const std::string_view> filters) {
    std::vector<std::string_view> names(filters.begin(), filters.end());
    names.push_back("limit");
    names.push_back("cursor");
    return names;
}

}  // namespace

ListQuery::ListQuery(const http::Request& request, std::string_view route, std::span<const std::string_view> filters,
                     std::initializer_list<CursorKind> kinds)
    : Parameters(request, with_paging(filters)),
      filters_hash_(hash_text(0xcbf29ce484222325, route)),
      tenant_(request.tenant) {
    for (const std::string_view name : filters) {
        const std::string* value = find(name);
        if (!value) continue;
        filters_hash_ = hash_text(hash_text(filters_hash_, name), *value);
    }
    limit_ = integer("limit", 1, page_rows_max).value_or(page_rows_default);
    read_cursor(kinds);
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
        if (known && kind == CursorKind::seq) after_seq_ = parse_integer<std::int64_t>(position);
        if (known && kind == CursorKind::letter) after_letter_ = Uuid::parse(position);
    }
    if (after_seq_ && *after_seq_ < 0) after_seq_.reset();
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

std::string ListQuery::cursor_after(const Uuid& id) const { return encode(CursorKind::id, id.to_string()); }
std::string ListQuery::cursor_after(std::int64_t seq) const { return encode(CursorKind::seq, std::to_string(seq)); }
std::string ListQuery::cursor_after_letter(const Uuid& letter) const {
    return encode(CursorKind::letter, letter.to_string());
}

std::string ListQuery::encode(CursorKind kind, std::string_view position) const {
    return fmt::format("{}{:016x}{}", static_cast<char>(kind), filters_hash_, position);
}

}  // namespace ledgerline::api
