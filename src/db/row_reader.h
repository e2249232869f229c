// RowReader: reads one row's columns in order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/uuid.h"
#include "db/connection.h"

namespace ledgerline::db {

class RowReader {
public:
    // The rows must outlive it.
    RowReader(const Rows& rows, std::size_t row) : rows_(rows), row_(row) {}

    std::string text() { return std::string(rows_.text(row_, column_++)); }
    std::int64_t int64() { return rows_.int64(row_, column_++); }
    bool boolean() { return rows_.boolean(row_, column_++); }
    int lane() { return static_cast<int>(int64()); }
    Uuid uuid() { return rows_.uuid(row_, column_++); }
    WallTime time() { return rows_.time(row_, column_++); }
    std::optional<std::string> optional_text() { return rows_.optional_text(row_, column_++); }
    std::optional<std::int64_t> optional_int64() { return rows_.optional_int64(row_, column_++); }
    std::optional<Uuid> optional_uuid() { return rows_.optional_uuid(row_, column_++); }
    std::optional<WallTime> optional_time() {
        if (is_null()) return skip(1), std::nullopt;
        return time();
    }

    // Whether the next column is null.
    bool is_null() const { return rows_.is_null(row_, column_); }
    void skip(int columns) { column_ += columns; }

private:
    const Rows& rows_;
    const std::size_t row_;
    int column_ = 0;
};

}  // namespace ledgerline::db
