#include "bench/answer_reader.h"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

namespace ledgerline::bench {
namespace {

constexpr std::size_t kRoomBytesMin = 4096;
constexpr std::string_view kVersion = "HTTP/1.1 ";

std::optional<std::size_t> number(std::string_view text) {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

bool same_name(std::string_view a, std::string_view b) {
    return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view without_spaces(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
}

}  // namespace

std::span<char> AnswerReader::room() {
    const std::size_t wanted = std::max(size_ + kRoomBytesMin, end_ + 1);
    if (buffer_.size() < wanted) buffer_.resize(wanted);
    return std::span(buffer_).subspan(size_);
}

bool AnswerReader::read_head() {
    const std::string_view text(buffer_.data(), size_);
    const std::size_t head_end = text.find("\r\n\r\n");
    if (head_end == std::string_view::npos) return true;
    std::string_view head = text.substr(0, head_end);
    const auto status = head.starts_with(kVersion) ? number(head.substr(kVersion.size(), 3)) : std::nullopt;
    std::optional<std::size_t> length;
    while (true) {
        const std::size_t line_end = head.find("\r\n");
        if (line_end == std::string_view::npos) break;
        head.remove_prefix(line_end + 2);
        const std::string_view line = head.substr(0, head.find("\r\n"));
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) return false;
        const std::string_view name = line.substr(0, colon), value = without_spaces(line.substr(colon + 1));
        if (same_name(name, "Content-Length")) length = number(value);
        if (same_name(name, "Connection") && same_name(value, "close")) keeps_alive_ = false;
    }
    if (!status || !length || *length > bytes_max) return false;
    status_ = static_cast<int>(*status);
    body_at_ = head_end + 4;
    end_ = body_at_ + *length;
    return true;
}

AnswerReader::State AnswerReader::take(std::size_t bytes) {
    size_ += bytes;
    if (body_at_ == 0 && (size_ > bytes_max || !read_head())) return State::malformed;
    if (body_at_ == 0 || size_ < end_) return State::incomplete;
    return size_ == end_ ? State::complete : State::malformed;
}

void AnswerReader::reset() {
    size_ = body_at_ = end_ = 0;
    status_ = 0;
    keeps_alive_ = true;
}

std::size_t occurrences(std::string_view text, std::string_view part) {
    std::size_t count = 0;
    while (const void* found = memmem(text.data(), text.size(), part.data(), part.size())) {
        ++count;
        const auto behind = static_cast<const char*>(found) - text.data() + static_cast<std::ptrdiff_t>(part.size());
        text.remove_prefix(static_cast<std::size_t>(behind));
    }
    return count;
}

}  // namespace ledgerline::bench
