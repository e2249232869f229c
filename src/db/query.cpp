#include "db/query.h"

namespace ledgerline::db {

int NamedRow::read_cell(const Rows& rows, std::size_t row, int column, int*) {
    const std::int64_t number = rows.int64(row, column);
    expect(std::in_range<int>(number), "an integer of 32 bits was expected");
    return static_cast<int>(number);
}
std::int64_t NamedRow::read_cell(const Rows& rows, std::size_t row, int column, std::int64_t*) {
    return rows.int64(row, column);
}
bool NamedRow::read_cell(const Rows& rows, std::size_t row, int column, bool*) { return rows.boolean(row, column); }
std::string NamedRow::read_cell(const Rows& rows, std::size_t row, int column, std::string*) {
    expect(!rows.is_null(row, column), "a text was expected");
    return std::string(rows.text(row, column));
}
Uuid NamedRow::read_cell(const Rows& rows, std::size_t row, int column, Uuid*) { return rows.uuid(row, column); }
WallTime NamedRow::read_cell(const Rows& rows, std::size_t row, int column, WallTime*) {
    return rows.time(row, column);
}
Bytes NamedRow::read_cell(const Rows& rows, std::size_t row, int column, Bytes*) { return {rows.bytes(row, column)}; }

}  // namespace ledgerline::db
