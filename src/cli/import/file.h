// ImportFile: what import reads, twice: a file, or what comes through a pipe.
//
// What can be read once only (a pipe, a FIFO, a terminal) is copied to a temporary file without a name first, which is
// gone with the process. A file is read in place, and must not change meanwhile.
#pragma once

#include <sys/stat.h>

#include <istream>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"

namespace ledgerline::cli {

class ImportFile {
public:
    // How much of a pipe is copied at most. Beyond that it belongs into a file.
    static constexpr std::int64_t spool_bytes_max = std::int64_t{16} << 30;

    // path "-" is stdin. Waits for the writer of a FIFO, and for the end of what it writes. Error bad_usage: there is
    // no such file, it may not be read, or it is a directory or a device; "no_space" (retry): TMPDIR, or /tmp, has no
    // room for the copy. Each names the path and the reason.
    static Result<ImportFile> open(const std::string& path);
    ImportFile(ImportFile&&) noexcept;
    ~ImportFile();

    // From its beginning, as often as one likes: rewinds it. A file that has changed since it was opened, or cannot be
    // read, makes it bad(): defect() says why.
    std::istream& begin();
    // Why reading has failed, or would from now on: the file was changed. Nothing when all is well.
    std::optional<std::string> defect() const;

    // Whether the path names the very file that is read, by whatever name or link.
    bool is_at(const std::string& path) const;
    // Whether a name next to it can be derived from its path.
    bool has_place() const { return has_place_; }
    // Its read and write bits; those of a private file for what came through a pipe.
    mode_t permissions() const { return permissions_; }

private:
    class Buffer;
    ImportFile(std::unique_ptr<Buffer> buffer, const struct stat& status, bool has_place, mode_t permissions);

    std::unique_ptr<Buffer> buffer_;
    std::unique_ptr<std::istream> stream_;
    dev_t device_;
    ino_t inode_;
    bool has_place_;
    mode_t permissions_;
};

}  // namespace ledgerline::cli
