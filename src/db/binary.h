// PostgreSQL's binary forms of the types that statements use: what the server's *_send functions give, and its *_recv
// functions take (src/backend/utils/adt). Integers are big-endian; uuid, text and bytea are their bytes.
#pragma once

#include <boost/endian/conversion.hpp>
#include <cstdint>
#include <string>

#include "base/clock.h"

namespace ledgerline::db {

// pg_type.oid, which never changes.
enum class Oid : std::uint32_t {
    boolean = 16,
    bytea = 17,
    int8 = 20,
    int2 = 21,
    int4 = 23,
    text = 25,
    timestamptz = 1184,
    uuid = 2950,
    jsonb = 3802,
};

// jsonb is this byte and the text.
inline constexpr char jsonb_version = 1;

// timestamptz is the microseconds since 2000-01-01 00:00 UTC.
inline constexpr WallTime timestamptz_zero{std::chrono::seconds(946'684'800)};

inline std::int64_t timestamptz_of(WallTime time) { return (time - timestamptz_zero).count(); }

template <class Integer>
void append_integer(std::string& out, Integer number) {
    const Integer big = boost::endian::native_to_big(number);
    out.append(reinterpret_cast<const char*>(&big), sizeof big);
}

// bytes: as many as Integer has.
template <class Integer>
Integer read_integer(const char* bytes) {
    return boost::endian::endian_load<Integer, sizeof(Integer), boost::endian::order::big>(
        reinterpret_cast<const unsigned char*>(bytes));
}

}  // namespace ledgerline::db
