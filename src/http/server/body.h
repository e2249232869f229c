// BodyDecoder: extracts a request's body from its framing, piece by piece as it arrives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/server/head.h"

namespace ledgerline::http {

// Not thread-safe. Chunked framing is parsed as strictly as heads are: lines end in CR LF, sizes are hexadecimal digits
// without a sign, and extensions and trailers are bounded and dropped.
class BodyDecoder {
public:
    enum class State { more, done, malformed, too_large };

    // The most that chunk extensions and trailers of one body may add up to, and the most digits of a chunk's size.
    static constexpr std::size_t extras_bytes_max = 8 * 1024;
    static constexpr std::size_t size_digits_max = 16;

    BodyDecoder(const Framing& framing, std::size_t body_bytes_max);

    // Appends to body whatever part of it input contains. used: the bytes of input that belong to this request; any
    // others begin the next one.
    State decode(std::string_view input, std::string& body, std::size_t& used);

private:
    enum class Part { data, data_end, size_line, trailer_line };

    State take_data(std::string_view& input, std::string& body);
    State take_line(std::string_view& input);
    State end_line();
    State end_size_line();
    State end_trailer_line();

    bool chunked_;
    std::size_t allowed_;          // body bytes still allowed
    std::uint64_t data_left_ = 0;  // of the body, or of the chunk
    Part part_;
    std::string line_;  // the current one, with its CR
    std::size_t extras_bytes_ = 0;
    State state_ = State::more;
};

}  // namespace ledgerline::http
