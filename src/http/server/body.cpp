#include "http/server/body.h"

#include <algorithm>

#include "base/text.h"

namespace ledgerline::http {

BodyDecoder::BodyDecoder(const Framing& framing, std::size_t body_bytes_max)
    : chunked_(framing.body == Framing::Body::chunked),
      allowed_(body_bytes_max),
      data_left_(chunked_ ? 0 : framing.content_length),
      part_(chunked_ ? Part::size_line : Part::data) {
    if (data_left_ > allowed_)
        state_ = State::too_large;
    else if (!chunked_ && data_left_ == 0)
        state_ = State::done;
}

BodyDecoder::State BodyDecoder::decode(std::string_view input, std::string& body, std::size_t& used) {
    const std::size_t size = input.size();
    while (state_ == State::more && !input.empty())
        state_ = part_ == Part::data ? take_data(input, body) : take_line(input);
    used = size - input.size();
    return state_;
}

BodyDecoder::State BodyDecoder::take_data(std::string_view& input, std::string& body) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(data_left_, input.size()));
    body += input.substr(0, size);
    input.remove_prefix(size);
    data_left_ -= size;
    allowed_ -= size;
    if (data_left_ > 0) return State::more;
    if (!chunked_) return State::done;
    part_ = Part::data_end;
    return State::more;
}

// Up to the next LF. Anything that cannot be part of a valid line is refused at once, so that line_ stays bounded.
BodyDecoder::State BodyDecoder::take_line(std::string_view& input) {
    while (!input.empty()) {
        const char byte = input.front();
        input.remove_prefix(1);
        const bool after_cr = line_.ends_with('\r');
        if (byte == '\n') return after_cr ? end_line() : State::malformed;
        const bool control = (static_cast<unsigned char>(byte) < 0x20 && byte != '\t') || byte == 0x7f;
        if (after_cr || (control && byte != '\r')) return State::malformed;
        line_ += byte;
        if (line_.size() > extras_bytes_max) return State::malformed;
    }
    return State::more;
}

BodyDecoder::State BodyDecoder::end_line() {
    line_.pop_back();
    State state = State::malformed;
    if (part_ == Part::size_line) {
        state = end_size_line();
    } else if (part_ == Part::trailer_line) {
        state = end_trailer_line();
    } else if (line_.empty()) {
        part_ = Part::size_line;
        state = State::more;
    }
    line_.clear();
    return state;
}

// 1*HEXDIG [ BWS ";" extensions ]: blanks are allowed only before a semicolon (RFC 9112, section 7.1.1).
BodyDecoder::State BodyDecoder::end_size_line() {
    std::uint64_t size = 0;
    std::size_t digits = 0;
    for (; digits < line_.size() && hex_value(line_[digits]) >= 0; ++digits) {
        if (digits == size_digits_max) return State::malformed;
        size = size * 16 + static_cast<std::uint64_t>(hex_value(line_[digits]));
    }
    if (digits == 0 || (digits < line_.size() && !trimmed(line_.substr(digits)).starts_with(';')))
        return State::malformed;
    extras_bytes_ += line_.size() - digits;
    if (extras_bytes_ > extras_bytes_max) return State::malformed;
    if (size > allowed_) return State::too_large;
    data_left_ = size;
    part_ = size > 0 ? Part::data : Part::trailer_line;
    return State::more;
}

BodyDecoder::State BodyDecoder::end_trailer_line() {
    if (line_.empty()) return State::done;
    extras_bytes_ += line_.size();
    return extras_bytes_ > extras_bytes_max || !parse_field(line_) ? State::malformed : State::more;
}

}  // namespace ledgerline::http
