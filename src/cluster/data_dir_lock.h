// DataDirLock: its holder is the only ledgerline process on a data directory. The operating system releases it when the
// process ends, however that happens.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace ledgerline::cluster {

class DataDirLock {
public:
    // directory must exist. Refused with code "data_dir_in_use" (Disposition::stop) and the holder's pid in the
    // message.
    static Result<DataDirLock> acquire(const std::filesystem::path& directory);

    DataDirLock(DataDirLock&& other) noexcept;
    DataDirLock& operator=(DataDirLock&& other) noexcept;
    ~DataDirLock();

private:
    explicit DataDirLock(int descriptor) : descriptor_(descriptor) {}
    int descriptor_;
};

}  // namespace ledgerline::cluster
