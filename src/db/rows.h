// Rows: what one statement returned.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/uuid.h"

struct pg_result;

namespace ledgerline::db {

enum class Oid : std::uint32_t;

// The server's answer is not what the statement returns: another number of rows or columns, or NULL or another type
// where a value belongs. Session::run() turns this into an Error and drops the session.
class UnexpectedAnswer : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// Throws UnexpectedAnswer unless is_so.
inline void expect(bool is_so, const char* what) {
    if (!is_so) throw UnexpectedAnswer(what);
}

// The rows returned by one statement, in PostgreSQL's text or binary form. Owns them. Their contents come from a peer:
// each accessor throws UnexpectedAnswer when there is no such row or column, or its value is not of that type.
class Rows {
public:
    explicit Rows(pg_result* result);

    std::size_t size() const;
    bool empty() const { return size() == 0; }
    // Rows changed by an INSERT, UPDATE or DELETE.
    std::int64_t affected() const;

    // Where these columns stand. Throws UnexpectedAnswer when there is no column of such a name.
    std::vector<int> positions_of(std::span<const std::string_view> columns) const;

    bool is_null(std::size_t row, int column) const;
    std::string_view text(std::size_t row, int column) const;  // "" for NULL
    std::int64_t int64(std::size_t row, int column) const;
    bool boolean(std::size_t row, int column) const;
    Uuid uuid(std::size_t row, int column) const;
    // Of a timestamptz column, or of a bigint column with microseconds since 1970.
    WallTime time(std::size_t row, int column) const;
    std::string bytes(std::size_t row, int column) const;  // of a bytea column
    std::optional<std::string> optional_text(std::size_t row, int column) const;
    std::optional<std::int64_t> optional_int64(std::size_t row, int column) const;
    std::optional<Uuid> optional_uuid(std::size_t row, int column) const;

private:
    void check_cell(std::size_t row, int column) const;
    std::string_view bytes_of(std::size_t row, int column) const;
    std::optional<std::string_view> binary(std::size_t row, int column, Oid type, std::size_t size) const;

    struct Free {
        void operator()(pg_result* result) const;
    };
    std::unique_ptr<pg_result, Free> result_;
};

}  // namespace ledgerline::db
