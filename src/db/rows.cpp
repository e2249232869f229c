#include "db/rows.h"

#include <libpq-fe.h>

#include <charconv>

#include "base/text.h"

namespace ledgerline::db {
namespace {

constexpr Oid kTimestamptz = 1184;  // pg_type.oid, which never changes

}  // namespace

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
std::vector<int> Rows::positions_of(std::span<const std::string_view> columns) const {
    std::vector<int> positions;
    positions.reserve(columns.size());
    for (const std::string_view column : columns) {
        const int position = PQfnumber(result_.get(), std::string(column).c_str());
        expect(position >= 0, "a column is missing in the answer");
        positions.push_back(position);
    }
    return positions;
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
    const auto number = parse_integer<std::int64_t>(text(row, column));
    expect(number.has_value(), "an integer was expected");
    return *number;
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
    check_cell(row, column);
    if (PQftype(result_.get(), column) != kTimestamptz) return WallTime(std::chrono::microseconds(int64(row, column)));
    // "2026-11-23 09:20:00.123456+00": every session has the date style ISO and the time zone UTC.
    std::string iso(text(row, column));
    expect(iso.size() > 13 && iso[10] == ' ' && iso.ends_with("+00"), "a time in UTC was expected");
    iso[10] = 'T';
    const auto time = parse_rfc3339(iso.replace(iso.size() - 3, 3, "Z"));
    expect(time.has_value(), "a time was expected");
    return *time;
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
