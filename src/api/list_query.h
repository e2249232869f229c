// ListQuery: the query parameters of a list call, and its cursors.
//
// A cursor is opaque to clients. It holds the position after which the next page begins, and a hash of the filters it
// was issued for, so that it cannot be used with another list by mistake. It is not a secret.
#pragma once

#include <cstdint>
#include <expected>
#include <initializer_list>
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

// What a cursor's position is: a row's id, a place, or the id of a parked letter.
enum class CursorKind : char { id = 'i', seq = 's', letter = 'p' };

// A query parameter that is a time. A problem when it is not one in RFC 3339's form.
std::expected<std::optional<WallTime>, http::Problem> time_parameter(const http::Request& request,
                                                                     std::string_view name);

// A query parameter that is true or false; false when it is not given.
std::expected<bool, http::Problem> truth_parameter(const http::Request& request, std::string_view name);

class ListQuery {
public:
    // route: the name of the list with the path's values, such as "entries/<account id>". filters: its parameters other
    // than limit and cursor. kinds: the kinds of its cursors. request must outlive this.
    ListQuery(const http::Request& request, std::string_view route, std::span<const std::string_view> filters,
              std::initializer_list<CursorKind> kinds = {CursorKind::id});

    // The value of a filter; empty when not given. Each complains about an invalid value.
    std::optional<std::string> text(std::string_view name, std::size_t code_points_max);
    std::optional<std::string> choice(std::string_view name, std::span<const std::string_view> choices);
    std::optional<Uuid> uuid(std::string_view name);
    std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);
    std::optional<WallTime> time(std::string_view name);
    // Complains about a parameter.
    void refuse(std::string_view name, std::string detail);
    // Complains about a cursor of another kind.
    void expect_cursor(CursorKind kind);

    // The first problem. Check it once the filters have been read.
    const std::optional<http::Problem>& problem() const { return problem_; }

    std::int64_t limit() const { return limit_; }
    // The cursor's position: that of the last row of the previous page. Empty on the first page.
    const std::optional<Uuid>& after_id() const { return after_id_; }
    const std::optional<std::int64_t>& after_seq() const { return after_seq_; }
    const std::optional<Uuid>& after_letter() const { return after_letter_; }

    std::string cursor_after(const Uuid& id) const;
    std::string cursor_after(std::int64_t seq) const;
    std::string cursor_after_letter(const Uuid& letter) const;

private:
    const std::string* find(std::string_view name) const;
    void complain(ProblemCode code, std::string_view name, std::string detail);
    void read_limit();
    void read_cursor(std::initializer_list<CursorKind> kinds);
    void complain_of_cursor();
    std::string encode(CursorKind kind, std::string_view position) const;

    const http::Request& request_;
    std::uint64_t filters_hash_ = 0;
    std::int64_t limit_ = page_rows_default;
    std::optional<Uuid> after_id_;
    std::optional<std::int64_t> after_seq_;
    std::optional<Uuid> after_letter_;
    std::optional<http::Problem> problem_;
};

}  // namespace ledgerline::api
