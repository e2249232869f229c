#include "feed/position.h"

#include "base/base64.h"

namespace ledgerline::feed {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kChecksumBytes = 4;
constexpr std::size_t kCursorCharsMax = 2048;

// Seven bits a byte, the lowest first.
void append_number(std::uint64_t number, std::string& out) {
    for (; number > 0x7f; number >>= 7) out.push_back(static_cast<char>((number & 0x7f) | 0x80));
    out.push_back(static_cast<char>(number));
}

std::optional<std::uint64_t> take_number(std::string_view& bytes) {
    std::uint64_t number = 0;
    for (unsigned shift = 0; shift < 63 && !bytes.empty(); shift += 7) {
        const auto byte = static_cast<unsigned char>(bytes.front());
        bytes.remove_prefix(1);
        number |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
        if (byte <= 0x7f) return number;
    }
    return std::nullopt;
}

// FNV-1a: tells a cursor that was cut or mistyped, not one that was made up.
std::string checksum_of(std::string_view bytes) {
    std::uint32_t hash = 0x811c9dc5;
    for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193;
    std::string out;
    for (unsigned shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(hash >> shift));
    return out;
}

std::optional<FeedPlace> take_place(std::string_view& bytes) {
    const auto seq = take_number(bytes);
    if (!seq) return std::nullopt;
    FeedPlace place{static_cast<std::int64_t>(*seq >> 1), 0};
    if (*seq & 1) {
        const auto nth = take_number(bytes);
        if (!nth || *nth > INT32_MAX) return std::nullopt;
        place.nth = static_cast<int>(*nth);
    }
    return place;
}

}  // namespace

std::string FeedPosition::cursor() const {
    std::string bytes(1, kVersion);
    for (const FeedPlace& place : lanes_) {
        append_number((static_cast<std::uint64_t>(place.seq) << 1) | (place.nth > 0 ? 1 : 0), bytes);
        if (place.nth > 0) append_number(static_cast<std::uint64_t>(place.nth), bytes);
    }
    bytes += checksum_of(bytes);
    return base64url_of(bytes);
}

std::optional<FeedPosition> FeedPosition::parse(std::string_view cursor) {
    if (cursor.size() > kCursorCharsMax) return std::nullopt;
    const auto decoded = from_base64url(cursor);
    if (!decoded || decoded->size() <= 1 + kChecksumBytes || decoded->front() != kVersion) return std::nullopt;
    std::string_view bytes = *decoded;
    const std::string_view checksum = bytes.substr(bytes.size() - kChecksumBytes);
    bytes.remove_suffix(kChecksumBytes);
    if (checksum != checksum_of(bytes)) return std::nullopt;
    bytes.remove_prefix(1);
    FeedPosition position;
    for (FeedPlace& place : position.lanes_) {
        const auto taken = take_place(bytes);
        if (!taken) return std::nullopt;
        place = *taken;
    }
    if (!bytes.empty()) return std::nullopt;
    return position;
}

}  // namespace ledgerline::feed
