// ListQuery: the query parameters of a list call, and its cursors.
//
// A cursor is opaque to clients. It holds the position after which the next page begins, and a hash of the filters it
// was issued for, so that it cannot be used with another list by mistake. It is not a secret.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/problem_code.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/uuid.h"
#include "http/message.h"

namespace ledgerline::api {

inline constexpr std::int64_t page_rows_max = 1000;
inline constexpr std::int64_t page_rows_default = 50;
// For the queries: the limit of a page's texts of variable size.
inline constexpr auto page_bytes = static_cast<std::int64_t>(limits::page_bytes_max);

// A problem when request has a query parameter that is not among names, or has one twice. For calls without parameters:
// {}.
std::optional<http::Problem> check_parameters(const http::Request& request, std::span<const std::string_view> names);

// What a cursor's position is.
enum class CursorKind : char { id = 'i', seq = 's' };

class ListQuery {
public:
    // route: the name of the list with the path's values, such as "entries/<account id>". filters: its parameters other
    // than limit and cursor. kind: the kind of its cursors. request must outlive this.
    ListQuery(const http::Request& request, std::string_view route, std::span<const std::string_view> filters,
              CursorKind kind = CursorKind::id);

    // The value of a filter; empty when not given. Each complains about an invalid value.
    std::optional<std::string> text(std::string_view name, std::size_t code_points_max);
    std::optional<std::string> choice(std::string_view name, std::span<const std::string_view> choices);
    std::optional<Uuid> uuid(std::string_view name);
    std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);
    std::optional<WallTime> time(std::string_view name);

    // The first problem. Check it once the filters have been read.
    const std::optional<http::Problem>& problem() const { return problem_; }

    std::int64_t limit() const { return limit_; }
    // The cursor's position: that of the last row of the previous page. Empty on the first page.
    const std::optional<Uuid>& after_id() const { return after_id_; }
    const std::optional<std::int64_t>& after_seq() const { return after_seq_; }

    std::string cursor_after(const Uuid& id) const;
    std::string cursor_after(std::int64_t seq) const;

private:
    const std::string* find(std::string_view name) const;
    void complain(ProblemCode code, std::string_view name, std::string detail);
    void read_limit();
    void read_cursor();
    std::string encode(std::string position) const;

    const http::Request& request_;
    const CursorKind kind_;
    std::uint64_t filters_hash_ = 0;
    std::int64_t limit_ = page_rows_default;
    std::optional<Uuid> after_id_;
    std::optional<std::int64_t> after_seq_;
    std::optional<http::Problem> problem_;
};

}  // namespace ledgerline::api
