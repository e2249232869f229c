#include "db/rows.h"

#include <libpq-fe.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "db/binary.h"
#include "db/statement.h"

namespace ledgerline::db {
namespace {

bool is_text_form(const pg_result* result, int column) {
    return PQfformat(result, column) == static_cast<int>(Form::text);
}

bool is_of(const pg_result* result, int column, Oid type) {
    return PQftype(result, column) == static_cast<::Oid>(type);
}

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
std::string_view Rows::bytes_of(std::size_t row, int column) const {
    check_cell(row, column);
    const int at = static_cast<int>(row);
    return {PQgetvalue(result_.get(), at, column), static_cast<std::size_t>(PQgetlength(result_.get(), at, column))};
}
// The bytes of a value of that type in the binary form. Nothing when the answer is in the text form.
std::optional<std::string_view> Rows::binary(std::size_t row, int column, Oid type, std::size_t size) const {
    const std::string_view bytes = bytes_of(row, column);
    if (is_text_form(result_.get(), column)) return std::nullopt;
    expect(is_of(result_.get(), column, type) && bytes.size() == size, "a value of another type was expected");
    return bytes;
}
std::string_view Rows::text(std::size_t row, int column) const {
    std::string_view bytes = bytes_of(row, column);
    if (is_text_form(result_.get(), column) || !is_of(result_.get(), column, Oid::jsonb) || bytes.empty()) return bytes;
    expect(bytes.front() == jsonb_version, "jsonb of an unknown version");
    return bytes.substr(1);
}
std::int64_t Rows::int64(std::size_t row, int column) const {
    const std::string_view bytes = bytes_of(row, column);
    if (is_text_form(result_.get(), column)) {
        const auto number = parse_integer<std::int64_t>(bytes);
        expect(number.has_value(), "an integer was expected");
        return *number;
    }
    const auto has = [&](Oid type, std::size_t size) {
        return is_of(result_.get(), column, type) && bytes.size() == size;
    };
    if (has(Oid::int8, 8)) return read_integer<std::int64_t>(bytes.data());
    if (has(Oid::int4, 4)) return read_integer<std::int32_t>(bytes.data());
    expect(has(Oid::int2, 2), "an integer was expected");
    return read_integer<std::int16_t>(bytes.data());
}
bool Rows::boolean(std::size_t row, int column) const {
    if (const auto binary = this->binary(row, column, Oid::boolean, 1)) return binary->front() != 0;
    const std::string_view value = bytes_of(row, column);
    expect(value == "t" || value == "f", "a boolean was expected");
    return value == "t";
}
Uuid Rows::uuid(std::size_t row, int column) const {
    if (const auto binary = this->binary(row, column, Oid::uuid, sizeof(Uuid))) {
        Uuid id;
        std::ranges::copy(*binary, reinterpret_cast<char*>(id.bytes.data()));
        return id;
    }
    const auto id = Uuid::parse(bytes_of(row, column));
    expect(id.has_value(), "a UUID was expected");
    return *id;
}
WallTime Rows::time(std::size_t row, int column) const {
    check_cell(row, column);
    if (!is_of(result_.get(), column, Oid::timestamptz)) return WallTime(std::chrono::microseconds(int64(row, column)));
    if (const auto binary = this->binary(row, column, Oid::timestamptz, 8))
        return timestamptz_zero + std::chrono::microseconds(read_integer<std::int64_t>(binary->data()));
    // "2026-11-23 09:20:00.123456+00": every session has the date style ISO and the time zone UTC.
    std::string iso(bytes_of(row, column));
    expect(iso.size() > 13 && iso[10] == ' ' && iso.ends_with("+00"), "a time in UTC was expected");
    iso[10] = 'T';
    const auto time = parse_rfc3339(iso.replace(iso.size() - 3, 3, "Z"));
    expect(time.has_value(), "a time was expected");
    return *time;
}
std::string Rows::bytes(std::size_t row, int column) const {
    const std::string_view value = bytes_of(row, column);
    if (!is_text_form(result_.get(), column)) {
        expect(is_of(result_.get(), column, Oid::bytea), "bytes were expected");
        return std::string(value);
    }
    std::size_t length = 0;
    unsigned char* raw = PQunescapeBytea(reinterpret_cast<const unsigned char*>(value.data()), &length);
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
