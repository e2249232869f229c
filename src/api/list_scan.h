// Lists whose pages look at a bounded number of rows.
//
// A scan gives the ids of the rows that fit the filters, in the list's order, and where it stopped if it looked at as
// many as it may (sql/queries/api.sql). The page is then read by these ids. It may be short or empty and still have a
// next one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/list_query.h"
#include "db/query.h"

namespace ledgerline::api {

// How many rows a page of transactions may look at for those that fit.
inline constexpr std::int64_t scan_rows_max = 3'000;

// What a scan found.
struct Found {
    std::vector<Uuid> ids;
    std::unordered_map<Uuid, std::string> cursors;  // after each of them
    std::optional<std::string> next_cursor;         // where the scan stopped, unless it came to the end
};

inline std::string cursor_of_kind(const ListQuery& query, CursorKind, std::int64_t place) {
    return query.cursor_after(place);
}
inline std::string cursor_of_kind(const ListQuery& query, CursorKind kind, const Uuid& id) {
    return kind == CursorKind::letter ? query.cursor_after_letter(id) : query.cursor_after(id);
}

// Scanned: sql::ScannedId or sql::ScannedPlace.
template <class Scanned>
Found found_in(const db::Rows& rows, const ListQuery& query, CursorKind kind) {
    Found found;
    const db::TypedRows<Scanned> scanned(rows);
    for (std::size_t row = 0; row < scanned.size(); ++row) {
        const Scanned each = scanned[row];
        const std::string cursor = cursor_of_kind(query, kind, each.position);
        if (each.is_last) found.next_cursor = cursor;
        if (!each.id) continue;
        found.ids.push_back(*each.id);
        found.cursors.emplace(*each.id, cursor);
    }
    return found;
}

}  // namespace ledgerline::api
