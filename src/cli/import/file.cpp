#include "cli/import/file.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <vector>

#include "base/descriptor.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

constexpr std::size_t kBlockBytes = 64 * 1024;
constexpr mode_t kPrivate = S_IRUSR | S_IWUSR;
constexpr mode_t kReadWriteBits = 0666;
constexpr const char* kStdin = "-";
// Only the kernel creates names under these.
constexpr std::string_view kSystemPlaces[] = {"/dev/", "/proc/"};

std::string text_of(int error) { return std::generic_category().message(error); }

std::unexpected<Error> unusable(const std::string& path, const std::string& why) {
    return failure(Disposition::refuse, std::string(roles::bad_usage), fmt::format("cannot read {}: {}", path, why));
}

std::string temporary_dir() {
    const char* dir = std::getenv("TMPDIR");
    return dir && *dir ? dir : "/tmp";
}

// Without a name: nothing of it remains, however the process ends.
Descriptor open_temporary(const std::string& dir) {
    Descriptor file(open(dir.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, kPrivate));
    if (file.is_open() || (errno != EOPNOTSUPP && errno != EISDIR)) return file;
    std::string name = dir + "/ledgerline-import-XXXXXX";
    Descriptor named(mkostemp(name.data(), O_CLOEXEC));
    if (named.is_open()) unlink(name.c_str());
    return named;
}

bool write_all(int descriptor, const char* data, std::size_t size) {
    while (size > 0) {
        const ssize_t taken = write(descriptor, data, size);
        if (taken < 0 && errno == EINTR) continue;
        if (taken < 0) return false;
        data += taken;
        size -= static_cast<std::size_t>(taken);
    }
    return true;
}

// The rest of source, in a temporary file.
Result<Descriptor> spool(const std::string& path, int source) {
    const std::string dir = temporary_dir();
    const auto no_space = [&](const std::string& why) {
        return failure(Disposition::retry, "no_space",
                       fmt::format("cannot copy the data from {} to {}: {} (set TMPDIR to use another directory)", path,
                                   dir, why));
    };
    Descriptor copy = open_temporary(dir);
    if (!copy.is_open()) return no_space(text_of(errno));
    std::array<char, kBlockBytes> block;
    for (std::int64_t copied = 0;;) {
        const ssize_t size = read(source, block.data(), block.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return unusable(path, text_of(errno));
        if (size == 0) return copy;
        copied += size;
        if (copied > ImportFile::spool_bytes_max)
            return unusable(path, fmt::format("it carries more than {} GiB: import a file instead",
                                              ImportFile::spool_bytes_max >> 30));
        if (!write_all(copy.number(), block.data(), static_cast<std::size_t>(size))) return no_space(text_of(errno));
    }
}

bool same_contents(const struct stat& a, const struct stat& b) {
    return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

}  // namespace

// Reads a regular file from `begin` on, by position, and checks with each block that it has not changed.
class ImportFile::Buffer final : public std::streambuf {
public:
    Buffer(Descriptor file, off_t begin, const struct stat& status)
        : file_(std::move(file)), begin_(begin), at_(begin), status_(status), block_(kBlockBytes) {}

    void rewind() {
        at_ = begin_;
        setg(nullptr, nullptr, nullptr);
    }

    std::optional<std::string> defect() const {
        if (error_ != 0) return text_of(error_);
        struct stat now{};
        if (fstat(file_.number(), &now) != 0) return text_of(errno);
        if (!same_contents(now, status_)) return "it was changed while it was read";
        return std::nullopt;
    }

protected:
    // A stream buffer reports a failed read to its stream by an exception; otherwise it would be the end of the file.
    int_type underflow() override {
        ssize_t size = 0;
        do size = pread(file_.number(), block_.data(), block_.size(), at_);
        while (size < 0 && errno == EINTR);
        if (size < 0) error_ = errno;
        if (defect()) throw std::ios_base::failure("the file cannot be read");
        if (size == 0) return traits_type::eof();
        at_ += size;
        setg(block_.data(), block_.data(), block_.data() + size);
        return traits_type::to_int_type(*gptr());
    }

private:
    const Descriptor file_;
    const off_t begin_;
    off_t at_;
    const struct stat status_;
    std::vector<char> block_;
    int error_ = 0;
};

ImportFile::ImportFile(std::unique_ptr<Buffer> buffer, const struct stat& status, bool has_place, mode_t permissions)
    : buffer_(std::move(buffer)),
      stream_(std::make_unique<std::istream>(buffer_.get())),
      device_(status.st_dev),
      inode_(status.st_ino),
      has_place_(has_place),
      permissions_(permissions) {}
ImportFile::ImportFile(ImportFile&&) noexcept = default;
ImportFile::~ImportFile() = default;

Result<ImportFile> ImportFile::open(const std::string& path) {
    const bool is_stdin = path == kStdin;
    Descriptor source(is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                               : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    const std::string name = is_stdin ? "stdin" : path;
    if (!source.is_open()) return unusable(name, text_of(errno));
    struct stat status{};
    if (fstat(source.number(), &status) != 0) return unusable(name, text_of(errno));
    if (S_ISDIR(status.st_mode)) return unusable(name, "it is a directory");
    const bool is_device = S_ISBLK(status.st_mode) || S_ISCHR(status.st_mode);
    if (is_device && isatty(source.number()) != 1) return unusable(name, "it is a device");

    bool has_place = !is_stdin;
    for (const std::string_view place : kSystemPlaces) has_place = has_place && !path.starts_with(place);
    if (S_ISREG(status.st_mode)) {
        // If stdin is shared with another process, part of it may already have been read.
        const off_t begin = is_stdin ? std::max<off_t>(lseek(source.number(), 0, SEEK_CUR), 0) : 0;
        return ImportFile(std::make_unique<Buffer>(std::move(source), begin, status), status, has_place,
                          status.st_mode & kReadWriteBits);
    }
    LEDGERLINE_TRY(Descriptor copy, spool(name, source.number()));
    struct stat copied{};
    if (fstat(copy.number(), &copied) != 0) return unusable(name, text_of(errno));
    return ImportFile(std::make_unique<Buffer>(std::move(copy), 0, copied), status, false, kPrivate);
}

std::istream& ImportFile::begin() {
    buffer_->rewind();
    stream_->clear();
    return *stream_;
}

std::optional<std::string> ImportFile::defect() const { return buffer_->defect(); }

bool ImportFile::is_at(const std::string& path) const {
    struct stat status{};
    return stat(path.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
}

}  // namespace ledgerline::cli
