// Typed queries: what the generated structs of sql/queries.h stand on.
//
// A query of a SQL file is a struct: its arguments are members, and its Row, if it gives rows, is a struct as well.
//
//     LEDGERLINE_TRY(const auto lanes, connection.query(sql::AuditLanes{}));
//     for (const auto& lane : lanes) total += lane.last_seq.value_or(0);
//     LEDGERLINE_TRY(const auto strays, connection.query(sql::AuditStrays{.lane = 3, .rows_max = 100}));
//
// Columns are found by their names, so a view may gain columns. A column that is missing, NULL where the file does not
// say "?", or of another form is an UnexpectedAnswer.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "db/params.h"
#include "db/rows.h"
#include "db/statement.h"

namespace ledgerline::db {

template <class Q>
concept Query = requires(const Q& query) {
    { Q::statement } -> std::convertible_to<Statement>;
    { query.params() } -> std::same_as<Params>;
};

template <class Q>
concept RowQuery = Query<Q> && requires { typename Q::Row; };

// One row of an answer, whose columns have been found. Both must outlive it.
class NamedRow {
public:
    NamedRow(const Rows& rows, std::size_t row, std::span<const int> columns)
        : rows_(rows), row_(row), columns_(columns) {}

    // The value of the column declared at this position.
    template <class T>
    T get(std::size_t at) const {
        return read_cell(rows_, row_, columns_[at], static_cast<T*>(nullptr));
    }
    // The same row, as if the column declared at this position were the first.
    NamedRow from(std::size_t at) const { return {rows_, row_, columns_.subspan(at)}; }

private:
    static int read_cell(const Rows& rows, std::size_t row, int column, int*);
    static std::int64_t read_cell(const Rows& rows, std::size_t row, int column, std::int64_t*);
    static bool read_cell(const Rows& rows, std::size_t row, int column, bool*);
    static std::string read_cell(const Rows& rows, std::size_t row, int column, std::string*);
    static Uuid read_cell(const Rows& rows, std::size_t row, int column, Uuid*);
    static WallTime read_cell(const Rows& rows, std::size_t row, int column, WallTime*);
    static Bytes read_cell(const Rows& rows, std::size_t row, int column, Bytes*);
    template <class T>
    static std::optional<T> read_cell(const Rows& rows, std::size_t row, int column, std::optional<T>*) {
        if (rows.is_null(row, column)) return std::nullopt;
        return read_cell(rows, row, column, static_cast<T*>(nullptr));
    }

    const Rows& rows_;
    const std::size_t row_;
    const std::span<const int> columns_;
};

// The rows of an answer, each read when it is asked for: for those that are not to be held all at once. Throws
// UnexpectedAnswer as the accessors of Rows do. The answer must outlive it.
template <class Row>
class TypedRows {
public:
    explicit TypedRows(const Rows& rows) : rows_(rows), columns_(rows.positions_of(Row::columns)) {}
    std::size_t size() const { return rows_.size(); }
    Row operator[](std::size_t row) const { return Row::read(NamedRow(rows_, row, columns_)); }

private:
    const Rows& rows_;
    const std::vector<int> columns_;
};

// All of them.
template <RowQuery Q>
std::vector<typename Q::Row> rows_of(const Rows& rows) {
    using Row = typename Q::Row;
    const TypedRows<Row> typed(rows);
    std::vector<Row> out;
    out.reserve(typed.size());
    for (std::size_t row = 0; row < typed.size(); ++row) out.push_back(typed[row]);
    return out;
}

// The first row. Throws UnexpectedAnswer when there is none, and as above.
template <RowQuery Q>
typename Q::Row row_of(const Rows& rows) {
    expect(!rows.empty(), "a row is missing in the answer");
    const std::vector<int> columns = rows.positions_of(Q::Row::columns);
    return Q::Row::read(NamedRow(rows, 0, columns));
}

// The value of a column that may be NULL, where it may not be. Throws UnexpectedAnswer.
template <class T>
T required(std::optional<T> value) {
    expect(value.has_value(), "a value is missing in the answer");
    return *std::move(value);
}

}  // namespace ledgerline::db
