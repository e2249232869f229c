// AnswerReader: takes one HTTP answer apart as its bytes arrive.
//
// It knows what Ledgerline sends: a status line, headers with Content-Length, and a body. Not thread-safe.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace ledgerline::bench {

class AnswerReader {
public:
    enum class State { incomplete, complete, malformed };

    static constexpr std::size_t bytes_max = 16 * 1024 * 1024;

    // Where the next bytes go; never empty.
    std::span<char> room();
    // Takes the first `bytes` of room(). Malformed also means: more bytes than one answer has.
    State take(std::size_t bytes);
    // Of a complete answer, until reset().
    int status() const { return status_; }
    bool keeps_alive() const { return keeps_alive_; }
    std::string_view body() const { return std::string_view(buffer_.data() + body_at_, size_ - body_at_); }
    // Ready for the next answer.
    void reset();

private:
    bool read_head();

    std::vector<char> buffer_;
    std::size_t size_ = 0;
    std::size_t body_at_ = 0;  // 0: the head is not complete
    std::size_t end_ = 0;      // of the answer
    int status_ = 0;
    bool keeps_alive_ = true;
};

// How often part occurs in text, without overlaps.
std::size_t occurrences(std::string_view text, std::string_view part);

}  // namespace ledgerline::bench
