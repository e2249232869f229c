// NewFile: writes a file entirely or not at all, and never over an existing file unless told to.
//
// It is written under a temporary name in the same directory, synced to disk, and renamed in one step. Until then it is
// not visible, and it is removed with the object. A process that is killed leaves ".NAME.XXXXXX" behind.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/descriptor.h"
#include "base/result.h"

namespace ledgerline {

class NewFile {
public:
    // permissions are cut by the umask. Error bad_usage: the path's directory does not take a file, or what is there is
    // no regular file (a device, a FIFO, a directory, a link).
    static Result<NewFile> create(const std::string& path, mode_t permissions);
    // For a secret, which only its owner may read; nothing when path is "". It is made before the secret is asked for,
    // because one that cannot be kept is better not made. Error bad_usage, which names the flag: there is a file
    // already.
    static Result<std::optional<NewFile>> for_secret(const std::string& path, std::string_view flag);
    NewFile(NewFile&& other) noexcept;
    ~NewFile();

    // Error "no_space" (retry): it cannot be written, and has been given up.
    Result<void> write(std::string_view text);

    // Gives it its name, whatever has that name now. Call this or keep_other, once.
    Result<void> replace();
    // Gives it its name, or keeps a file there that has the same content. Error bad_usage: a different one is there;
    // the message ends with advice.
    Result<void> keep_other(std::string_view advice);

private:
    NewFile(std::string path, std::string temporary, Descriptor file);
    Result<void> flush();
    Result<void> finish();
    void sync_name();

    std::string path_;
    std::string temporary_;  // empty once it is removed
    Descriptor file_;
    std::string buffer_;
};

}  // namespace ledgerline
