// Rows: what one statement gave back.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/uuid.h"

struct pg_result;

namespace ledgerline::pg {

// The rows that one statement gave. Owns them. Reading a column as another type than it has is a programmer error.
class Rows {
public:
    explicit Rows(pg_result* result);

    std::size_t size() const;
    bool empty() const { return size() == 0; }
    // Rows changed by an INSERT, UPDATE or DELETE.
    std::int64_t affected() const;

    bool is_null(std::size_t row, int column) const;
    std::string_view text(std::size_t row, int column) const;  // "" for NULL
    std::int64_t int64(std::size_t row, int column) const;
    bool boolean(std::size_t row, int column) const;
    Uuid uuid(std::size_t row, int column) const;
    WallTime time(std::size_t row,
                  int column) const;  // of a bigint column with microseconds since 1970: unix_micros(...)
    std::string bytes(std::size_t row, int column) const;  // of a bytea column
    std::optional<std::string> optional_text(std::size_t row, int column) const;
    std::optional<std::int64_t> optional_int64(std::size_t row, int column) const;
    std::optional<Uuid> optional_uuid(std::size_t row, int column) const;

private:
    struct Free {
        void operator()(pg_result* result) const;
    };
    std::unique_ptr<pg_result, Free> result_;
};

}  // namespace ledgerline::pg
