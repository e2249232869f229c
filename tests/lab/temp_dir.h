// TempDir: a directory of a test's own under the temporary directory, which the cluster's user can enter. Removed with
// the object; those of test programs that crashed are removed by a later one.
#pragma once

#include <filesystem>

namespace ledgerline::test {

class TempDir {
public:
    TempDir();
    TempDir(const TempDir&) = delete;
    ~TempDir();
    const std::filesystem::path& path() const { return path_; }

    // Tells other test programs, until this one ends, that it is still used. For tests that run long.
    void keep();

private:
    std::filesystem::path path_;
    int lock_ = -1;
};

}  // namespace ledgerline::test
