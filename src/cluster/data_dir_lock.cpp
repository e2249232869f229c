#include "cluster/data_dir_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace ledgerline::cluster {
namespace {

constexpr const char* kLockFile = "lock";

std::string read_holder(int descriptor) {
    char text[32] = {};
    const ssize_t length = pread(descriptor, text, sizeof text - 1, 0);
    std::string pid(text, length > 0 ? static_cast<std::size_t>(length) : 0);
    while (!pid.empty() && pid.back() == '\n') pid.pop_back();
    return pid.empty() ? "unknown" : pid;
}

void write_holder(int descriptor) {
    const std::string text = std::to_string(getpid()) + "\n";
    // The pid is only for messages: a failure to write it does not matter.
    if (ftruncate(descriptor, 0) == 0) [[maybe_unused]]
        const auto written = pwrite(descriptor, text.data(), text.size(), 0);
}

}  // namespace

Result<DataDirLock> DataDirLock::acquire(const std::filesystem::path& directory) {
    const std::string path = (directory / kLockFile).string();
    const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (descriptor < 0)
        return failure(Disposition::stop, "data_dir_unusable",
                       fmt::format("cannot open {}: {}", path, std::strerror(errno)));
    DataDirLock lock(descriptor);
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return failure(Disposition::stop, "data_dir_unusable",
                           fmt::format("cannot lock {}: {}", path, std::strerror(errno)));
        return failure(
            Disposition::stop, "data_dir_in_use",
            fmt::format("another ledgerline (pid {}) is running on {}", read_holder(descriptor), directory.string()));
    }
    write_holder(descriptor);
    return lock;
}

DataDirLock::DataDirLock(DataDirLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

DataDirLock& DataDirLock::operator=(DataDirLock&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
}

DataDirLock::~DataDirLock() {
    if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace ledgerline::cluster
