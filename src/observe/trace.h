// Trace context: the traceparent header (W3C Trace Context, level 1, section 3.2).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ledgerline {

// N lower-case hexadecimal digits, held in place.
template <std::size_t N>
class HexText {
public:
    constexpr HexText() { digits_.fill('0'); }
    // digits: N of them, lower case.
    constexpr explicit HexText(std::string_view digits) { digits.copy(digits_.data(), N); }
    // The last N hexadecimal digits of number.
    static constexpr HexText of(std::uint64_t number) {
        HexText text;
        for (std::size_t i = N; i-- > 0; number >>= 4) text.digits_[i] = "0123456789abcdef"[number & 15];
        return text;
    }

    constexpr operator std::string_view() const { return {digits_.data(), N}; }
    bool is_zero() const { return *this == HexText(); }
    bool operator==(const HexText&) const = default;
    bool operator==(std::string_view text) const { return std::string_view(*this) == text; }

private:
    std::array<char, N> digits_;
};

using TraceId = HexText<32>;
using SpanId = HexText<16>;

// One span, as others refer to it.
struct TraceContext {
    TraceId trace_id;  // not all zero
    SpanId span_id;    // not all zero
    bool sampled = false;

    // Nothing when the text violates the specification. Versions after 00 are parsed as it demands: by their first
    // fields.
    static std::optional<TraceContext> parse(std::string_view traceparent);
    std::string to_string() const;
    bool operator==(const TraceContext&) const = default;
};

// The trace id of a traceparent; empty when it is not a valid one.
std::string trace_id_of(std::string_view traceparent);

}  // namespace ledgerline
