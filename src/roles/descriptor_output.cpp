#include "roles/descriptor_output.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace ledgerline::roles {
namespace {

constexpr std::size_t kBufferBytes = 64 * 1024;
constexpr int kNoDeadline = -1;  // the reader of a command's output decides how fast it runs

}  // namespace

DescriptorOutput::DescriptorOutput(int descriptor) : descriptor_(descriptor), buffer_(kBufferBytes) {
    if (fcntl(descriptor, F_GETFD) == -1) error_ = errno;
    setp(buffer_.data(), buffer_.data() + buffer_.size());
}

bool DescriptorOutput::reader_has_left() const { return error_ == EPIPE && written_; }

DescriptorOutput::int_type DescriptorOutput::overflow(int_type c) {
    if (!write_out()) return traits_type::eof();
    if (!traits_type::eq_int_type(c, traits_type::eof())) sputc(traits_type::to_char_type(c));
    return traits_type::not_eof(c);
}

int DescriptorOutput::sync() { return write_out() ? 0 : -1; }

bool DescriptorOutput::write_out() {
    const char* next = pbase();
    while (next < pptr() && error_ == 0) {
        const ssize_t taken = ::write(descriptor_, next, static_cast<std::size_t>(pptr() - next));
        if (taken > 0) {
            written_ = true;
            next += taken;
        } else if (taken < 0 && errno == EAGAIN) {
            pollfd room{descriptor_, POLLOUT, 0};
            poll(&room, 1, kNoDeadline);
        } else if (taken < 0 && errno != EINTR) {
            error_ = errno;
        }
    }
    const bool whole = next == pptr();
    setp(buffer_.data(), buffer_.data() + buffer_.size());
    return whole;
}

}  // namespace ledgerline::roles
