#include "base/uuid.h"

#include <cstring>

namespace ledgerline {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

bool is_dash_position(std::size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

std::optional<Uuid> Uuid::parse(std::string_view text) {
    if (text.size() != 36) return std::nullopt;
    Uuid id;
    std::size_t nibble = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (is_dash_position(i)) {
            if (text[i] != '-') return std::nullopt;
            continue;
        }
        const int value = hex_value(text[i]);
        if (value < 0) return std::nullopt;
        auto& byte = id.bytes[nibble / 2];
        byte = static_cast<std::uint8_t>(byte << 4 | value);
        ++nibble;
    }
    return id;
}

std::string Uuid::to_string() const {
    std::string text;
    append_to(text);
    return text;
}

void Uuid::append_to(std::string& out) const {
    std::array<char, 36> text;
    std::size_t at = 0;
    for (const std::uint8_t byte : bytes) {
        if (is_dash_position(at)) text[at++] = '-';
        text[at++] = kHexDigits[byte >> 4];
        text[at++] = kHexDigits[byte & 15];
    }
    out.append(text.data(), text.size());
}

Uuid UuidGenerator::next() {
    constexpr std::uint64_t kCounterBits = 42;
    constexpr std::uint64_t kCounterMask = (std::uint64_t{1} << kCounterBits) - 1;
    const auto since_epoch = clock_.wall_now().time_since_epoch();
    auto now_ms =
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count());

    const std::uint64_t tail = random_.next() & 0xffffffff;
    std::uint64_t counter = 0;
    {
        std::lock_guard lock(mutex_);
        if (now_ms > last_ms_) {
            // Half of the counter's range stays free, so that counting up within a millisecond cannot overflow.
            counter = random_.next() & (kCounterMask >> 1);
        } else {
            now_ms = last_ms_;
            counter = last_counter_ + 1;
            if (counter > kCounterMask) ++now_ms, counter = 0;
        }
        last_ms_ = now_ms;
        last_counter_ = counter;
    }

    Uuid id;
    for (std::size_t i = 0; i < 6; ++i) id.bytes[i] = static_cast<std::uint8_t>(now_ms >> (40 - 8 * i));
    const std::uint64_t high = counter >> 30;              // 12 bits: rand_a
    const std::uint64_t low = counter & ((1u << 30) - 1);  // 30 bits: the top of rand_b
    id.bytes[6] = static_cast<std::uint8_t>(0x70 | high >> 8);
    id.bytes[7] = static_cast<std::uint8_t>(high);
    id.bytes[8] = static_cast<std::uint8_t>(0x80 | low >> 24);
    id.bytes[9] = static_cast<std::uint8_t>(low >> 16);
    id.bytes[10] = static_cast<std::uint8_t>(low >> 8);
    id.bytes[11] = static_cast<std::uint8_t>(low);
    for (std::size_t i = 0; i < 4; ++i) id.bytes[12 + i] = static_cast<std::uint8_t>(tail >> (24 - 8 * i));
    return id;
}

}  // namespace ledgerline

std::size_t std::hash<ledgerline::Uuid>::operator()(const ledgerline::Uuid& id) const noexcept {
    // The last eight bytes of a version 7 UUID hold its randomness.
    std::uint64_t words[2];
    std::memcpy(words, id.bytes.data(), sizeof words);
    return static_cast<std::size_t>(words[0] * 0x9e3779b97f4a7c15u ^ words[1]);
}
