#include "cluster/cluster_sizes.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

#include "base/text.h"

namespace ledgerline::cluster {
namespace {

constexpr std::int64_t kMiB = 1 << 20;

// The limit of our control group, version 2 or 1, as a container sees it.
std::optional<std::int64_t> control_group_bytes() {
    for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
        std::string text;
        std::ifstream(path) >> text;
        if (const auto bytes = parse_integer<std::int64_t>(text)) return bytes;
    }
    return std::nullopt;
}

}  // namespace

ClusterSizes sizes_for(const MachineSizes& machine) {
    const std::int64_t memory = machine.memory_bytes / kMiB, disk = machine.disk_free_bytes / kMiB;
    ClusterSizes sizes;
    sizes.shared_buffers = std::clamp<std::int64_t>(memory / 16, 64, 2048);
    sizes.wal_buffers = std::clamp<std::int64_t>(sizes.shared_buffers / 32, 2, 16);
    sizes.effective_cache = std::max<std::int64_t>(memory / 2, 128);
    sizes.maintenance_work = std::clamp<std::int64_t>(memory / 32, 32, 512);
    sizes.max_wal = std::clamp<std::int64_t>(disk / 16, 512, 4096);
    return sizes;
}

MachineSizes sizes_of_machine(const std::filesystem::path& data_dir) {
    MachineSizes machine;
    machine.memory_bytes = std::int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
    if (const auto limit = control_group_bytes()) machine.memory_bytes = std::min(machine.memory_bytes, *limit);
    std::error_code error;
    const auto space = std::filesystem::space(data_dir, error);
    if (!error) machine.disk_free_bytes = static_cast<std::int64_t>(space.available);
    return machine;
}

}  // namespace ledgerline::cluster
