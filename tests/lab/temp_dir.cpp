#include "lab/temp_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "base/result.h"

namespace ledgerline::test {
namespace {

constexpr std::string_view kPrefix = "ledgerline-test-";
// A directory without a lock may be one that another program has only just made.
constexpr std::chrono::minutes kFresh{15};

// The data directory of a private cluster has its lock there, too.
std::filesystem::path lock_file(const std::filesystem::path& dir) { return dir / "data" / "lock"; }

bool is_old(const std::filesystem::path& dir) {
    std::error_code error;
    const auto changed = std::filesystem::last_write_time(dir, error);
    return !error && std::filesystem::file_time_type::clock::now() - changed > kFresh;
}

// Whether no test program uses it any more: one that does holds the lock, by itself or as the owner of a cluster.
bool is_abandoned(const std::filesystem::path& dir) {
    if (!is_old(dir)) return false;
    const int descriptor = open(lock_file(dir).c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return errno == ENOENT;
    const bool locked = flock(descriptor, LOCK_EX | LOCK_NB) == 0;
    close(descriptor);
    return locked;
}

void remove_abandoned(const std::filesystem::path& root) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(root, ignored))
        if (entry.path().filename().string().starts_with(kPrefix) && is_abandoned(entry.path()))
            std::filesystem::remove_all(entry.path(), ignored);
}

}  // namespace

TempDir::TempDir() {
    const auto root = std::filesystem::temp_directory_path();
    [[maybe_unused]] static const bool swept = (remove_abandoned(root), true);
    std::string name = (root / (std::string(kPrefix) + "XXXXXX")).string();
    LEDGERLINE_ASSERT(mkdtemp(name.data()));
    LEDGERLINE_ASSERT(chmod(name.c_str(), 0755) == 0);
    path_ = name;
}

void TempDir::keep() {
    std::filesystem::create_directories(lock_file(path_).parent_path());
    lock_ = open(lock_file(path_).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    LEDGERLINE_ASSERT(lock_ >= 0 && flock(lock_, LOCK_EX | LOCK_NB) == 0);
}

TempDir::~TempDir() {
    if (lock_ >= 0) close(lock_);
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace ledgerline::test
