#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

constexpr std::string_view kPrefix = "ledgerline-test-";
// A directory without a lock may be one that another program has only just made.
constexpr std::chrono::minutes kFresh{15};

std::filesystem::path cluster_lock(const std::filesystem::path& dir) { return dir / "data" / "lock"; }

bool is_old(const std::filesystem::path& dir) {
    std::error_code error;
    const auto changed = std::filesystem::last_write_time(dir, error);
    return !error && std::filesystem::file_time_type::clock::now() - changed > kFresh;
}

// Whether a test program still uses it: it holds the lock on its cluster.
bool is_abandoned(const std::filesystem::path& dir) {
    if (!is_old(dir)) return false;
    const int descriptor = open(cluster_lock(dir).c_str(), O_RDWR | O_CLOEXEC);
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

TempDir::~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace ledgerline::test
