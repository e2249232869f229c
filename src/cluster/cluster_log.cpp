#include "cluster/cluster_log.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace ledgerline::cluster {
namespace {

constexpr std::uintmax_t kTailBytes = 2000;

}  // namespace

Result<int> open_log(const std::filesystem::path& path) {
    const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0)
        return failure(Disposition::stop, "data_dir_unusable",
                       fmt::format("cannot write {}: {}", path.string(), std::strerror(errno)));
    return descriptor;
}

void rotate_log(const std::filesystem::path& path) {
    if (log_bytes(path) <= log_bytes_max) return;
    std::error_code error;
    // The writer keeps its descriptor, which appends: so the file is copied and then emptied. Lines written in between
    // are lost.
    std::filesystem::copy_file(path, path.string() + ".1", std::filesystem::copy_options::overwrite_existing, error);
    std::filesystem::resize_file(path, 0, error);
}

std::uintmax_t log_bytes(const std::filesystem::path& path) {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(path, error);
    return error ? 0 : bytes;
}

std::string log_tail(const std::filesystem::path& path, std::uintmax_t after_bytes) {
    const std::uintmax_t size = log_bytes(path);
    const std::uintmax_t start = std::max(std::min(after_bytes, size), size > kTailBytes ? size - kTailBytes : 0);
    std::ifstream file(path, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(start));
    std::string tail(size - start, '\0');
    file.read(tail.data(), static_cast<std::streamsize>(tail.size()));
    tail.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, file.gcount())));
    while (!tail.empty() && tail.back() == '\n') tail.pop_back();
    std::replace(tail.begin(), tail.end(), '\n', ' ');
    return tail;
}

}  // namespace ledgerline::cluster
