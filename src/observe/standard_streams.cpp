#include "observe/standard_streams.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

namespace ledgerline {

void keep_standard_streams_open() {
    for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (fcntl(descriptor, F_GETFD) != -1) continue;
        // open() returns the lowest free number, which is this one.
        if (open("/dev/null", descriptor == STDIN_FILENO ? O_RDONLY : O_WRONLY) < 0) return;
    }
}

// O_NONBLOCK belongs to the open file description, which parents and siblings share: so this opens a new one.
void never_wait_for(int descriptor) {
    struct stat status{};
    if (fstat(descriptor, &status) != 0 || !(S_ISFIFO(status.st_mode) || isatty(descriptor) == 1)) return;
    const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
    const int own = open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own < 0) return;
    dup2(own, descriptor);
    close(own);
}

bool write_if_room(int descriptor, std::string_view text) {
    pollfd asked{descriptor, POLLOUT, 0};
    if (poll(&asked, 1, 0) != 1 || !(asked.revents & POLLOUT)) return false;
    return write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

}  // namespace ledgerline
