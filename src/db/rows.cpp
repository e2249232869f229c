#include "db/rows.h"

#include <libpq-fe.h>

#include <charconv>

namespace ledgerline::db {

Rows::Rows(pg_result* result) : result_(result) {}
void Rows::Free::operator()(pg_result* result) const { PQclear(result); }
std::size_t Rows::size() const { return static_cast<std::size_t>(PQntuples(result_.get())); }
std::int64_t Rows::affected() const {
    std::int64_t count = 0;
    const std::string_view text = PQcmdTuples(result_.get());
    std::from_chars(text.data(), text.data() + text.size(), count);
    return count;
}
void Rows::check_cell(std::size_t row, int column) const {
    expect(row < size(), "a row is missing in the answer");
    expect(column < PQnfields(result_.get()), "a column is missing in the answer");
}
bool Rows::is_null(std::size_t row, int column) const {
    check_cell(row, column);
    return PQgetisnull(result_.get(), static_cast<int>(row), column);
}
std::string_view Rows::text(std::size_t row, int column) const {
    check_cell(row, column);
    const int at = static_cast<int>(row);
    return {PQgetvalue(result_.get(), at, column), static_cast<std::size_t>(PQgetlength(result_.get(), at, column))};
}
std::int64_t Rows::int64(std::size_t row, int column) const {
    const std::string_view digits = text(row, column);
    std::int64_t number = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    expect(parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size(), "an integer was expected");
    return number;
}
bool Rows::boolean(std::size_t row, int column) const {
    const std::string_view value = text(row, column);
    expect(value == "t" || value == "f", "a boolean was expected");
    return value == "t";
}
Uuid Rows::uuid(std::size_t row, int column) const {
    const auto id = Uuid::parse(text(row, column));
    expect(id.has_value(), "a UUID was expected");
    return *id;
}
WallTime Rows::time(std::size_t row, int column) const {
    return WallTime(std::chrono::microseconds(int64(row, column)));
}
std::string Rows::bytes(std::size_t row, int column) const {
    std::size_t length = 0;
    unsigned char* raw = PQunescapeBytea(reinterpret_cast<const unsigned char*>(text(row, column).data()), &length);
    expect(raw != nullptr, "bytes were expected");
    std::string out(reinterpret_cast<char*>(raw), length);
    PQfreemem(raw);
    return out;
}
std::optional<std::string> Rows::optional_text(std::size_t row, int column) const {
    if (is_null(row, column)) return std::nullopt;
    return std::string(text(row, column));
}
std::optional<std::int64_t> Rows::optional_int64(std::size_t row, int column) const {
    if (is_null(row, column)) return std::nullopt;
    return int64(row, column);
}
std::optional<Uuid> Rows::optional_uuid(std::size_t row, int column) const {
    if (is_null(row, column)) return std::nullopt;
    return uuid(row, column);
}

}  // namespace ledgerline::db
