#include "base/new_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace ledgerline {
namespace {

constexpr mode_t kOwnerOnly = 0600;

constexpr std::size_t kBufferBytes = 64 * 1024;

std::string text_of(int error) { return std::generic_category().message(error); }

std::unexpected<Error> refused(const std::string& path, const std::string& why) {
    return failure(Disposition::refuse, "bad_usage", fmt::format("cannot write {}: {}", path, why));
}

std::unexpected<Error> no_space(const std::string& path, int error) {
    return failure(Disposition::retry, "no_space", fmt::format("cannot write {}: {}", path, text_of(error)));
}

std::string directory_of(const std::string& path) {
    const std::string parent = std::filesystem::path(path).parent_path().string();
    return parent.empty() ? "." : parent;
}

// It can only be read by setting it, for the whole process.
mode_t current_umask() {
    const mode_t mask = umask(0);
    umask(mask);
    return mask;
}

bool same_content(const std::string& a, const std::string& b) {
    using Bytes = std::istreambuf_iterator<char>;
    std::ifstream one(a, std::ios::binary), other(b, std::ios::binary);
    return one && other && std::equal(Bytes(one), Bytes(), Bytes(other), Bytes());
}

// Never replaces anything. Some file systems support only the older call.
bool rename_if_free(const std::string& from, const std::string& to) {
    if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
    if (errno != EINVAL && errno != ENOSYS) return false;
    if (link(from.c_str(), to.c_str()) != 0) return false;
    unlink(from.c_str());
    return true;
}

}  // namespace

Result<std::optional<NewFile>> NewFile::for_secret(const std::string& path, std::string_view flag) {
    if (path.empty()) return std::nullopt;
    if (access(path.c_str(), F_OK) == 0)
        return failure(Disposition::refuse, "bad_usage", fmt::format("{} {}: exists already", flag, path));
    LEDGERLINE_TRY(NewFile file, create(path, kOwnerOnly));
    return std::optional(std::move(file));
}

NewFile::NewFile(std::string path, std::string temporary, Descriptor file)
    : path_(std::move(path)), temporary_(std::move(temporary)), file_(std::move(file)) {}

NewFile::NewFile(NewFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      file_(std::move(other.file_)),
      buffer_(std::move(other.buffer_)) {}

NewFile::~NewFile() {
    if (!temporary_.empty()) unlink(temporary_.c_str());
}

Result<NewFile> NewFile::create(const std::string& path, mode_t permissions) {
    const std::string name = std::filesystem::path(path).filename().string();
    if (name.empty() || name == "." || name == "..") return refused(path, "it is not the name of a file");
    struct stat there{};
    // Links are not followed either: the target, perhaps /dev/stdout, would be replaced.
    if (lstat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) return refused(path, "it is not a regular file");

    std::string temporary = fmt::format("{}/.{}.XXXXXX", directory_of(path), name);
    Descriptor file(mkostemp(temporary.data(), O_CLOEXEC));
    if (!file.is_open()) return errno == ENOSPC ? no_space(path, errno) : refused(path, text_of(errno));
    NewFile created(path, std::move(temporary), std::move(file));
    if (fchmod(created.file_.number(), permissions & ~current_umask()) != 0) return refused(path, text_of(errno));
    return created;
}

Result<void> NewFile::write(std::string_view text) {
    buffer_ += text;
    return buffer_.size() < kBufferBytes ? Result<void>() : flush();
}

Result<void> NewFile::flush() {
    for (std::string_view left = buffer_; !left.empty();) {
        const ssize_t taken = ::write(file_.number(), left.data(), left.size());
        if (taken < 0 && errno == EINTR) continue;
        if (taken < 0) return no_space(path_, errno);
        left.remove_prefix(static_cast<std::size_t>(taken));
    }
    buffer_.clear();
    return {};
}

// All of it is on disk.
Result<void> NewFile::finish() {
    LEDGERLINE_CHECK(flush());
    if (fsync(file_.number()) != 0) return no_space(path_, errno);
    file_.close();
    return {};
}

// The name must be as durable as the content.
void NewFile::sync_name() {
    temporary_.clear();
    const Descriptor directory(open(directory_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory.is_open()) fsync(directory.number());
}

Result<void> NewFile::replace() {
    LEDGERLINE_CHECK(finish());
    if (rename(temporary_.c_str(), path_.c_str()) != 0) return refused(path_, text_of(errno));
    sync_name();
    return {};
}

Result<void> NewFile::keep_other(std::string_view advice) {
    LEDGERLINE_CHECK(finish());
    if (same_content(path_, temporary_)) return {};
    if (!rename_if_free(temporary_, path_)) {
        if (errno != EEXIST) return refused(path_, text_of(errno));
        return refused(path_, fmt::format("it already exists: {}", advice));
    }
    sync_name();
    return {};
}

}  // namespace ledgerline
