// DescriptorOutput: a stream buffer that writes to a descriptor and remembers why it could not.
//
// What cannot be written is lost, and so is everything after it: the stream is bad from then on. A write that a signal
// interrupts, or that a non-blocking descriptor does not accept yet, is continued. Not thread-safe.
#pragma once

#include <streambuf>
#include <vector>

namespace ledgerline::roles {

class DescriptorOutput final : public std::streambuf {
public:
    // Does not own the descriptor. One that is closed now stays closed for this buffer, even if its number is reused
    // later.
    explicit DescriptorOutput(int descriptor);
    ~DescriptorOutput() override { sync(); }

    // errno of the first write that failed; 0 when none has.
    int error() const { return error_; }
    // Whether the reader went away after it had received something: it has had enough, like `head`.
    bool reader_has_left() const;

protected:
    int_type overflow(int_type c) override;
    int sync() override;

private:
    bool write_out();

    const int descriptor_;
    int error_ = 0;
    bool written_ = false;
    std::vector<char> buffer_;
};

}  // namespace ledgerline::roles
