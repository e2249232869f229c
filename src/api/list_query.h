// ListQuery: the query parameters of a list call, and its cursors.
//
// A cursor is opaque to clients. It holds the position after which the next page begins, and a hash of the filters it
// was issued for, so that it cannot be used with another list by mistake. It is not a secret.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/parameters.h"
#include "base/limits.h"
#include "base/uuid.h"
#include "http/message.h"

namespace ledgerline::api {

inline constexpr std::int64_t page_rows_max = 1000;
inline constexpr std::int64_t page_rows_default = 50;
// For the queries: the limit of a page's texts of variable size.
inline constexpr auto page_bytes = static_cast<std::int64_t>(limits::page_bytes_max);

// What a cursor's position is: a row's id, a place, or the id of a parked letter.
enum class CursorKind : char { id = 'i', seq = 's', letter = 'p' };

class ListQuery : public Parameters {
public:
    // route: the name of the list with the path's values, such as "entries/<account id>". filters: its parameters other
    // than limit and cursor. kinds: the kinds of its cursors. request must outlive this.
    ListQuery(const http::Request& request, std::string_view route, std::span<const std::string_view> filters,
              std::initializer_list<CursorKind> kinds = {CursorKind::id});

    // Complains about a cursor of another kind.
    void expect_cursor(CursorKind kind);

    std::int64_t limit() const { return limit_; }
    int tenant() const { return tenant_; }  // whose rows are listed
    // The cursor's position: that of the last row of the previous page. Empty on the first page.
    const std::optional<Uuid>& after_id() const { return after_id_; }
    const std::optional<std::int64_t>& after_seq() const { return after_seq_; }
    const std::optional<Uuid>& after_letter() const { return after_letter_; }

    std::string cursor_after(const Uuid& id) const;
    std::string cursor_after(std::int64_t seq) const;
    std::string cursor_after_letter(const Uuid& letter) const;

private:
    void read_cursor(std::initializer_list<CursorKind> kinds);
    void complain_of_cursor();
    std::string encode(CursorKind kind, std::string_view position) const;

    std::uint64_t filters_hash_ = 0;
    std::int64_t limit_ = page_rows_default;
    int tenant_;
    std::optional<Uuid> after_id_;
    std::optional<std::int64_t> after_seq_;
    std::optional<Uuid> after_letter_;
};

}  // namespace ledgerline::api
