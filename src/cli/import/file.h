// ImportFile: the input of an import, which is read twice: a file, or data from a pipe.
//
// Input that can be read only once (a pipe, a FIFO, a terminal) is first copied to an unnamed temporary file, which
// disappears with the process. A file is read in place, and must not change meanwhile.
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
    // How much of a pipe is copied at most. Larger imports must be files.
    static constexpr std::int64_t spool_bytes_max = std::int64_t{16} << 30;

    // path "-" is stdin. Waits for the writer of a FIFO, and for the end of its data. Error bad_usage: the file does
    // not exist, may not be read, or is a directory or a device; "no_space" (retry): TMPDIR, or /tmp, has no room for
    // the copy. Each names the path and the reason.
    static Result<ImportFile> open(const std::string& path);
    ImportFile(ImportFile&&) noexcept;
    ~ImportFile();

    // Rewinds to the beginning; may be called any number of times. A file that has changed since it was opened, or
    // cannot be read, makes the stream bad(): defect() says why.
    std::istream& begin();
    // Why reading has failed or will fail: the file has changed. Empty when there is no problem.
    std::optional<std::string> defect() const;

    // Whether path is the very file that is read, by whatever name or link.
    bool is_at(const std::string& path) const;
    // Whether the name of a neighbouring file can be derived from its path.
    bool has_place() const { return has_place_; }
    // Its read and write bits; those of a private file for data from a pipe.
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
